"""Features of both sides of a comparison: those of the reference from the cache, if it has them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.evaluation import cache
from kgan.evaluation.samples import Frame, Samples, Source, need_same_shape
from kgan.metrics.sides import Reader, SideFeatures
from kgan.typing import Range, Shape


@dataclass
class Want:
    """What the metrics of one extractor need of a side.

    Attributes:
        extractor: a prepared extractor.
        kinds: the kinds of rows.
        most: the number of samples that are used, the first ones; None means all.
    """

    extractor: Any
    kinds: set[str]
    most: int | None = None

    @property
    def place(self) -> tuple[str, int | None]:
        """What tells it from others."""
        return self.extractor.name, self.most


@dataclass
class Side:
    """One side of a comparison as it was read.

    Attributes:
        found: the features by the `place` of a want.
        count: how many samples were read.
        split: the part of a data set that they are of; None if it has no parts.
        classes: the number of classes of their labels.
        cached: whether all features came from the cache, without a look at the samples.
    """

    found: dict[tuple, SideFeatures]
    count: int
    split: str | None = None
    classes: int = 0
    cached: bool = False

    def labels(self) -> np.ndarray | None:
        """Returns the labels of the samples, `(samples, 1)`; None without any."""
        known = [each.labels for each in self.found.values() if each.labels is not None]
        return max(known, key=len) if known else None


def read(samples: Samples, wants: Iterable[Want], count: int, labels: Any = None) -> Side:
    """Computes the features of samples in one pass over them.

    Args:
        samples: the samples.
        wants: what is needed of them.
        count: the most samples to read.
        labels: labels `(count,)` to draw samples for, if they come from a conditional generator.
    """
    readers = {want.place: Reader(want.extractor, want.kinds, want.most) for want in wants}
    taken = 0
    for batch, own in samples.batches(count, labels):
        for reader in readers.values():
            reader.add(batch, own)
        taken += len(batch)
    found = {place: reader.result() for place, reader in readers.items()}
    return Side(found, taken, samples.split, samples.classes)


def of_reference(
    source: Source,
    frame: Frame,
    wants: list[Want],
    count: int,
    like: Samples,
    like_name: str,
    use_cache: bool,
) -> Side:
    """Returns the features of a reference that is no generator.

    Args:
        source: the reference.
        frame: how it is read.
        wants: what is needed of it.
        count: the most samples to read.
        like: the samples that it is compared with, whose shape it must have.
        like_name: their name.
        use_cache: whether to look for features in the cache, and to keep them there.

    Raises:
        InputError: if the reference cannot be read, or has another shape.
    """
    digest = source.digest(frame) if use_cache and wants else None
    names, probes, found, facts = {}, {}, {}, {}
    for want in wants if digest is not None else ():
        place = want.place
        names[place] = _key(digest, frame, want, count, like.shape, like.value_range)
        probes[place] = cache.probe(want.extractor, like.shape, like.value_range)
        kept = cache.load(names[place], probes[place])
        if kept is not None:
            found[place], facts = kept
            need_same_shape(like, facts["shape"], like_name, source.name)
    missing = [want for want in wants if want.place not in found]
    if wants and not missing:
        return Side(found, facts["read"], facts["split"], facts["classes"], cached=True)
    samples = source.open(frame)
    need_same_shape(like, samples.shape, like_name, source.name)
    side = read(samples, missing, count)
    if not side.count:
        raise InputError(f"There are no samples in {source.name}.")
    facts = {
        "name": source.name,
        "shape": samples.shape,
        "split": samples.split,
        "classes": samples.classes,
        "read": side.count,
    }
    for place, features in side.found.items():
        if place in names:
            cache.store(names[place], probes[place], features, facts)
    side.found |= found
    return side


def _key(digest, frame: Frame, want: Want, count: int, shape: Shape, value_range: Range | None):
    return cache.key(
        content=digest,
        extractor=want.extractor.name,
        kinds=sorted(want.kinds),
        most=want.most,
        count=count,
        shape=shape,
        range=value_range,
        size=frame.size,
        channels=frame.channels,
        split=frame.split,
        seed=frame.seed,
        source_range=frame.value_range,
    )
