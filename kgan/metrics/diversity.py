"""Distances between the samples of a side, which shrink when modes collapse."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, bridge
from kgan.errors import InputError
from kgan.metrics.distances import with_norms, within
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import Config, ExtractorLike, Range, Shape, Tensors


def mean_pairwise_distance(features) -> float:
    """Computes the mean Euclidean distance over all pairs of different samples.

    Args:
        features: `(samples, ...)`.

    Raises:
        InputError: for fewer than two samples.
    """
    count, side = len(features), _centred(features)
    return float(sum(np.sqrt(squares).sum() for _, squares in within(side)) / (count * (count - 1)))


def nearest_distance(features) -> float:
    """Computes the median over the samples of the Euclidean distance to the nearest other one.

    It falls as the number of samples grows: compare it only between sets of equal size.

    Args:
        features: `(samples, ...)`.

    Raises:
        InputError: for fewer than two samples.
    """
    nearest = [squares.min(axis=1) for _, squares in within(_centred(features), own=np.inf)]
    return float(np.median(np.sqrt(np.concatenate(nearest))))


def diversity(real, fake) -> tuple[float, float]:
    """Computes the ratios of generated to real distances between samples.

    Args:
        real, fake: features `(m, ...)` and `(n, ...)`.

    Returns:
        The ratio of the mean distances between two samples, and the ratio of the median distances
        to the nearest other sample. For the second, only the first samples of the larger side
        are used, as many as the smaller side has. A ratio is NaN if the real distance is 0.

    Raises:
        InputError: if a side has fewer than two samples.
    """
    count = min(len(real), len(fake))
    return (
        _ratio(mean_pairwise_distance(fake), mean_pairwise_distance(real)),
        _ratio(nearest_distance(fake[:count]), nearest_distance(real[:count])),
    )


def _ratio(generated, real):
    return generated / real if real > 0 else math.nan


def _centred(features):
    """Returns features about their mean, flattened, `with_norms`."""
    features = np.asarray(features, "float64")
    if len(features) < 2:
        raise InputError(
            f"A distance between samples needs two samples or more; got {len(features)}."
        )
    features = features.reshape(len(features), -1)
    # Distances do not depend on the origin, and about the mean fewer digits cancel.
    return with_norms(features - features.mean(axis=0))


@keras.saving.register_keras_serializable("kgan")
class Diversity(FeatureMetric):
    """Distances between generated samples relative to those between real ones.

    Detects mode collapse, and is cheap enough for every epoch. Distances are Euclidean, between
    features. Two figures are logged:

    - `NAME`: the ratio of the mean distances between two samples. 0 for one sample that is
      repeated, 1 for real samples, above 1 for samples that are more scattered than real ones.
    - `NAME_nearest`: the ratio of the median distances to the nearest other sample. It is 0 also
      for a few samples that are repeated, whose mean distance may be as large as that of real
      samples.

    Neither figure tells whether samples are realistic: noise in MNIST's range scores 1.12. Nor
    does either detect missing modes as long as the others are varied: over pixels, MNIST's zeros
    alone score 0.96. Recall and coverage detect this, and cost more.

    Args:
        extractor, value_range, name: as in `kgan.metrics.FeatureMetric`.
        most: the number of samples of each side that are used, the first ones. The distance to
            the nearest sample falls with this number: compare only figures of equal numbers.
    """

    keeps = {"real": "features", "fake": "features"}
    _direction = "up"

    def __init__(
        self,
        extractor: ExtractorLike = "values",
        most: int = 1000,
        value_range: Range | None = None,
        name: str = "diversity",
    ):
        super().__init__(extractor, value_range, name)
        self.most = arguments.integer("most", most, least=2)

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        # No shared record: it would keep every sample of an evaluation, and pixels are large
        # features.
        super().prepare(sample_shape, value_range)

    def update_state(self, real: Tensors, fake: Tensors, condition: Tensors = None) -> None:
        """Adds a batch as `FeatureMetric.update_state` does, up to `most` samples of a side."""

        def missing(side):
            count = bridge.numpy_function(lambda: np.int64(self._missing(side)), [], tf.int64)
            count.set_shape(())
            return count

        super().update_state(real[: missing("real")], fake[: missing("fake")])

    def _missing(self, side):
        """Returns how many samples of a side may still be added."""
        return max(self.most - self._record.count(side), 0)

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.name, f"{self.name}_nearest")

    def enough(self) -> tuple[int, str] | None:
        return 100, "distances between so few samples vary much from one draw to the next."

    def compute(self) -> Any:
        sides = (self.kept(side).all()[: self.most] for side in ("real", "fake"))
        return dict(zip(self.figures, diversity(*sides), strict=True))

    def get_config(self) -> Config:
        return super().get_config() | {"most": self.most}
