"""Generated samples beside their nearest training samples, which shows what was memorised."""

import dataclasses
from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.evaluation.job import Job
from kgan.evaluation.samples import Frame, Samples
from kgan.evaluation.sources import find
from kgan.metrics import extractors
from kgan.metrics.caveats import caveat
from kgan.metrics.sides import Reader, SideFeatures, nearest_features
from kgan.typing import ExtractorLike, Range

# Samples that are searched for neighbours at most.
SEARCHED = 1000


@dataclasses.dataclass(frozen=True, eq=False)
class Neighbours:
    """The samples that lie nearest to training samples, each with its nearest ones.

    Attributes:
        samples: `(rows, *sample_shape)`, the one with the nearest neighbour first.
        nearest: `(rows, k, *sample_shape)`, the nearest first.
        distances: Euclidean distances between the features, `(rows, k)`.
        indices: places of the nearest in the order of the training samples, `(rows, k)`.
        typical: the median distance of a training sample to the nearest other one.
        nearest_of_training: the least and the greatest of as many distances, where training samples
            take the place of the samples: `rows` of up to as many, nearest to another one.
        searched, training: how many samples, and training samples, were compared.
        extractor: name of the extractor.
        caveat: why its features mean little for these samples; "" if they do.
        value_range: (low, high) of all of them; None if their values have no bounds.
    """

    samples: np.ndarray
    nearest: np.ndarray
    distances: np.ndarray
    indices: np.ndarray
    typical: float
    nearest_of_training: tuple[float, float]
    searched: int
    training: int
    extractor: str
    caveat: str
    value_range: Range | None


def neighbours(
    a: Any,
    training: Any = None,
    *,
    rows: int = 10,
    k: int = 5,
    extractor: ExtractorLike = "auto",
    count: int = SEARCHED,
    frame: Frame | None = None,
    most_training: int | None = None,
) -> Neighbours:
    """Finds the samples that lie nearest to training samples.

    Args:
        a: the samples or their generator; see `kgan.compare`.
        training: what it was trained on; None takes that of a run.
        rows: how many samples to return.
        k: how many training samples to return beside each.
        extractor: as in `kgan.metrics.FeatureMetric`.
        count: how many samples are searched for those that lie nearest.
        frame: how samples are read; None reads them as they are.
        most_training: how many training samples are compared at most, from the first on; None
            compares with all.

    Raises:
        InputError: if there are no training samples, or a source cannot be read.
    """
    source = find(a, reference=False)
    frame = frame or Frame()
    job = Job(source, source, frame, frame.split, frame.split, count)
    known = job.training(training)
    if known is None:
        raise InputError(
            "The nearest training samples need the training data, which only a run of `kgan train` "
            "tells. Name it: --training SOURCE."
        )
    samples, learned = job.samples("a"), known[1]
    network = extractors.get(extractor, samples.shape)
    network.prepare(samples.shape, samples.value_range)
    labels = np.arange(count) % max(samples.classes, 1) if samples.conditional else None
    made, images = _read(samples, network, min(count, SEARCHED), labels, keep=True)
    number = min(learned.size or 0, most_training or learned.size or 0)
    others, _ = _read(learned, network, number, None, keep=False)
    found = nearest_features(made.rows["features"], others.rows["features"], k)
    first = np.argsort(found.distances[:, 0], kind="stable")[:rows]
    some = others.rows["features"][:SEARCHED]
    # The first of two is the sample itself.
    apart = nearest_features(some, others.rows["features"], 2).distances[:, -1]
    # As many of as many: the nearest of a thousand lie nearer than the nearest of a hundred.
    nearest = np.sort(apart[: made.count])[:rows]
    return Neighbours(
        samples=images[first],
        nearest=_picked(learned, found.indices[first]),
        distances=found.distances[first],
        indices=found.indices[first],
        typical=float(np.median(apart)),
        nearest_of_training=(float(nearest[0]), float(nearest[-1])),
        searched=made.count,
        training=others.count,
        extractor=network.name,
        caveat=caveat(network, samples.shape, others.strangeness),
        value_range=samples.value_range,
    )


def _read(samples: Samples, network, count, labels, keep) -> tuple[SideFeatures, np.ndarray]:
    """Returns the features of samples, and with `keep` the samples."""
    reader, kept = Reader(network, ("features",)), []
    for batch, _ in samples.batches(count, labels):
        reader.add(batch)
        if keep:
            kept.append(batch)
    found = reader.result()
    if not found.count:
        raise InputError("There are no samples to search for their nearest training samples.")
    return found, np.concatenate(kept) if keep else np.zeros(0)


def _picked(samples: Samples, indices: np.ndarray) -> np.ndarray:
    """Returns the samples at these places of their order, `(*indices.shape, *sample_shape)`."""
    wanted, picked, start = set(indices.ravel().tolist()), {}, 0
    for batch, _ in samples.batches(max(wanted) + 1):
        for place in range(len(batch)):
            if start + place in wanted:
                picked[start + place] = batch[place]
        start += len(batch)
    return np.stack([picked[place] for place in indices.ravel().tolist()]).reshape(
        *indices.shape, *samples.shape
    )
