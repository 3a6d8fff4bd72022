"""Checks of the user's arguments and arrays; each error says what to give instead."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from kgan import arguments
from kgan.data import memory
from kgan.data.info import Range, Source
from kgan.errors import InputError, unknown

# Samples that are checked at once, which keeps the temporary arrays small.
CHUNK = 4096
CHUNK_BYTES = 64 * 1024**2

# More classes than this need samples to show for them.
_MOST_CLASSES = 100_000


def image_size(size: object) -> tuple[int, int] | None:
    """Returns `(height, width)` for one number (a square) or a pair, and None for None."""
    if size is None:
        return None
    if isinstance(size, (tuple, list)):
        if len(size) != 2:
            raise InputError(f"size must be one number or (height, width); got {size!r}.")
        return arguments.integer("size", size[0]), arguments.integer("size", size[1])
    side = arguments.integer("size", size)
    return side, side


def channel_count(channels: object) -> int | None:
    """Returns the argument if it is 1 (grey), 3 (colour), 4 (with alpha) or None (any)."""
    if channels is None:
        return None
    meant = (1, 3, 4)
    return arguments.choice("channels", channels, meant, or_else="None: grey, colour, with alpha")


def value_range(name: str, given: Any) -> Range | None:
    """Returns a pair of finite numbers, the lower first; None for None."""
    return None if given is None else arguments.interval(name, given, or_else="None")


def options(source: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises an `InputError` for the first option that the source does not have."""
    known = set(known)
    for name in given:
        if name not in known:
            raise unknown(f"option of data source {source!r}:", name, known)


def are_images(argument: str, source: Source) -> None:
    """Raises an `InputError` if an argument for images is given with other samples."""
    if len(source.shape) != 3:
        raise InputError(
            f"{argument} is for images (height, width, channels); the samples of {source.name!r} "
            f"have the shape {tuple(source.shape)}. Leave it out."
        )


def enough(name: str, size: int, batch_size: int, drop_remainder: bool) -> None:
    """Raises an `InputError` if a data set is empty or too small for one batch."""
    if size == 0:
        raise InputError(f"The data set {name!r} is empty: it holds no samples.")
    if arguments.flag("drop_remainder", drop_remainder) and size < batch_size:
        raise InputError(
            f"The data set {name!r} holds {size} samples, fewer than one batch of {batch_size}. "
            f"Use batch_size={size} or less, or drop_remainder=False."
        )


def array(what: str, given: object) -> np.ndarray:
    """Returns `given` as an array of numbers with at least one axis."""
    try:
        # A mapped file stays on disk, for it may be larger than the memory.
        values = given if isinstance(given, np.memmap) else np.asarray(given)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"The {what} are not one array: {error}. All samples need the same shape."
        ) from error
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"The {what} must be numbers in an array; got an array of dtype {values.dtype}"
            " (ragged lists become arrays of objects: all samples need the same shape)."
        )
    if values.ndim == 0:
        raise InputError(f"The {what} must be an array of samples; got the single value {given!r}.")
    if 0 in values.shape[1:]:
        raise InputError(f"The {what} hold no numbers: their array has shape {values.shape}.")
    return values


def finite(values: np.ndarray, batch_size: int) -> None:
    """Raises an `InputError` for NaN or infinity; it names the first sample that holds one.

    So are values that become infinite in float32.
    """
    if values.dtype.kind != "f":
        return
    per_sample = values[:1].nbytes
    memory.must_fit(per_sample, "One sample", "Check the shape of the array: samples come first.")
    step = max(1, min(CHUNK, CHUNK_BYTES // max(1, per_sample)))
    for start in range(0, len(values), step):
        chunk = values[start : start + step]
        bad = np.argwhere(~(np.abs(chunk) <= np.finfo("float32").max))
        if len(bad):
            index = start + int(bad[0][0])
            raise InputError(
                f"Sample {index} (batch {index // batch_size} of the data as given, counted "
                f"from 0) holds {chunk[tuple(bad[0])]} at position {tuple(map(int, bad[0][1:]))}. "
                "Remove or replace such samples: training on NaN or infinite values destroys "
                "the weights."
            )


def labels(given: object, samples: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns labels as `(int32 array (samples,), names of the classes)`.

    Takes class numbers (integers, or whole floats), one-hot rows, a column `(samples, 1)` as in
    Keras's CIFAR-10, or names (strings, which are numbered in alphabetical order).
    """
    try:
        # A mapped file stays on disk, for it may be larger than the memory.
        values = given if isinstance(given, np.memmap) else np.asarray(given)
    except (ValueError, TypeError) as error:
        raise InputError(f"The labels are not one array: {error}.") from error
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if len(values.shape) == 0 or len(values) != samples:
        count = len(values) if values.ndim else 1
        raise InputError(
            f"There are {samples} samples but {count} labels; give one label for each sample."
        )
    if values.ndim == 1 and values.dtype.kind in "US":
        names, numbers = np.unique(values.astype(str), return_inverse=True)
        return numbers.astype("int32"), tuple(map(str, names))
    numeric = values.dtype.kind in "biuf"
    if numeric and values.ndim == 2 and values.shape[1]:
        one_hot = ((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all()
        if one_hot:
            return values.argmax(axis=1).astype("int32"), ()
    whole = numeric and values.ndim == 1 and np.isfinite(values).all()
    whole = whole and (values == np.floor(values)).all() and (values >= 0).all()
    whole = whole and (values <= np.iinfo("int32").max).all()
    if not whole:
        raise InputError(
            "Labels must be class numbers 0, 1, 2, ..., one-hot rows or class names, one for each "
            f"sample; got dtype {values.dtype} and shape {values.shape}"
            + (f", from {values.min()} to {values.max()}." if numeric and values.size else ".")
        )
    if len(values) and values.max() > _MOST_CLASSES + 10 * len(values):
        raise InputError(
            f"The labels of {len(values)} samples reach {int(values.max())}: they look like "
            "identifiers, not like class numbers. Number the classes from 0, for instance by "
            "`numpy.unique(labels, return_inverse=True)[1]`."
        )
    return values.astype("int32"), ()
