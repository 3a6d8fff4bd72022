"""The folder of a run: its configuration, pictures, checkpoints and finished model."""

import datetime
import difflib
import json
import os
import platform
import shutil
import tempfile
import warnings
from importlib import metadata
from pathlib import Path

import kgan
from kgan import pretrained, records
from kgan.disk import locks, marks
from kgan.disk.writing import remove, remove_leftovers, replace
from kgan.errors import InputError
from kgan.runs import configuration, history, hub
from kgan.typing import PathLike

_MOVE_AWAY = "Move it away, and evaluate again."

# Deleted by --overwrite. config.json is replaced last, so that the folder is known as a run's.
_CONTENTS = (
    "history.csv",
    "damaged-history.csv",
    "losses.png",
    "evaluations.json",
    "report.html",
    "gan.keras",
    "first-stage.weights.h5",
    "samples",
    "checkpoints",
    "logs",
    "loggers",
    "saved_model",
)


class RunFolder:
    """The folder `kgan train` fills and the other commands read.

    Attributes:
        path: the folder.
        config_file: settings, model and versions (`config.json`).
        samples: folder with pictures of samples.
        checkpoints: folder with the checkpoints.
        logs: folder with TensorBoard's event files.
        loggers: folder with the names of the run in other programs, and what these write here.
        saved_model: the exported generator.
        model: the finished model (`gan.keras`).
        first_stage: weights of the stage before adversarial training, if the family has one.
        history: logs by epoch (`history.csv`).
        plot: the losses, drawn (`losses.png`).
        evaluations: what `kgan evaluate` has measured (`evaluations.json`).
        card: the model card (`README.md`).
        report: all of it on one page (`report.html`).
    """

    def __init__(self, path: PathLike, downloaded: bool = False):
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.logs = self.path / "logs"
        self.loggers = self.path / "loggers"
        self.saved_model = self.path / "saved_model"
        self.model = self.path / "gan.keras"
        self.first_stage = self.path / "first-stage.weights.h5"
        self.history = self.path / "history.csv"
        self.plot = self.path / "losses.png"
        self.evaluations = self.path / "evaluations.json"
        self.card = self.path / marks.CARD
        self._downloaded = downloaded
        self.report = self.path / "report.html"
        self._locked = False

    @classmethod
    def find(cls, path: PathLike) -> "RunFolder":
        """Returns the run in a folder, or the trained model of that name that kgan carries.

        A folder, where there is one, comes before the name. A place of the form
        `hf://OWNER/NAME` is downloaded; see `kgan.runs.hub`.
        """
        if hub.is_place(path):
            return cls(hub.fetch(str(path)), downloaded=True)
        carried = None if Path(path).exists() else pretrained.folder(str(path))
        return cls(path if carried is None else carried)

    @property
    def is_carried(self) -> bool:
        """Whether it is part of the package or a download, and only read."""
        return self._downloaded or pretrained.carried(self.path)

    def config(self) -> dict:
        """Returns the configuration of the run: settings, model, compile arguments and versions.

        Raises:
            InputError: if there is no run here, or its configuration cannot be read.
        """
        if not self.config_file.is_file():
            siblings = [p.parent for p in self.path.parent.glob("*/config.json")]
            near = difflib.get_close_matches(str(self.path), map(str, siblings), n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise InputError(
                f"{self.path} holds no run: there is no config.json in it.{hint} "
                "`kgan train --out FOLDER` makes one. kgan itself carries the trained models "
                f"{', '.join(pretrained.names())}."
            )
        return configuration.read(self.config_file)

    def check_free(self, overwrite: bool) -> None:
        """Checks that a run may be written here, without making or deleting anything yet.

        Raises:
            InputError: if the folder holds something that may not be replaced, or cannot be
                written to; the message says what to do.
        """
        try:
            # Of a run that was killed at its beginning there may be a lock.
            ours = (locks.LOCK, locks.HOLDER)
            if self.path.is_dir() and any(path.name not in ours for path in self.path.iterdir()):
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
                f"{self.path} holds a run already. Continue it with --resume, delete it with "
                "--overwrite, or choose another folder with --out."
            )
        # Other programs write a config.json too; this raises if it is not a run's.
        self.config()
        marks.check_run(self.path)

    def clear(self) -> None:
        """Deletes the files of an earlier run here, and no others."""
        for name in _CONTENTS:
            remove(self.path / name)
        if marks.is_own_card(self.card):
            remove(self.card)

    def lock(self) -> None:
        """Makes the folder, and lets no other process train in it until `unlock`.

        What an earlier process that was killed left of its writes is deleted.

        Raises:
            InputError: if another process trains in it; the message says which.
        """
        if self._locked:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        before = locks.acquire(
            self.path, "Wait until it ends, stop it, or choose another folder with --out."
        )
        self._locked = True
        if before:
            print(f"This run was in use by {before}. That has ended without a word.")
        for folder in (self.path, self.samples):
            remove_leftovers(folder)

    def unlock(self) -> None:
        """Lets other processes train in the folder."""
        if self._locked:
            self._locked = False
            locks.release(self.path)

    def bytes(self) -> int:
        """Returns how large all files of the run are together."""
        files = (path for path in self.path.rglob("*") if path.is_file())
        return sum(p.stat().st_size for p in files if p.name not in (locks.LOCK, locks.HOLDER))

    def write_config(self, config: dict) -> None:
        """Writes `config.json`."""
        text = json.dumps(configuration.signed(config), indent=2) + "\n"
        replace(self.config_file, lambda part: part.write_text(text, encoding="utf-8"))

    def rows(self) -> list[dict[str, str]]:
        """Returns the rows of `history.csv`, one an epoch, as text by column name.

        Lines that are no epoch's are left out, with a warning.
        """
        rows, problem = history.read(self.history)
        if problem:
            warnings.warn(f"{self.history}: {problem}", stacklevel=2)
        return rows

    def add_to_history(self, epoch: int, step: int, logs: dict) -> None:
        """Adds an epoch's row to `history.csv`.

        If it has a figure that no row had before, the file is rewritten with a new column, which is
        blank in the earlier rows.
        """
        row = {"epoch": epoch, "step": step, **{k: float(v) for k, v in logs.items()}}
        names = history.columns(self.history)
        if not row.keys() <= set(names):
            self._write_history([*self.rows(), row])
            return
        longer = history.with_row(self.history, names, row)
        replace(self.history, lambda part: part.write_bytes(longer), flush=False)

    def _write_history(self, rows: list[dict]) -> None:
        """Rewrites `history.csv`, with a column for each name that any row has."""
        replace(self.history, lambda part: history.write(part, rows), flush=False)

    def evaluated(self) -> list[dict]:
        """Returns the records of `kgan evaluate`, the latest last.

        Raises:
            InputError: if the file is damaged.
        """
        if not self.evaluations.is_file():
            return []
        found = records.read(self.evaluations, _MOVE_AWAY)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise InputError(f"{self.evaluations} holds no list of evaluations. {_MOVE_AWAY}")
        for number, each in enumerate(found, 1):
            records.check_format(self.evaluations, each.get("format"))
            signed = "checksum" in each or "format" in each
            if signed and each.get("checksum") != records.checksum(each):
                raise InputError(
                    f"{self.evaluations} has changed since it was written: its evaluation "
                    f"{number} has another checksum. {_MOVE_AWAY}"
                )
        return found

    def add_evaluation(self, record: dict) -> None:
        """Adds a record of `kgan evaluate` to `evaluations.json`."""
        text = json.dumps([*self.evaluated(), records.signed(record)], indent=2) + "\n"
        replace(self.evaluations, lambda part: part.write_text(text, encoding="utf-8"))

    def trim_history(self, epoch: int) -> None:
        """Deletes the rows from `epoch` on, which a resumed run writes again.

        A file with lines that are no epoch's is first copied to `damaged-history.csv`.
        """
        kept, problem = history.read(self.history)
        if problem:
            aside = self.history.with_name(f"damaged-{self.history.name}")
            replace(aside, lambda part: shutil.copyfile(self.history, part))
            warnings.warn(
                f"{self.history}: {problem} The file as it was is kept as {aside.name}.",
                stacklevel=2,
            )
        kept = [row for row in kept if int(row["epoch"]) < epoch]
        if not kept:
            self.history.unlink(missing_ok=True)
            return
        self._write_history(kept)


def provenance() -> dict:
    """Returns the time, the machine and the versions, for the record of a run."""
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
