"""Reads samples with their classes from any kind of labelled data."""

import contextlib

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.extractors.images import to_range
from kgan.metrics.reading import from_the_start, range_of
from kgan.typing import ArrayLike, Range, Shape

# More classes than any labelled data has: other numbers are no class numbers.
_MOST_CLASSES = 100_000


def read_labelled(
    name: str,
    data,
    value_range: Range | None = None,
    count: int | None = None,
    sample_shape: Shape | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the samples of a labelled data set and their classes.

    Args:
        name: what the data is, for messages.
        data: a tuple of arrays (samples, labels), a dataset or another iterable of batches
            `(samples, labels)`. A dataset of `kgan.data` is read from epoch 0 on and scaled to
            `value_range`; afterwards its `position` is restored.
        value_range: (low, high) to which a dataset of `kgan.data` is scaled; None leaves it.
        count: the most samples to read; None reads all.
        sample_shape: the shape that samples must have; None accepts any.

    Returns:
        (float32 array `(n, *sample_shape)`, integers `(n,)`).

    Raises:
        InputError: if there are no samples or no labels, their numbers or the shape do not fit, a
            value is NaN or infinite, or the data repeats without end and `count` is None.
    """
    if isinstance(data, (str, bytes, dict, type)) or not hasattr(data, "__iter__"):
        raise InputError(
            f"{name} is labelled data: a tuple of arrays (samples, labels), a dataset, or another "
            f"iterable of batches (samples, labels); got {data!r}."
        )
    if count is None and getattr(data, "cardinality", lambda: 0)() == tf.data.INFINITE_CARDINALITY:
        raise InputError(f"{name} repeats without end. Give it without `.repeat()`.")
    given, found, left = range_of(data), [], count
    rescaled = None not in (given, value_range) and tuple(given) != tuple(value_range)
    stream = iter([data]) if isinstance(data, tuple) else from_the_start(data)
    with contextlib.ExitStack() as at_the_end:
        if hasattr(stream, "close"):
            at_the_end.callback(stream.close)
        for batch in stream:
            samples, labels = _parted(name, batch)
            samples, labels = samples[:left], labels[:left]
            found.append((to_range(samples, given, value_range) if rescaled else samples, labels))
            left = None if left is None else left - len(samples)
            if left == 0:
                break
    if not sum(len(labels) for _, labels in found):
        raise InputError(f"{name} holds no samples.")
    samples = np.concatenate([np.asarray(part, "float32") for part, _ in found])
    if sample_shape is not None and samples.shape[1:] != tuple(sample_shape):
        raise InputError(
            f"{name} has samples of shape {samples.shape[1:]}; expected {tuple(sample_shape)}, the "
            "shape of those it is compared with."
        )
    if not np.isfinite(samples).all():
        raise InputError(
            f"{name} holds NaN or Inf. Clean the data (`numpy.isfinite` finds the places)."
        )
    return samples, np.concatenate([labels for _, labels in found])


def class_numbers(name: str, labels: ArrayLike) -> np.ndarray:
    """Returns labels as integers `(n,)`.

    Args:
        name: what the labels are of, for messages.
        labels: class numbers `(n,)` or `(n, 1)`, or one-hot rows `(n, classes)`.

    Raises:
        InputError: if they are none of these.
    """
    found = arguments.array(f"The labels of {name}", labels, (1, 2))
    if found.ndim == 2:
        found = found[:, 0] if found.shape[1] == 1 else found.argmax(axis=1)
    if not ((found == np.floor(found)) & (found >= 0) & (found < _MOST_CLASSES)).all():
        raise InputError(
            f"The labels of {name} are class numbers, integers from 0 to {_MOST_CLASSES - 1}, or "
            f"one-hot rows; got values from {found.min():g} to {found.max():g}."
        )
    return found.astype("int64")


def _parted(name, batch):
    """Returns (samples, class numbers) of a batch."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise InputError(
            f"{name} has no labels. Give labelled data: a tuple of arrays (samples, labels), or "
            "batches (samples, labels), such as a folder with a sub-folder for each class holds."
        )
    samples = arguments.array(f"A batch of {name}", batch[0])
    labels = class_numbers(name, batch[1])
    if samples.ndim < 2 or len(samples) != len(labels):
        raise InputError(
            f"{name} needs a label for each sample; got samples of shape {samples.shape} and "
            f"labels of shape {labels.shape}."
        )
    return samples, labels
