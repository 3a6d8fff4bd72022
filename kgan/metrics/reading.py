"""Reads samples, and features of samples, from any kind of data."""

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics import extractors
from kgan.metrics.extractors.images import to_range

# Samples in a batch of an array.
_BATCH = 256


def range_of(data):
    """Returns (low, high) of the samples of a dataset of `kgan.data`; None for other data."""
    return getattr(getattr(data, "info", None), "value_range", None)


@contextlib.contextmanager
def batches(
    data, value_range=None, count: int | None = None, labels: list | None = None
) -> Iterator[Iterator[np.ndarray]]:
    """A context whose value iterates over batches `(batch, *sample_shape)` of any kind of data.

    Args:
        data: samples: an array, a tuple (array, labels), a dataset or any iterable of batches or
            `(batch, labels)`. A dataset of `kgan.data` is read from epoch 0 on and scaled to
            `value_range`; afterwards its `position` is restored.
        value_range: (low, high) to which a dataset of `kgan.data` is scaled; None leaves it.
        count: the number of samples to read; None reads all.
        labels: a list that the labels of each batch are added to, if it has any; or None.

    Raises:
        InputError: if `data` is none of these, or repeats without end and `count` is None.
    """
    if isinstance(data, (str, bytes, dict, type)):
        raise InputError(
            f"Data is an array of samples, a dataset, or another iterable of batches; got {data!r}."
        )
    if count is None and getattr(data, "cardinality", lambda: 0)() == tf.data.INFINITE_CARDINALITY:
        raise InputError("The dataset repeats without end. Give it without `.repeat()`.")
    with contextlib.closing(_stream(data, value_range, count, labels)) as stream:
        yield stream


def _stream(data, value_range, count, labels):
    given, taken = range_of(data), 0
    rescaled = None not in (given, value_range) and tuple(given) != tuple(value_range)
    for batch in _raw(data):
        if labels is not None and isinstance(batch, (tuple, list)) and len(batch) > 1:
            # What is not one number a sample is a target, and no label.
            labels += [np.asarray(batch[1])] if np.ndim(batch[1]) == 1 else []
        batch = batch[0] if isinstance(batch, (tuple, list)) and len(batch) else batch
        samples = arguments.array("A batch of samples", batch)
        if samples.ndim == 0:
            raise InputError(f"A batch of samples is an array (batch, ...); got {batch!r}.")
        samples = samples[: None if count is None else count - taken]
        yield np.asarray(to_range(samples, given, value_range)) if rescaled else samples
        taken += len(samples)
        if count is not None and taken >= count:
            return


def _raw(data):
    data = data[0] if isinstance(data, tuple) and len(data) else data
    if hasattr(data, "shape") and len(data.shape):
        yield from (data[start : start + _BATCH] for start in range(0, len(data), _BATCH))
        return
    if not hasattr(data, "__iter__") or hasattr(data, "shape"):
        raise InputError(
            f"Data is an array of samples, a dataset, or another iterable of batches; got {data!r}."
        )
    yield from from_the_start(data)


def from_the_start(data) -> Iterator:
    """Yields the batches of a dataset of `kgan.data` from epoch 0 on, or of another iterable.

    Afterwards the dataset's `position` is restored.
    """
    position = getattr(data, "position", None)
    if position is None:
        yield from data
        return
    before = position.epoch, position.skip_batches
    position.seek(0)
    try:
        yield from data
    finally:
        position.seek(*before)


def read_features(
    data, extractor="auto", value_range=None, count: int | None = None, sample_shape=None
):
    """Computes the features of a data set.

    Args:
        data, count: as in `batches`.
        extractor: as in `kgan.metrics.FeatureMetric`.
        value_range: (low, high) of the samples; None takes that of a dataset of `kgan.data`.
        sample_shape: the shape that samples must have; None accepts any.

    Returns:
        (float32 array `(samples, width)`, the prepared `kgan.metrics.Extractor`).

    Raises:
        InputError: if there are no samples or their shape is another, the features are not
            finite, or the extractor does not fit the samples; and as `batches` does.
    """
    found, network = [], None
    value_range = value_range or range_of(data)
    with batches(data, value_range, count) as stream:
        for samples in stream:
            network = network or prepared(extractor, samples.shape[1:], value_range, sample_shape)
            found.append(features(network, samples))
    if not sum(map(len, found)):
        raise InputError("There are no samples in the data.")
    return np.concatenate(found), network


def prepared(extractor, shape, value_range, expected=None):
    """Returns an extractor that is prepared for samples of this shape.

    Raises:
        InputError: if the shape is not the expected one, or the extractor does not fit it.
    """
    if expected is not None and tuple(shape) != tuple(expected):
        raise InputError(
            f"The data has samples of shape {tuple(shape)}; expected {tuple(expected)}, the shape "
            "of those it is compared with."
        )
    network = extractors.get(extractor, shape)
    network.prepare(shape, value_range)
    return network


def features(network, samples) -> np.ndarray:
    """Returns the features of a batch `(batch, width)`; raises an `InputError` for NaN or Inf."""
    found = np.asarray(network(samples).features)
    if not np.isfinite(found).all():
        raise InputError(
            "The features of the samples hold NaN or Inf. Clean the data (`numpy.isfinite` finds "
            "the places)."
        )
    return found
