"""How far apart the samples are from each other: the quickest sign of mode collapse."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.distances import with_norms, within
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import Config, ExtractorLike, Range, Shape, Tensors


def mean_pairwise_distance(features) -> float:
    """Mean Euclidean distance between two different samples, over all pairs.

    Args:
        features: `(samples, ...)`.

    Raises:
        InputError: for fewer than two samples.
    """
    count, side = len(features), _side(features)
    return float(sum(np.sqrt(squares).sum() for _, squares in within(side)) / (count * (count - 1)))


def nearest_distance(features) -> float:
    """Median over the samples of the Euclidean distance to the nearest other one.

    It falls with the number of samples: compare it between sets of equal size.

    Args:
        features: `(samples, ...)`.

    Raises:
        InputError: for fewer than two samples.
    """
    nearest = [squares.min(axis=1) for _, squares in within(_side(features), own=np.inf)]
    return float(np.median(np.sqrt(np.concatenate(nearest))))


def diversity(real, fake) -> tuple[float, float]:
    """(mean pairwise distance, median distance to the nearest other), generated over real.

    The second is over the first samples of the longer side, as many as the shorter has. NaN where
    the real distance is 0.

    Args:
        real, fake: features `(m, ...)` and `(n, ...)`.

    Raises:
        InputError: for fewer than two samples on a side.
    """
    count = min(len(real), len(fake))
    return (
        _ratio(mean_pairwise_distance(fake), mean_pairwise_distance(real)),
        _ratio(nearest_distance(fake[:count]), nearest_distance(real[:count])),
    )


def _ratio(of, to):
    return of / to if to > 0 else math.nan


def _side(features):
    features = np.asarray(features, "float64")
    if len(features) < 2:
        raise InputError(
            f"A distance between samples needs two samples or more; got {len(features)}."
        )
    features = features.reshape(len(features), -1)
    # Distances don't change, and fewer digits cancel in them.
    return with_norms(features - features.mean(axis=0))


@keras.saving.register_keras_serializable("kgan")
class Diversity(FeatureMetric):
    """Distances between generated samples over those between real ones: finds mode collapse.

    Logged as `NAME`, the ratio of mean distances between two samples: 0 for one sample drawn over
    and over, 1 for true samples, above 1 for samples more scattered than the real ones; and as
    `NAME_nearest`, the ratio of median distances to the nearest other sample: 0 for a handful of
    samples drawn over and over, which lie as far apart on average as any. Distances are
    Euclidean, between features. Cheap enough for every epoch.

    What they cannot see: whether samples are any good (noise in MNIST's range scores 1.12), and
    modes that are missing as long as the others are varied (of MNIST's pixels the zeros alone
    score 0.96). Recall and coverage see that, and cost more.

    Args:
        extractor, value_range, name: as in `kgan.metrics.FeatureMetric`.
        most: samples of each side that are looked at, the first ones; the nearest other sample is
            nearer among more, so compare figures over equally many.
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
        # A record of its own: in a shared one every sample of an evaluation would be kept, and
        # pixels are large features.
        super().prepare(sample_shape, value_range)

    def update_state(self, real: Tensors, fake: Tensors, condition: Tensors = None) -> None:
        """As `FeatureMetric.update_state`; what is beyond `most` samples is not looked at."""

        def room(side):
            left = tf.numpy_function(lambda: np.int64(self._room(side)), [], tf.int64)
            left.set_shape(())
            return left

        super().update_state(real[: room("real")], fake[: room("fake")])

    def _room(self, side):
        return max(self.most - self._record.count(side), 0)

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.name, f"{self.name}_nearest")

    def enough(self) -> tuple[int, str] | None:
        return 100, "distances between so few samples vary much from one drawing to the next."

    def compute(self) -> Any:
        sides = (self.kept(side).all()[: self.most] for side in ("real", "fake"))
        return dict(zip(self.figures, diversity(*sides), strict=True))

    def get_config(self) -> Config:
        return super().get_config() | {"most": self.most}
