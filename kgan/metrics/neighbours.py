"""Precision, recall, density and coverage, over manifolds estimated by nearest neighbours."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.distances import between, features_of_both, with_norms, within
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import Config, ExtractorLike, Range, Shape

# Of squared distances in float64, relative to the squared norms of both features.
_ROUNDING = 1e-12


def manifold(
    real: np.ndarray, fake: np.ndarray, neighbours: Iterable[int] = (3, 5)
) -> dict[int, dict[str, float]]:
    """Computes precision, recall, density and coverage for several k, in one pass.

    The ball of a sample has the sample as its centre, and its radius is the Euclidean distance to
    the k-th nearest other sample of the same side. A sample at that very distance lies in the ball
    (Kynkäänniemi et al. 2019, equation 1): among copies of one sample the radius is 0. The code of
    Naeem et al. 2020 leaves such samples out; without ties both give the same figures.

    - precision: share of generated samples in the ball of some real sample,
    - recall: share of real samples in the ball of some generated sample
      (Kynkäänniemi et al. 2019, section 2, equations 1 and 2);
    - density: mean number of real balls that a generated sample lies in, divided by k;
    - coverage: share of real samples whose ball holds some generated sample
      (Naeem et al. 2020, section 3, equations 5 and 6).

    Args:
        real, fake: features `(m, width)` and `(n, width)`.
        neighbours: the values of k.

    Returns:
        For each k, a dictionary of the four figures by name.

    Raises:
        InputError: if a side has no more than k samples.
    """
    real, fake = features_of_both(real, fake)
    ks = arguments.listing("neighbours", neighbours, "integers, such as (3, 5)")
    ks = sorted({arguments.integer("neighbours", k) for k in ks})
    if not ks:
        raise InputError("neighbours must be integers, such as (3, 5); got none.")
    for side, features in (("real", real), ("generated", fake)):
        if len(features) <= ks[-1]:
            raise InputError(
                f"The {ks[-1]}-th nearest neighbour needs more than {ks[-1]} samples; got "
                f"{len(features)} {side} ones."
            )
    # Distances do not depend on the origin, and about this one fewer digits cancel.
    centre = np.mean(real, axis=0, dtype="float64")
    real, fake = with_norms(real - centre), with_norms(fake - centre)
    real_radii, fake_radii = _radii(real, ks), _radii(fake, ks)
    ball_counts = {k: np.zeros(len(fake[0]), "int64") for k in ks}
    recalled = dict.fromkeys(ks, 0)
    covered = dict.fromkeys(ks, 0)
    for rows, distances in between(real, fake):
        # What is a tie may differ by the rounding of either distance.
        distances -= _ROUNDING * (real[1][rows, None] + fake[1])
        for place, k in enumerate(ks):
            inside = distances <= real_radii[rows, place, None]
            ball_counts[k] += inside.sum(axis=0)
            covered[k] += int(inside.any(axis=1).sum())
            recalled[k] += int((distances <= fake_radii[:, place]).any(axis=1).sum())
    return {
        k: {
            "precision": float((ball_counts[k] > 0).mean()),
            "recall": recalled[k] / len(real[0]),
            "density": float(ball_counts[k].mean()) / k,
            "coverage": covered[k] / len(real[0]),
        }
        for k in ks
    }


def _radii(side, ks):
    """Returns squared distances `(samples, len(ks))` to the k-th nearest others of a side."""
    radii = np.empty((len(side[0]), len(ks)))
    for rows, distances in within(side):
        # At index 0 is the sample itself.
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
            "few samples leave gaps between the real ones, whose balls are then too large. Compare "
            "it only with figures over as many samples."
        )

    def compute(self) -> Any:
        ks = frozenset({*self._record.neighbours, self.k})
        # One pass computes all four metrics that share the record.
        if ks not in self._record.cache:
            real, fake = self.kept("real").all(), self.kept("fake").all()
            self._record.cache[ks] = manifold(real, fake, ks)
        return self._record.cache[ks][self.k][self.figure]

    def get_config(self) -> Config:
        return super().get_config() | {"k": self.k}


_ARGUMENTS = """

    Args:
        extractor, value_range, name: as in `kgan.metrics.FeatureMetric`.
        k: the radius of a ball is the distance to the k-th nearest neighbour; by default the
            paper's k.
    """


@keras.saving.register_keras_serializable("kgan")
class Precision(_Neighbours):
    __doc__ = (
        """Share of generated samples that lie in the real manifold, 0 to 1: how realistic.

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
        """Share of real samples that lie in the generated manifold, 0 to 1: how varied.

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
        """Mean number of real balls that a generated sample lies in, divided by k.

    About 1 for real samples, and more if generated samples crowd where real ones are dense.
    Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", section
    3.1, k = 5. Unlike precision it is robust against single outliers among the real samples."""
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
        """Share of real samples whose ball holds a generated sample, 0 to 1: how varied.

    Naeem et al. 2020, section 3.2, k = 5. Real samples score about 1 - 2^-k in large sets of
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
