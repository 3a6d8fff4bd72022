"""From any kind of data to samples and to features."""

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from kgan.errors import InputError
from kgan.metrics import extractors
from kgan.metrics.extractors.images import to_range

# Samples of an array looked at in one go.
_BATCH = 256


def range_of(data):
    """(low, high) of the samples, where the data is a dataset of `kgan.data`; else None."""
    return getattr(getattr(data, "info", None), "value_range", None)


@contextlib.contextmanager
def batches(data, value_range=None, count: int | None = None) -> Iterator[Iterator[np.ndarray]]:
    """Batches of samples `(batch, *sample_shape)` of any kind of data.

    Args:
        data: samples: an array, a tuple (array, labels), a dataset or any iterable of batches or
            `(batch, labels)`. A dataset of `kgan.data` is read from its first epoch on, brought
            to `value_range`, and its `position` is left as it was.
        value_range: (low, high) that samples are wanted in.
        count: samples to take; None takes all.

    Raises:
        InputError: for what is no data, and an endless dataset without `count`.
    """
    if count is None and getattr(data, "cardinality", lambda: 0)() == tf.data.INFINITE_CARDINALITY:
        raise InputError("The dataset repeats without end. Give it without `.repeat()`.")
    with contextlib.closing(_stream(data, value_range, count)) as stream:
        yield stream


def _stream(data, value_range, count):
    given, taken = range_of(data), 0
    rescaled = None not in (given, value_range) and tuple(given) != tuple(value_range)
    for batch in _raw(data):
        samples = np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch)
        samples = samples[: None if count is None else count - taken]
        yield np.asarray(to_range(samples, given, value_range)) if rescaled else samples
        taken += len(samples)
        if count is not None and taken >= count:
            return


def _raw(data):
    data = data[0] if isinstance(data, tuple) else data
    if hasattr(data, "shape"):
        yield from (data[start : start + _BATCH] for start in range(0, len(data), _BATCH))
        return
    if not hasattr(data, "__iter__"):
        raise InputError(
            f"Data is an array of samples, a dataset, or another iterable of batches; got {data!r}."
        )
    position = getattr(data, "position", None)
    if position is None:
        yield from data
        return
    place = position.epoch, position.skip_batches
    position.seek(0)
    try:
        yield from data
    finally:
        position.seek(*place)


def read_features(
    data, extractor="auto", value_range=None, count: int | None = None, sample_shape=None
):
    """Features of a data set, and the extractor, prepared for its samples.

    Args:
        data, count: as in `batches`.
        extractor: as in `kgan.metrics.FeatureMetric`.
        value_range: (low, high) of the samples; a dataset of `kgan.data` tells its own.
        sample_shape: that samples must have; None takes any.

    Returns:
        (float32 array `(samples, width)`, `kgan.metrics.Extractor`).

    Raises:
        InputError: for no samples, samples of another shape, an endless dataset without `count`,
            features that are not finite, or an extractor that does not fit.
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
    """An extractor for samples of this shape, which must be the expected one."""
    if expected is not None and tuple(shape) != tuple(expected):
        raise InputError(
            f"The data has samples of shape {tuple(shape)}; expected {tuple(expected)}, the shape "
            "of those it is compared with."
        )
    network = extractors.get(extractor, shape)
    network.prepare(shape, value_range)
    return network


def features(network, samples) -> np.ndarray:
    """Features of a batch, which must be finite."""
    found = np.asarray(network(samples).features)
    if not np.isfinite(found).all():
        raise InputError(
            "The features of the samples hold NaN or Inf. Clean the data (`numpy.isfinite` finds "
            "the places)."
        )
    return found
