"""The Fréchet distance where one side, or both, are the mean and covariance of features."""

from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.evaluation.features import Want, read
from kgan.evaluation.samples import Frame, Source
from kgan.metrics import FrechetDistance, extractors, frechet_distance
from kgan.typing import ExtractorLike


def measure(
    left: Source,
    right: Source,
    extractor: ExtractorLike | None,
    count: int,
    floor: bool,
    frame_a: Frame,
    frame_b: Frame,
) -> tuple[float, dict[str, Any], tuple, tuple]:
    """Computes the Fréchet distance of two sources, at least one of which holds statistics.

    Args:
        left, right: what is measured, and the reference.
        extractor: what computes the features of samples; None takes that of the statistics.
        count: the most samples to read.
        floor: must be False: statistics have no halves.
        frame_a, frame_b: how samples are read.

    Returns:
        The figure, what it rests on, the samples of both sides, and their splits.

    Raises:
        InputError: if the statistics are of another extractor or width.
    """
    if floor:
        raise InputError(
            "The floor compares two halves of the reference, and statistics have no halves. Leave "
            "floor out, or give the samples themselves."
        )
    one, other = left.statistics, right.statistics
    if one is not None and other is not None:
        _check_both(one, other, left.name, right.name)
        figure = frechet_distance(one.mu, one.sigma, other.mu, other.sigma)
        report = {
            "extractor": one.extractor or other.extractor,
            "real": other.count,
            "fake": one.count,
        }
        return figure, report, (one.count, other.count), (None, None)
    source, frame = (left, frame_a) if one is None else (right, frame_b)
    known = other if one is None else one
    if extractor is None and known.extractor in extractors.names():
        extractor = known.extractor
    samples = source.open(frame)
    metric = FrechetDistance(extractor or "auto", reference=known)
    metric.prepare(samples.shape, samples.value_range)
    want = Want(metric.record.extractor, {"features"})
    labels = None
    if samples.conditional:
        if not samples.classes:
            raise InputError(
                f"{source.name} is conditional, and statistics do not tell how many classes there "
                "are. Give classes=N."
            )
        labels = np.arange(count) % samples.classes
    side = read(samples, [want], count, labels)
    metric.record.put("fake", side.found[want.place])
    figure = float(metric.result())
    report = {key: value for key, value in metric.report().items() if key != "reference"}
    counts, splits = (side.count, known.count), (side.split, None)
    if one is not None:
        # The distance is the same from either side.
        report |= {"real": side.count, "fake": known.count}
        counts, splits = counts[::-1], splits[::-1]
    return figure, report, counts, splits


def _check_both(one, other, a_name, b_name) -> None:
    if None not in (one.extractor, other.extractor) and one.extractor != other.extractor:
        raise InputError(
            f"The statistics of {a_name} are of the extractor {one.extractor!r}, and those of "
            f"{b_name} of {other.extractor!r}. Compute both with one."
        )
    if len(one.mu) != len(other.mu):
        raise InputError(
            f"The statistics of {a_name} have {len(one.mu)} features, and those of {b_name} "
            f"{len(other.mu)}. Compute both with one extractor."
        )
