"""Reads samples from the user's arrays, or from an `.npz` or `.npy` file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kgan import records
from kgan.data import checks, memory
from kgan.data.archives import Archive
from kgan.data.info import Source
from kgan.data.splits import bounds, parse
from kgan.errors import InputError
from kgan.typing import ArrayLike

# The names of arrays, tried in this order; {} is the split.
_SAMPLES = ("x_{}", "X_{}", "{}_images", "{}_x", "images_{}", "{}")
_LABELS = ("y_{}", "Y_{}", "{}_labels", "{}_y", "labels_{}")
_ALL_SAMPLES = ("images", "x", "X", "samples", "data", "arr_0")
_ALL_LABELS = ("labels", "y", "Y", "targets", "label", "arr_1")


def read(
    samples: ArrayLike, labels: ArrayLike = None, *, batch_size: int, name: str = "arrays"
) -> Source:
    """Returns a `Source` of samples `(samples, ...)` with their labels, after checking both.

    Args:
        samples: an array of numbers of any dtype, or what NumPy can convert to one.
        labels: see `kgan.data.checks.labels`.
        batch_size: samples in a batch; an error names the batch of a bad value by it.
        name: the name of the source.

    Raises:
        InputError: if the samples are not an array of numbers or hold NaN or infinity, or the
            labels do not fit them.
    """
    values = checks.array("samples", samples)
    checks.finite(values, batch_size)
    class_names, classes = (), 0
    if labels is not None:
        try:
            columns = np.shape(labels)[1:]
        except ValueError as error:
            raise InputError(f"The labels are no array: {error}") from error
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
    """Converts values to a dtype that the pipeline stores: uint8 if it is exact, else float32."""
    if isinstance(values, np.memmap) and values.dtype not in ("uint8", "float32"):
        memory.must_fit(
            2 * 4 * values.size,
            f"The array of dtype {values.dtype}, converted to float32",
            "Save it as uint8 or float32, which is read from disk.",
        )
    if values.dtype.kind in "biu" and values.size and 0 <= values.min() <= values.max() <= 255:
        return values.astype("uint8", copy=False)
    return values.astype("float32", copy=False)


def read_npz(path: Path, split: str, batch_size: int) -> Source:
    """Reads the samples and labels of an `.npz` file; see `read_mapping` for their names."""
    return read_mapping(Archive(path), split, batch_size, str(path))


def read_npy(path: Path, split: str, batch_size: int) -> Source:
    """Maps the array of an `.npy` file into memory; it stays on disk."""
    try:
        samples = np.load(path, mmap_mode="r", allow_pickle=False)
    except records.DAMAGE as error:
        raise InputError(f"{path} cannot be read as an .npy file of an array: {error}") from error
    return sliced(read(samples, batch_size=batch_size, name=str(path)), split)


def read_mapping(arrays: Mapping, split: str, batch_size: int, name: str) -> Source:
    """Finds the samples and labels of a split among named arrays.

    Arrays named after the split come first (`x_train` and `y_train`, `train_images` and
    `train_labels`, ...). If there are none, "train" and "all" read all samples: `images`, `x`,
    `samples`, `data` or `arr_0`, with `labels`, `y`, `targets` or `arr_1`.

    Raises:
        InputError: if no array holds samples of the split, and as `read` does.
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
    """Returns the part of a source in memory that a slice like "train[:1000]" names."""
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
