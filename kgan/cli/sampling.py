"""`kgan generate`: writes samples of a trained run to disk."""

import difflib
import random
from pathlib import Path
from typing import Any

import numpy as np

from kgan.cli.terminal import working
from kgan.data import kinds
from kgan.disk import marks
from kgan.errors import InputError
from kgan.runs import RunFolder, trained
from kgan.runs.files import replace


def write_samples(
    run: RunFolder, count, labels, seed, truncation, out: Path, overwrite: bool
) -> tuple[str, dict]:
    """Generates samples and writes them.

    Args:
        run: a trained run.
        count: number of samples.
        labels: classes by name or number, which the samples cycle through; empty means all.
        seed: seed of the latents; None draws one.
        truncation: threshold of the truncated latents, or None.
        out: a `.png` or `.npz` file, or a folder for single images.
        overwrite: whether to replace what is at `out`.

    Returns:
        The message for the user, and the same as a dictionary for JSON: `out`, `count`, `shape` of
        a sample, `seed`, `classes` (of the samples, in turn; None without) and `steps` (how far
        the model was trained).

    Raises:
        InputError: if `out` cannot be written, or the run cannot draw these samples.
    """
    suffix = out.suffix.lower()
    if suffix not in ("", ".png", ".npz"):
        raise InputError(
            f"-o takes FILE.png (a picture), FILE.npz (an array) or a folder; got {out.name!r}."
        )
    config = run.config()
    marks.check_free(out, overwrite, _check_samples if suffix == "" else None)
    gan = from_latents(run)
    names = config.get("data", {}).get("class_names", ())
    wanted = [class_index(label, names, gan.classes) for label in labels]
    # Before the labels are made.
    gan.check_count(count)
    if gan.classes:
        # As in a preview: sample i has class i modulo the number of classes.
        classes = np.array(wanted or range(gan.classes))
        labels = classes[np.arange(count) % len(classes)]
        columns = len(wanted) if len(wanted) > 1 else None if wanted else gan.preview_columns
    else:
        labels = columns = None

    from kgan import pictures
    from kgan.pictures.files import write_png

    if seed is None:
        seed = random.SystemRandom().randrange(2**31)
    repeat = f"(--seed {seed} draws them again)"
    with working("drawing samples"):
        samples = gan.generate(count, labels=labels, seed=seed, truncation=truncation)
    facts = {
        **{"out": str(out), "count": count, "shape": samples.shape[1:], "seed": seed},
        "classes": None if labels is None else classes.tolist(),
        "steps": gan.steps_taken,
    }
    if suffix == ".npz":
        replace(out, lambda part: _save_arrays(part, samples, labels))
        return f"{count} samples of shape {samples.shape[1:]} in {out} {repeat}", facts
    if suffix == ".png":
        picture = pictures.draw(samples, value_range=gan.data_range, columns=columns)
        write_png(out, picture, command="generate")
        return f"A picture of {count} samples in {out} {repeat}", facts
    if samples.ndim != 4:
        raise InputError(
            f"Single files are for images; these samples have shape {samples.shape[1:]}. "
            "Take -o FILE.npz or -o FILE.png."
        )
    digits = len(str(count - 1))
    convert = pictures.to_rgba if samples.shape[-1] == 4 else pictures.to_rgb

    def write(folder):
        folder.mkdir()
        for index, image in enumerate(convert(samples, gan.data_range)):
            of = "" if labels is None else f"-class{labels[index]}"
            path = folder / f"sample-{index:0{digits}}{of}.png"
            write_png(path, image, command="generate")

    replace(out, write)
    return f"{count} images in {out} {repeat}", facts


def from_latents(run: RunFolder) -> Any:
    """Returns the model of a run, which must start from latents.

    Raises:
        InputError: if it cannot be loaded, or starts from images.
    """
    with working("loading TensorFlow and the run"):
        gan = trained(run)
    kind = kinds.of(gan)
    if kind.from_images:
        raise InputError(
            f"The run {run.path} starts from images: `kgan {kind.command} {run.path} FOLDER`."
        )
    return gan


def class_index(label: str, names, classes: int) -> int:
    """Returns the number of a class that is given by name or number; a name takes precedence.

    Raises:
        InputError: if the model has no class of that name or number, or is not conditional.
    """
    if not classes:
        raise InputError("This run's model is not conditional; leave --label out.")
    # A model may have more classes than the data it was trained on.
    names = list(names)[:classes]
    for given, known in ((label, names), (label.lower(), [name.lower() for name in names])):
        if known.count(given) == 1:
            return known.index(given)
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
    # Given a path, NumPy would append .npz to a name that ends in .NPZ.
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _check_samples(folder: Path) -> None:
    """Raises an `InputError` unless a folder holds only images that `kgan generate` wrote."""
    marks.check_pictures(folder, "generate", older=r"sample-\d+(-class\d+)?\.png")
