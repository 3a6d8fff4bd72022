"""Precision, recall, density and coverage: manifolds estimated by nearest neighbours."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.distances import between, with_norms, within
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import Config, ExtractorLike, Range, Shape


def manifold(
    real: np.ndarray, fake: np.ndarray, neighbours: Iterable[int] = (3, 5)
) -> dict[int, dict[str, float]]:
    """Precision, recall, density and coverage for several k, in one pass over the distances.

    A sample's ball reaches to its k-th nearest neighbour of its own side, itself not counted.

    - precision: share of generated samples within the ball of some real one,
    - recall: share of real samples within the ball of some generated one
      (Kynkäänniemi et al. 2019, section 2, equations 1 and 2);
    - density: real balls that a generated sample lies in, on average, over k;
    - coverage: share of real samples with some generated one in their ball
      (Naeem et al. 2020, section 3, equations 5 and 6).

    Args:
        real, fake: features `(m, width)` and `(n, width)`.
        neighbours: the values of k.

    Returns:
        By k, a dictionary of the four figures.

    Raises:
        InputError: for a side of k samples or fewer.
    """
    ks = sorted(set(neighbours))
    for side, features in (("real", real), ("generated", fake)):
        if len(features) <= ks[-1]:
            raise InputError(
                f"The {ks[-1]}-th nearest neighbour needs more than {ks[-1]} samples; got "
                f"{len(features)} {side} ones."
            )
    # Distances don't change with the origin, and fewer digits cancel about this one.
    centre = np.mean(real, axis=0, dtype="float64")
    real, fake = with_norms(real - centre), with_norms(fake - centre)
    real_radii, fake_radii = _radii(real, ks), _radii(fake, ks)
    held = {k: np.zeros(len(fake[0]), "int64") for k in ks}
    recalled = dict.fromkeys(ks, 0)
    covered = dict.fromkeys(ks, 0)
    for rows, distances in between(real, fake):
        for place, k in enumerate(ks):
            inside = distances < real_radii[rows, place, None]
            held[k] += inside.sum(axis=0)
            covered[k] += int(inside.any(axis=1).sum())
            recalled[k] += int((distances < fake_radii[:, place]).any(axis=1).sum())
    return {
        k: {
            "precision": float((held[k] > 0).mean()),
            "recall": recalled[k] / len(real[0]),
            "density": float(held[k].mean()) / k,
            "coverage": covered[k] / len(real[0]),
        }
        for k in ks
    }


def _radii(side, ks):
    """Squared distances `(samples, len(ks))` to the k-th nearest neighbours on the same side."""
    radii = np.empty((len(side[0]), len(ks)))
    for rows, distances in within(side):
        # The nearest of all is the sample itself.
        nearest = np.partition(distances, ks, axis=1)
        radii[rows] = nearest[:, ks]
    return radii


class _Neighbours(FeatureMetric):
    keeps = {"real": "features", "fake": "features"}
    _direction = "up"
    figure = ""

    def __init__(self, extractor: ExtractorLike, k: int, value_range: Range | None, name: str):
        super().__init__(extractor, value_range, name)
        self.k = arguments.integer("k", k)

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        super().prepare(sample_shape, value_range, shared)
        self._record.neighbours.add(self.k)

    def enough(self) -> tuple[int, str] | None:
        return 1000, (
            "so few leave gaps between the real samples, whose balls then reach too far. Compare "
            "it only with figures over as many samples."
        )

    def compute(self) -> Any:
        ks = frozenset({*self._record.neighbours, self.k})
        # One pass serves all four metrics that share the record.
        if ks not in self._record.cache:
            real, fake = self.kept("real").all(), self.kept("fake").all()
            self._record.cache[ks] = manifold(real, fake, ks)
        return self._record.cache[ks][self.k][self.figure]

    def get_config(self) -> Config:
        return super().get_config() | {"k": self.k}


_ARGUMENTS = """

    Args:
        extractor, value_range, name: as in `kgan.metrics.FeatureMetric`.
        k: the neighbour that a ball reaches to; the paper's by default.
    """


@keras.saving.register_keras_serializable("kgan")
class Precision(_Neighbours):
    __doc__ = (
        """Share of generated samples that lie within the real manifold, 0 to 1: how realistic.

    Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative
    models", section 2, k = 3."""
        + _ARGUMENTS
    )

    figure = "precision"

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        k: int = 3,
        value_range: Range | None = None,
        name: str = "precision",
    ):
        super().__init__(extractor, k, value_range, name)


@keras.saving.register_keras_serializable("kgan")
class Recall(_Neighbours):
    __doc__ = (
        """Share of real samples that lie within the generated manifold, 0 to 1: how varied.

    Kynkäänniemi et al. 2019, section 2, k = 3."""
        + _ARGUMENTS
    )

    figure = "recall"

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        k: int = 3,
        value_range: Range | None = None,
        name: str = "recall",
    ):
        super().__init__(extractor, k, value_range, name)


@keras.saving.register_keras_serializable("kgan")
class Density(_Neighbours):
    __doc__ = (
        """Real neighbourhoods that a generated sample lies in, relative to what is expected of
    true samples: about 1 for them, and more where samples crowd in the densest places.

    Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", section
    3.1, k = 5. Unlike precision it does not take one outlying real sample for a region."""
        + _ARGUMENTS
    )

    figure = "density"

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        k: int = 5,
        value_range: Range | None = None,
        name: str = "density",
    ):
        super().__init__(extractor, k, value_range, name)


@keras.saving.register_keras_serializable("kgan")
class Coverage(_Neighbours):
    __doc__ = (
        """Share of real samples whose neighbourhood holds a generated one, 0 to 1.

    Naeem et al. 2020, section 3.2, k = 5. True samples score 1 - 2^-k or so in large sets of
    equal size: 0.97 for k = 5."""
        + _ARGUMENTS
    )

    figure = "coverage"

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        k: int = 5,
        value_range: Range | None = None,
        name: str = "coverage",
    ):
        super().__init__(extractor, k, value_range, name)
