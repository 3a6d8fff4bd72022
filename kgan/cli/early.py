"""What shows to be wrong with a command line before TensorFlow is loaded, which takes seconds.

What only the family, the data or the disk can tell is checked later, where it is used.
"""

import ast
import functools
import importlib.util
import os
import re
from pathlib import Path

from kgan import models
from kgan.cli import planning
from kgan.cli import settings as given_settings
from kgan.data import catalog, kinds, places
from kgan.errors import InputError, unknown
from kgan.models.outline import Outline, outline
from kgan.runs import RunFolder


def check_training(settings: dict, out: str | None = None, overwrite: bool = False) -> None:
    """Checks the settings of a new run.

    Args:
        settings: settings of the command line, completed.
        out: the run folder, or None.
        overwrite: whether a run there may be replaced.

    Raises:
        InputError: for an unknown model, preset, option, loss, penalty, augmentation or data set,
            a value of the wrong type, a size that the model cannot make, a place that is not
            there, or a folder that may not be written to.
    """
    if out is not None:
        RunFolder(out).check_free(overwrite)
    # `auto` chooses the family by the data.
    decided = settings["model"] != planning.AUTO
    if decided and str(settings["model"]).lower() not in models.CATALOGUE:
        raise unknown("model", settings["model"], [*models.CATALOGUE, planning.AUTO])
    known = outline(models.entry(settings["model"])) if decided else None
    if not decided:
        _check_names(settings)
        if not planning.starts_from_images(settings):
            # What `auto` takes for pictures and points.
            _check_size(outline(models.entry("r3gan")), settings["size"])
    if known is not None:
        options = given_settings.option_values(settings, [option.name for option in known.options])
        known.check(options)
        _check_size(known, settings["size"])
        # A package with a family of its own may add names when it is loaded.
        _check_names(settings)
    _check_data(known, settings)
    if settings["warm_start"]:
        _check_source(settings["warm_start"])


def check_evaluation(run: str | None, metrics: tuple[str, ...]) -> None:
    """Checks the run and the metrics of `kgan evaluate`.

    Args:
        run: the run; None if something else is measured.
        metrics: names of metrics.

    Raises:
        InputError: for an unknown metric, or a run that is not there.
    """
    from kgan.metrics.named import METRICS

    for name in metrics:
        METRICS.find(name)
    if run is not None and not Path(run).exists():
        RunFolder.find(run).config()


@functools.cache
def names_in(module: str, table: str = "BUILT_IN") -> tuple[str, ...]:
    """Returns the keys of a module's table, read from its source: `T = {...}`, `T.update(...)`.

    Args:
        module: name of the module, which is not imported.
        table: name of the table.
    """
    place = importlib.util.find_spec(module)
    assert place is not None and place.origin is not None
    tree = ast.parse(Path(place.origin).read_text(encoding="utf-8"))
    found: list[str] = []
    for node in tree.body:
        value = getattr(node, "value", None)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) == table:
                found += [str(key.value) for key in value.keys if isinstance(key, ast.Constant)]
        elif isinstance(value, ast.Call) and ast.unparse(value.func) == f"{table}.update":
            found += [keyword.arg for keyword in value.keywords if keyword.arg]
    return tuple(found)


def _check_size(known: Outline | None, size) -> None:
    check = None if known is None else known.side_check()
    if check is not None and size is not None:
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        check((height, width, 3))


def _check_names(settings: dict) -> None:
    """Checks the names of the loss, the penalties and the augmentation."""
    penalties = [text.partition("=")[0] for text in settings["penalties"]]
    augment = settings.get("augment")
    for kind, module, given in (
        ("loss", "kgan.losses", [settings["loss"]]),
        ("penalty", "kgan.penalties", penalties),
        ("augmentation", "kgan.augment", [augment]),
    ):
        for name in given:
            # What is more than a name is read where it is used.
            plain = name not in (None, "none") and re.fullmatch(r"\w+", name)
            if plain and name not in names_in(module):
                raise unknown(kind, name, names_in(module))


def _check_data(known: Outline | None, settings: dict) -> None:
    """Checks that what --data and --data-b name is there."""
    for source in (settings["data"], settings.get("data_b")):
        if source is None or source in catalog.BUILT_IN:
            continue
        if known is not None and known.reads in (kinds.PAIRS.name, kinds.CROPS.name):
            # They take a folder alone, and say so.
            continue
        if places.path_of(source) is None and not _may_be_published(source, settings["data_dir"]):
            raise places.unknown_name(source)


def _may_be_published(name: str, data_dir) -> bool:
    """Whether TensorFlow Datasets may have a data set, of its own or in the user's folder."""
    if ":" in name or places.knows(name):
        return True
    folder = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(folder).expanduser().joinpath(name.split("/")[0]).is_dir()


def _check_source(warm_start: str) -> None:
    """Checks that the weights to start from are there."""
    path = Path(warm_start).expanduser()
    if path.suffix == ".keras" and not path.is_file():
        raise InputError(f"There is no file {warm_start!r} to take weights from.")
    if not path.is_file():
        RunFolder.find(path).config()
