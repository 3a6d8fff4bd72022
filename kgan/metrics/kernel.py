"""The kernel distance: an unbiased maximum mean discrepancy between features (KID)."""

from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.distances import features_of_both
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import Config, ExtractorLike, Range


def polynomial_mmd(real, fake) -> float:
    """Estimates the squared maximum mean discrepancy under the kernel (x.y / width + 1)^3.

    Bińkowski et al. 2018, "Demystifying MMD GANs", section 4. The estimator is the unbiased one
    of Gretton et al. 2012 (lemma 6), whose sums within a side leave out the pairs of a sample
    with itself. It may be below 0.

    Args:
        real, fake: features `(m, width)` and `(n, width)`, at least two of each.
    """
    real, fake = np.asarray(real, "float64"), np.asarray(fake, "float64")

    def kernel(x, y):
        values = x @ y.T
        values /= x.shape[1]
        values += 1.0
        # In place, because a power would need a second matrix and take longer.
        square = values * values
        values *= square
        return values

    m, n = len(real), len(fake)
    within_real, within_fake = kernel(real, real), kernel(fake, fake)
    return float(
        (within_real.sum() - np.trace(within_real)) / (m * (m - 1))
        + (within_fake.sum() - np.trace(within_fake)) / (n * (n - 1))
        - 2.0 * kernel(real, fake).mean()
    )


def kernel_distance(
    real: np.ndarray, fake: np.ndarray, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Computes the kernel distance (KID): `polynomial_mmd` over random subsets.

    Args:
        real, fake: features `(m, width)` and `(n, width)`.
        subsets: how many subsets are drawn.
        subset_size: samples of each side in a subset, drawn without replacement. At most the
            samples of the smaller side are drawn.
        seed: seed of the draws; equal seeds draw equal subsets.

    Returns:
        The mean and the standard deviation over the subsets. If every subset would hold all
        samples, the deviation is NaN.

    Raises:
        InputError: if a side has fewer than two samples.
    """
    real, fake = features_of_both(real, fake)
    subsets, seed = arguments.integer("subsets", subsets), arguments.integer("seed", seed, 0)
    size = min(arguments.integer("subset_size", subset_size), len(real), len(fake))
    if size < 2:
        raise InputError(
            f"The kernel distance needs two samples of each side; got {len(real)} real and "
            f"{len(fake)} generated ones."
        )
    random = np.random.default_rng(seed)
    if size == len(real) == len(fake):
        # Every subset would hold all samples, so there is no deviation to estimate.
        return polynomial_mmd(real, fake), float("nan")
    values = [
        polynomial_mmd(
            real[random.choice(len(real), size, replace=False)],
            fake[random.choice(len(fake), size, replace=False)],
        )
        for _ in range(subsets)
    ]
    return float(np.mean(values)), float(np.std(values))


@keras.saving.register_keras_serializable("kgan")
class KernelDistance(FeatureMetric):
    """Kernel distance between real and generated features; with "inception" this is the KID.

    Bińkowski et al. 2018, "Demystifying MMD GANs", section 4: the unbiased squared MMD under the
    cubic kernel, mean and standard deviation over subsets. Less is better. Unlike the Fréchet
    distance it is not biased with few samples. Real samples score 0 on average, so single values
    may be negative. Logged as `NAME` and `NAME_std`.

    Args:
        extractor, value_range, name: as in `kgan.metrics.FeatureMetric`.
        subsets: how many subsets are drawn.
        subset_size: samples of each side in a subset.
        seed: seed of the subsets.
    """

    keeps = {"real": "features", "fake": "features"}
    _direction = "down"

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        subsets: int = 100,
        subset_size: int = 1000,
        seed: int = 0,
        value_range: Range | None = None,
        name: str = "kernel_distance",
    ):
        super().__init__(extractor, value_range, name)
        self.subsets = arguments.integer("subsets", subsets)
        self.subset_size = arguments.integer("subset_size", subset_size, least=2)
        self.seed = seed

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.name, f"{self.name}_std")

    def enough(self) -> tuple[int, str] | None:
        return self.subset_size, (
            f"subsets of {self.subset_size} samples cannot be drawn, and without them the standard "
            "deviation says little or is NaN."
        )

    def compute(self) -> Any:
        mean, deviation = kernel_distance(
            self.kept("real").all(),
            self.kept("fake").all(),
            self.subsets,
            self.subset_size,
            self.seed,
        )
        return dict(zip(self.figures, (mean, deviation), strict=True))

    def get_config(self) -> Config:
        return super().get_config() | {
            "subsets": self.subsets,
            "subset_size": self.subset_size,
            "seed": self.seed,
        }
