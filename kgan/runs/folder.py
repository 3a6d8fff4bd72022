"""A run on disk: its configuration, its pictures, checkpoints and the finished model."""

import csv
import datetime
import difflib
import json
import os
import platform
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import kgan
from kgan.errors import InputError
from kgan.runs.files import remove, replace, writing
from kgan.typing import PathLike

if TYPE_CHECKING:
    from kgan.training.model import AdversarialModel

# Deleted by --overwrite; config.json is replaced last, so that a run is known as one till then.
_CONTENTS = (
    "history.csv",
    "losses.png",
    "evaluations.json",
    "gan.keras",
    "first-stage.weights.h5",
    "samples",
    "checkpoints",
    "logs",
    "saved_model",
)


class RunFolder:
    """The folder `kgan train` fills and the other commands read.

    Attributes:
        path: the folder; `samples`, `checkpoints`, `logs`, `saved_model`, `model`, `history`,
            `plot` and `evaluations` are what lies in it.
    """

    def __init__(self, path: PathLike):
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.logs = self.path / "logs"
        self.saved_model = self.path / "saved_model"
        self.model = self.path / "gan.keras"
        self.first_stage = self.path / "first-stage.weights.h5"
        self.history = self.path / "history.csv"
        self.plot = self.path / "losses.png"
        self.evaluations = self.path / "evaluations.json"

    def config(self) -> dict:
        """What the run was started with.

        Raises:
            InputError: where there is no run here, or its configuration cannot be read.
        """
        if not self.config_file.is_file():
            siblings = [p.parent for p in self.path.parent.glob("*/config.json")]
            near = difflib.get_close_matches(str(self.path), map(str, siblings), n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise InputError(
                f"{self.path} holds no run: there is no config.json in it.{hint} "
                "`kgan train --out FOLDER` makes one."
            )
        try:
            config = json.loads(self.config_file.read_text(encoding="utf-8"))
            lacking = {"settings", "model", "compile", "versions"} - config.keys()
        except (ValueError, AttributeError) as error:
            raise InputError(
                f"{self.config_file} cannot be read as the configuration of a run: {error}."
            ) from None
        if lacking:
            raise InputError(
                f"{self.config_file} is not the configuration of a run, or is damaged: it lacks "
                f"{', '.join(sorted(lacking))}."
            )
        return config

    def check_free(self, overwrite: bool) -> None:
        """Refuses a folder that holds something, and one that cannot be written to.

        Nothing is made or deleted yet: the rest of the input is still to be checked.

        Raises:
            InputError: the message says which of the two, and what to do.
        """
        try:
            if self.path.is_dir() and any(self.path.iterdir()):
                self._check_replaceable(overwrite)
            place = next(p for p in (self.path, *self.path.absolute().parents) if p.exists())
            if not place.is_dir():
                raise InputError(f"{place} is a file; --out takes a folder.")
            with tempfile.TemporaryFile(dir=place) as probe:
                probe.write(b"kgan")
        except OSError as error:
            raise InputError(
                f"Cannot write to {self.path}: {error.strerror}. Choose another folder with --out."
            ) from None

    def _check_replaceable(self, overwrite):
        if not self.config_file.is_file():
            raise InputError(
                f"{self.path} holds files that are no run of kgan's. "
                "Choose an empty or new folder with --out."
            )
        if not overwrite:
            raise InputError(
                f"{self.path} holds a run already. Go on with it by --resume, delete it by "
                "--overwrite, or choose another folder with --out."
            )
        # Other programs have a config.json too.
        self.config()

    def clear(self) -> None:
        """Deletes an earlier run here, and nothing that is not a run's."""
        for name in _CONTENTS:
            remove(self.path / name)

    def write_config(self, config: dict) -> None:
        """Writes `config.json`."""
        text = json.dumps(config, indent=2) + "\n"
        replace(self.config_file, lambda part: part.write_text(text, encoding="utf-8"))

    def rows(self) -> list[dict[str, str]]:
        """The rows of `history.csv`, one an epoch."""
        if not self.history.is_file():
            return []
        with self.history.open(newline="") as file:
            rows = list(csv.DictReader(file))
        # What stands beyond the last name has none.
        return [{name: value or "" for name, value in row.items() if name} for row in rows]

    def add_to_history(self, epoch: int, step: int, logs: dict) -> None:
        """Adds an epoch's row to `history.csv`.

        Where it has figures that no row had before, all are written anew, with blanks in those.
        """
        row = {"epoch": epoch, "step": step, **{k: float(v) for k, v in logs.items()}}
        names = self._columns()
        if not row.keys() <= set(names):
            self._write_history([*self.rows(), row])
            return
        with writing(self.history), self.history.open("a", newline="") as file:
            csv.DictWriter(file, names, restval="").writerow(row)

    def _columns(self) -> list[str]:
        """The names in the head of `history.csv`; none where there is no file."""
        if not self.history.is_file():
            return []
        with self.history.open(newline="") as file:
            return next(csv.reader(file), [])

    def _write_history(self, rows: list[dict]) -> None:
        """Writes `history.csv` anew: a column for each name that a row has."""
        names = list(dict.fromkeys(name for row in rows for name in row))

        def write(part):
            with part.open("w", newline="") as file:
                writer = csv.DictWriter(file, names, restval="")
                writer.writeheader()
                writer.writerows(rows)

        replace(self.history, write)

    def evaluated(self) -> list[dict]:
        """What `kgan evaluate` has measured so far, the latest last.

        Raises:
            InputError: where the file is damaged.
        """
        if not self.evaluations.is_file():
            return []
        try:
            records = json.loads(self.evaluations.read_text(encoding="utf-8"))
        except ValueError:
            records = None
        if not isinstance(records, list):
            raise InputError(
                f"{self.evaluations} cannot be read. Move it away, and evaluate again."
            )
        return records

    def trim_history(self, epoch: int) -> None:
        """Drops the rows from `epoch` on, which a resumed run will write again."""
        rows = [row for row in self.rows() if row["epoch"].isdigit() and int(row["epoch"]) < epoch]
        if not rows:
            self.history.unlink(missing_ok=True)
            return
        self._write_history(rows)


def trained(run: RunFolder) -> "AdversarialModel":
    """The model of a run in its newest state: the finished one, or a later checkpoint.

    Raises:
        InputError: where there is no run, or nothing of it is saved yet.
    """
    config = run.config()

    # Who only reads what was measured does not wait for TensorFlow.
    from kgan import callbacks, models

    saved = callbacks.latest(run.checkpoints)
    finished = config.get("finished_steps", 0) if run.model.is_file() else 0
    if finished and (saved is None or finished >= saved.iterations):
        return kgan.load(run.model)
    if saved is None:
        raise InputError(
            f"{run.path} has no saved state yet; let `kgan train` reach its first checkpoint."
        )
    try:
        gan = models.find(config["settings"]["model"]).from_config(config["model"])
        gan.compile_from_config(config["compile"])
        gan.load_weights(saved.weights)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"The model of {run.path} cannot be built again: {error}. Its config.json or "
            "checkpoints may be damaged, or another version's."
        ) from error
    return gan


def provenance() -> dict:
    """When, on what and with which versions a run was started."""
    packages = ("tensorflow", "keras", "numpy")
    return {
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "versions": {
            "kgan": kgan.__version__,
            **{package: metadata.version(package) for package in packages},
            "python": platform.python_version(),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
