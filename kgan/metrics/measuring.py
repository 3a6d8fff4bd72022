"""Metrics by name, and over two sets of samples without a model."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from kgan.errors import InputError
from kgan.metrics.named import METRICS
from kgan.metrics.reading import batches, range_of
from kgan.typing import Range

# Samples of each side looked at in one go.
_BATCH = 250


def get(metric: str | keras.metrics.Metric, **settings: Any) -> keras.metrics.Metric:
    """The metric with that name, or the object itself.

    Args:
        metric: a name, or a `keras.metrics.Metric`.
        **settings: arguments of a named metric.

    Raises:
        InputError: for an unknown name, with the nearest ones.
    """
    if not isinstance(metric, str):
        return metric
    return METRICS.find(metric).load()(**settings)


def measure(
    metrics: Iterable,
    real: Iterable,
    fake: Iterable,
    count: int | None = None,
    value_range: Range | None = None,
) -> dict[str, float]:
    """Metrics over two sets of samples, such as two sets of real ones, for the floor that a
    generator cannot beat.

    Args:
        metrics: metrics, or names of some.
        real, fake: datasets, iterables of batches or of `(batch, labels)`, or arrays. Both are
            used as far as the shorter goes.
        count: samples of each to use at most.
        value_range: (low, high) of both; None means that of `real`, a dataset of `kgan.data`.
            Such datasets are brought to it.

    Returns:
        The figures by name, as `gan.evaluate` gives them.

    Raises:
        InputError: where a side is empty, or a metric cannot read the samples.
    """
    metrics = [get(metric) for metric in metrics]
    value_range = value_range or range_of(real)
    shared, ready = {}, False
    for left, right in _pairs(real, fake, value_range, count):
        if not ready:
            if left.shape[1:] != right.shape[1:]:
                raise InputError(
                    f"The real samples have shape {left.shape[1:]} and the others "
                    f"{right.shape[1:]}; bring both to one."
                )
            for metric in metrics:
                metric.reset_state()
                if hasattr(metric, "prepare"):
                    metric.prepare(left.shape[1:], value_range, shared)
            ready = True
        # As in an evaluation, where a user's own metric gets tensors too.
        left, right = keras.ops.convert_to_tensor(left), keras.ops.convert_to_tensor(right)
        for metric in metrics:
            metric.update_state(left, right)
    if not ready:
        raise InputError("There is nothing to measure: one of the two sets holds no samples.")
    found = {}
    for metric in metrics:
        result = metric.result()
        found |= result if isinstance(result, dict) else {metric.name: result}
    return {name: float(value) for name, value in found.items()}


def _pairs(real, fake, value_range, count) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of both sides, of equal size."""
    with batches(real, value_range, count) as left, batches(fake, value_range, count) as right:
        for one, other in zip(_resized(left), _resized(right), strict=False):
            size = min(len(one), len(other))
            if size:
                yield one[:size], other[:size]


def _resized(stream) -> Iterator[np.ndarray]:
    """Batches of one size, the last smaller, of batches of any."""
    waiting = []
    for batch in stream:
        waiting.append(batch)
        while sum(map(len, waiting)) >= _BATCH:
            rows = np.concatenate(waiting)
            yield rows[:_BATCH]
            waiting = [rows[_BATCH:]]
    if sum(map(len, waiting)):
        yield np.concatenate(waiting)
