"""`kgan generate`: from a run folder to samples on disk."""

import difflib
import random
import re
from pathlib import Path

import numpy as np

from kgan.data import kinds
from kgan.errors import InputError
from kgan.runs import RunFolder, trained
from kgan.runs.files import check_free, replace


def write_samples(
    run: RunFolder, count, labels, seed, truncation, out: Path, overwrite: bool
) -> str:
    """Generates and writes; returns what to tell the user."""
    kind = out.suffix.lower()
    if kind not in ("", ".png", ".npz"):
        raise InputError(
            f"-o takes FILE.png (a picture), FILE.npz (an array) or a folder; got {out.name!r}."
        )
    config = run.config()
    check_free(out, overwrite, _is_samples if kind == "" else Path.is_file)
    gan = trained(run)
    reads = kinds.of(gan)
    if reads.from_images:
        raise InputError(
            f"The run {run.path} starts from images: `kgan {reads.command} {run.path} FOLDER`."
        )
    names = config.get("data", {}).get("class_names", ())
    wanted = [_number(label, names, gan.classes) for label in labels]
    if gan.classes:
        # As in a preview: sample i is of class i modulo their number.
        labels = np.resize(wanted or range(gan.classes), count)
        columns = len(wanted) if len(wanted) > 1 else None if wanted else gan.preview_columns
    else:
        labels = columns = None

    from kgan import pictures

    if seed is None:
        seed = random.SystemRandom().randrange(2**31)
    again = f"(--seed {seed} makes them again)"
    samples = gan.generate(count, labels=labels, seed=seed, truncation=truncation)
    if kind == ".npz":
        replace(out, lambda part: _save_arrays(part, samples, labels))
        return f"{count} samples of shape {samples.shape[1:]} in {out} {again}"
    if kind == ".png":
        picture = pictures.draw(samples, value_range=gan.data_range, columns=columns)
        pictures.save_png(out, picture)
        return f"A picture of {count} samples in {out} {again}"
    if samples.ndim != 4:
        raise InputError(
            f"Single files are for images; these samples have shape {samples.shape[1:]}. "
            "Take -o FILE.npz or -o FILE.png."
        )
    digits = len(str(count - 1))

    def write(folder):
        folder.mkdir()
        for index, image in enumerate(pictures.to_rgb(samples, gan.data_range)):
            of = "" if labels is None else f"-class{labels[index]}"
            pictures.save_png(folder / f"sample-{index:0{digits}}{of}.png", image)

    replace(out, write)
    return f"{count} images in {out} {again}"


def _number(label: str, names, classes: int) -> int:
    """The number of a class that the user names or numbers; a name comes first.

    Raises:
        InputError: where the model has no such class, or is told none.
    """
    if not classes:
        raise InputError("This run's model is told no class; leave --label out.")
    # A model may have more classes than the data it was trained on.
    names = list(names)[:classes]
    for said, known in ((label, names), (label.lower(), [name.lower() for name in names])):
        if known.count(said) == 1:
            return known.index(said)
    if label.isdecimal() and int(label) < classes:
        return int(label)
    near = difflib.get_close_matches(label, names, n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise InputError(
        f"Unknown class {label!r}.{hint} The model's classes are 0..{classes - 1}"
        + (f", by name: {shown}." if names else ".")
    )


def _save_arrays(path: Path, samples, labels) -> None:
    arrays = {"samples": samples} | ({} if labels is None else {"labels": labels})
    # NumPy adds its ending to a name that has another spelling of it.
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _is_samples(folder: Path) -> bool:
    """Whether a folder holds images that `kgan generate` wrote, and nothing else."""
    return folder.is_dir() and all(
        re.fullmatch(r"sample-\d+(-class\d+)?\.png", path.name) for path in folder.iterdir()
    )
