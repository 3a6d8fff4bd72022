"""Samples that the user has in arrays, or in an `.npz` file."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kgan.data import checks
from kgan.data.info import Source
from kgan.data.splits import bounds, parse
from kgan.errors import InputError
from kgan.typing import ArrayLike

# Names under which arrays are found, in this order; {} is the split.
_SAMPLES = ("x_{}", "X_{}", "{}_images", "{}_x", "images_{}", "{}")
_LABELS = ("y_{}", "Y_{}", "{}_labels", "{}_y", "labels_{}")
_ALL_SAMPLES = ("images", "x", "X", "samples", "data", "arr_0")
_ALL_LABELS = ("labels", "y", "Y", "targets", "label", "arr_1")


def read(
    samples: ArrayLike, labels: ArrayLike = None, *, batch_size: int, name: str = "arrays"
) -> Source:
    """A `Source` of samples `(samples, ...)` with their labels, checked, as float32 or uint8.

    Args:
        samples: array or what NumPy makes one of: numbers of any dtype.
        labels: see `kgan.data.checks.labels`.
        batch_size: to name the batch in which a bad value lies.
        name: what to call it.

    Raises:
        InputError: not an array of numbers, NaN or infinity, labels that don't fit.
    """
    values = checks.array("samples", samples)
    checks.finite(values, batch_size)
    class_names, classes = (), 0
    if labels is not None:
        columns = np.shape(labels)[1:]
        labels, class_names = checks.labels(labels, len(values))
        classes = columns[0] if columns and columns[0] > 1 else int(labels.max(initial=-1)) + 1
    return Source(
        name=name,
        split="train",
        values=values,
        labels=labels,
        class_names=class_names,
        classes=classes,
    )


def compact(values: np.ndarray) -> np.ndarray:
    """The same numbers in a dtype that the pipeline stores: uint8 where exact, else float32."""
    if values.dtype.kind in "biu" and values.size and 0 <= values.min() <= values.max() <= 255:
        return values.astype("uint8", copy=False)
    return values.astype("float32", copy=False)


def read_npz(path: Path, split: str, batch_size: int) -> Source:
    """The arrays of an `.npz` file; see `read_mapping` for the names it may use."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as an .npz file of arrays: {error}") from error
    return read_mapping(arrays, split, batch_size, str(path))


def read_npy(path: Path, split: str, batch_size: int) -> Source:
    """The one array of an `.npy` file, which stays on disk."""
    try:
        samples = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read as an .npy file of an array: {error}") from error
    return sliced(read(samples, batch_size=batch_size, name=str(path)), split)


def read_mapping(arrays: Mapping, split: str, batch_size: int, name: str) -> Source:
    """The samples and labels among named arrays.

    Those of the split are taken if there are any (`x_train` and `y_train`,
    `train_images` and `train_labels`, ...). Else "train" and "all" mean everything:
    `images`, `x`, `samples`, `data` or `arr_0`, with `labels`, `y`, `targets` or `arr_1`.
    """
    part = parse(split)[0]
    key = _first(arrays, [pattern.format(part) for pattern in _SAMPLES])
    label_key = _first(arrays, [pattern.format(part) for pattern in _LABELS])
    if key is None and part in ("train", "all"):
        key = _first(arrays, _ALL_SAMPLES)
        label_key = _first(arrays, _ALL_LABELS)
    if key is None:
        raise InputError(
            f"{name} holds no samples for split {part!r}. Its arrays are: "
            f"{', '.join(arrays) or 'none'}. Expected, for example, 'x_{part}' and 'y_{part}', "
            "or 'images' and 'labels' (split \"train\")."
        )
    labels = arrays[label_key] if label_key else None
    source = read(arrays[key], labels, batch_size=batch_size, name=name)
    return sliced(source, split)


def sliced(source: Source, split: str) -> Source:
    """The part of a source in memory that a slice like "train[:1000]" names."""
    part = bounds(split, source.size)
    return Source(
        name=source.name,
        split=split,
        values=source.values[part],
        labels=None if source.labels is None else source.labels[part],
        class_names=source.class_names,
        classes=source.classes,
        range=source.range,
    )


def _first(arrays: Mapping, names):
    return next((name for name in names if name in arrays), None)
