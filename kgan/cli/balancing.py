"""`kgan balance`: writes generated samples for the classes that a data set has few of."""

import re
from pathlib import Path

import numpy as np

from kgan.data import kinds
from kgan.disk import marks
from kgan.errors import InputError
from kgan.runs import RunFolder, trained
from kgan.runs.files import replace

# What no file system or shell takes, or takes for something else, in the name of a folder.
_UNFIT = re.compile(r'[\\/:*?"<>|\x00-\x1f]|^\.|[. ]$')


def write_balanced(
    run: RunFolder,
    data: str | None,
    split: str | None,
    to: int | None,
    confidence: float,
    with_real: bool,
    seed: int,
    out: Path,
    overwrite: bool,
) -> str:
    """Generates what the rare classes of a data set lack, and writes it.

    Args:
        run: a trained run of a conditional model.
        data: another data set than the run's; None means the run's.
        split: part of the data; None means the part that the run was trained on, and "train" of
            other data.
        to, confidence, seed: as in `kgan.balance`.
        with_real: whether to write the real samples as well.
        out: a folder, which gets a sub-folder for each class, or a `.npz` file.
        overwrite: whether to replace what is at `out`.

    Returns:
        The message for the user.

    Raises:
        InputError: if `out` cannot be written, or the run cannot balance this data.
    """
    from kgan.cli import reading
    from kgan.inference.balancing import balance
    from kgan.metrics.labelled import read_labelled

    suffix = out.suffix.lower()
    if suffix not in ("", ".npz"):
        raise InputError(f"-o takes a folder or FILE.npz (arrays); got {out.name!r}.")
    config = run.config()
    settings = config["settings"]
    marks.check_free(out, overwrite, _check_balanced if suffix == "" else None)
    gan = trained(run)
    if kinds.of(gan).from_images or not gan.classes:
        raise InputError(
            f"The model of {run.path} is not conditioned on a class, so that it cannot draw "
            "samples of a rare one. Train a conditional model: `kgan train conditional`, or `kgan "
            "train r3gan -O classes=N`."
        )
    if suffix == "" and len(gan.sample_shape) != 3:
        raise InputError(
            f"Folders are for images; these samples have shape {gan.sample_shape}. Take -o "
            "FILE.npz."
        )
    other = data is not None and data != settings["data"]
    split = split or ("train" if other else settings["split"])
    settings = settings | ({"data": data, "data_b": None} if other else {})
    real = reading.load(type(gan), settings, split, 250, measuring=gan)
    if not real.info.classes:
        raise InputError(
            f"The data {real.info.name!r} has no labels. Give a folder with a sub-folder for each "
            "class, or other labelled data."
        )
    names = tuple(config.get("data", {}).get("class_names", ()))
    samples, labels = read_labelled("data", real, gan.data_range)
    labels = numbered_as(labels, real.info.class_names, names)
    names = names or tuple(real.info.class_names)
    more = balance(
        gan, (samples, labels), to=to, confidence=confidence, seed=seed, class_names=names
    )
    together = more.with_real() if with_real else (more.samples, more.labels)
    if suffix == ".npz":
        replace(out, lambda part: _save_arrays(part, *together))
    else:
        folders = folder_names(names, len(more.lacked))
        replace(out, lambda part: _write_folders(part, more, folders, with_real, gan.data_range))
    return _summary(more, names, with_real, out)


def numbered_as(labels, of_data, of_run) -> np.ndarray:
    """Returns labels numbered as the run numbers its classes, by their names.

    Args:
        labels: the labels of the data.
        of_data, of_run: names of the classes of the data and of the run; without names the
            numbers are taken as they are.

    Raises:
        InputError: if the data has a class that the run does not have.
    """
    of_data, of_run = list(of_data), list(of_run)
    if not of_data or not of_run or of_data == of_run:
        return labels
    unknown = [name for name in of_data if name not in of_run]
    if unknown:
        raise InputError(
            f"The data has the class {unknown[0]!r}, which the run was not trained on; its classes "
            f"are {', '.join(of_run[:10])}{', ...' if len(of_run) > 10 else ''}."
        )
    return np.array([of_run.index(name) for name in of_data])[labels]


def folder_names(names, classes: int) -> list[str]:
    """Returns the name of the folder of each class, all of them different.

    A class without a name has its number, with as many digits as the largest.
    """
    digits = len(str(classes - 1))
    found: list[str] = []
    for label in range(classes):
        name = names[label] if label < len(names) else f"{label:0{digits}}"
        name = _UNFIT.sub("_", name)
        taken = {other.lower() for other in found}
        found.append(f"{label}-{name}" if name.lower() in taken or not name else name)
    return found


def _write_folders(out: Path, more, folders, with_real: bool, value_range) -> None:
    from kgan.pictures.pixels import to_pixels, write_pixels

    out.mkdir()
    parts = [("generated", more.samples, more.labels)]
    parts += [("real", *more.real)] if with_real else []
    for kind, samples, labels in parts:
        digits = len(str(len(samples)))
        for index, (sample, label) in enumerate(zip(samples, labels, strict=True)):
            folder = out / folders[label]
            folder.mkdir(exist_ok=True)
            pixels = to_pixels(sample[None], value_range)[0]
            write_pixels(folder / f"{kind}-{index:0{digits}}.png", pixels, "balance")


def _save_arrays(path: Path, samples, labels) -> None:
    # Given a path, NumPy would append .npz to a name that ends in .NPZ.
    with path.open("wb") as file:
        np.savez_compressed(file, samples=samples, labels=labels)


def _summary(more, names, with_real: bool, out: Path) -> str:
    lines = [
        f"{'class':16} {'real':>8} {'generated':>10} {'rejected':>9} {'of drawn':>9} {'variety':>8}"
    ]
    columns = (more.counts, more.lacked, more.rejected, more.drawn, more.variety)
    for label, (count, lacked, rejected, drawn, variety) in enumerate(zip(*columns, strict=True)):
        name = names[label] if label < len(names) else str(label)
        line = f"{name:16} {count:>8} {lacked:>10} {rejected:>9} {drawn:>9}"
        lines.append(f"{line} {variety:>8.2f}" if lacked else line)
    lines.append("\nvariety: how much the generated samples vary; 1 is as much as the real ones.")
    real = f" and {len(more.real[0])} real" if with_real else ""
    lines.append(f"{len(more.samples)} generated{real} samples in {out}")
    if not with_real:
        lines.append("Put them beside the real ones to train on both, or take --with-real.")
    return "\n".join(lines)


def _check_balanced(folder: Path) -> None:
    """Raises an `InputError` unless a folder holds only images that `kgan balance` wrote."""
    marks.check_pictures(folder, "balance")
