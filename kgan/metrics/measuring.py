"""Finds metrics by name, and computes them over two sets of samples without a model."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.named import METRICS
from kgan.metrics.reading import batches, range_of
from kgan.typing import Range

# Samples of each side in a batch.
_BATCH = 250


def get(metric: str | keras.metrics.Metric, **settings: Any) -> keras.metrics.Metric:
    """Returns the metric of a name, or the metric itself if it is not a name.

    Args:
        metric: a name, or a `keras.metrics.Metric`.
        **settings: arguments of a named metric.

    Raises:
        InputError: for an unknown name; the message says the nearest ones.
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
    """Computes metrics over two sets of samples.

    Both sets may be real, for example to find the best figure that a generator can reach.

    Args:
        metrics: metrics, or names of metrics.
        real, fake: datasets, iterables of batches or of `(batch, labels)`, or arrays. As many
            samples of each are used as the smaller set has.
        count: the most samples of each set to use; None sets no limit.
        value_range: (low, high) of both sets; None takes the range of `real`, if that is a
            dataset of `kgan.data`. Datasets of `kgan.data` are scaled to this range.

    Returns:
        A dictionary of figures by name, as `gan.evaluate` returns them.

    Raises:
        InputError: if a set is empty, the two have different shapes or ranges, or a metric cannot
            read the samples.
    """
    metrics = [metrics] if isinstance(metrics, (str, keras.metrics.Metric)) else metrics
    metrics = [get(metric) for metric in arguments.listing("metrics", metrics, "a list of metrics")]
    for metric in metrics:
        arguments.instance("metrics", metric, keras.metrics.Metric, "metrics or their names")
    count = None if count is None else arguments.integer("count", count, or_else="None")
    if value_range is not None:
        value_range = arguments.interval("value_range", value_range, or_else="None")
    value_range = value_range or range_of(real)
    shared, ready = {}, False
    for left, right in _pairs(real, fake, value_range, count):
        if not ready:
            if left.shape[1:] != right.shape[1:]:
                raise InputError(
                    f"The real samples have shape {left.shape[1:]} and the others "
                    f"{right.shape[1:]}; give both the same shape."
                )
            _same_range(left, right, value_range)
            for metric in metrics:
                metric.reset_state()
                if hasattr(metric, "prepare"):
                    metric.prepare(left.shape[1:], value_range, shared)
            ready = True
        # Users' own metrics receive tensors, as they do in an evaluation.
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


def _same_range(real, fake, value_range) -> None:
    """Checks, by their first samples, that both sides have one range.

    Raises:
        InputError: if one lies far outside `value_range`, or one looks like images in 0..255 and
            the other like images in [-1, 1] or [0, 1].
    """
    ends = {"real samples": _ends(real), "others": _ends(fake)}
    listed = " and ".join(f"the {who} in [{a:.4g}, {b:.4g}]" for who, (a, b) in ends.items())
    if value_range is not None:
        low, high = value_range
        # A generator without bounds may leave the range a little.
        slack = high - low
        for least, most in ends.values():
            if least < low - slack or most > high + slack:
                raise InputError(
                    f"The samples lie outside value_range=({low:g}, {high:g}): {listed}. Scale "
                    "them to it, or give their own range."
                )
    raw = [least >= 0 and 100 < most <= 255 for least, most in ends.values()]
    scaled = [least >= -1.001 and most <= 1.001 for least, most in ends.values()]
    if any(raw) and any(scaled):
        raise InputError(
            f"The two sets have different ranges: {listed}. Bring both to one, for instance by "
            "`images / 127.5 - 1` from 0..255 to [-1, 1], and give it as value_range."
        )


def _ends(samples):
    # NaN is found by the metrics.
    return float(np.nanmin(samples)), float(np.nanmax(samples))


def _pairs(real, fake, value_range, count) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields batches of equal size from both sides."""
    with batches(real, value_range, count) as left, batches(fake, value_range, count) as right:
        for one, other in zip(_resized(left), _resized(right), strict=False):
            size = min(len(one), len(other))
            if size:
                yield one[:size], other[:size]


def _resized(stream) -> Iterator[np.ndarray]:
    """Yields batches of `_BATCH` samples, of which the last may be smaller."""
    waiting = []
    for batch in stream:
        waiting.append(batch)
        while sum(map(len, waiting)) >= _BATCH:
            rows = np.concatenate(waiting)
            yield rows[:_BATCH]
            waiting = [rows[_BATCH:]]
    if sum(map(len, waiting)):
        yield np.concatenate(waiting)
