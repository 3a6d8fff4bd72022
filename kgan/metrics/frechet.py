"""The Fréchet distance between two Gaussians fitted to features: FID."""

import os
from typing import Any

import keras
import numpy as np

from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.metrics.statistics import Statistics
from kgan.typing import Config, ExtractorLike, PathLike, Range, Self, Shape


def frechet_distance(
    mu_1: np.ndarray, sigma_1: np.ndarray, mu_2: np.ndarray, sigma_2: np.ndarray
) -> float:
    """Squared Fréchet distance between two Gaussians (Dowson and Landau 1982; FID's formula).

    |mu_1 - mu_2|^2 + tr(sigma_1 + sigma_2 - 2 (sigma_1 sigma_2)^(1/2)), as in Heusel et al.
    2017, equation 6. The trace of the root is the sum of the singular values of A^T B with
    sigma_1 = A A^T and sigma_2 = B B^T, which needs no root of a product that is not symmetric
    and is exact for covariances of deficient rank.

    Args:
        mu_1, mu_2: means `(width,)`.
        sigma_1, sigma_2: covariances `(width, width)`.

    Returns:
        The distance, at least 0 up to rounding (some 1e-15 of the traces).
    """
    mu_1, mu_2 = np.asarray(mu_1, "float64"), np.asarray(mu_2, "float64")
    sigma_1, sigma_2 = np.asarray(sigma_1, "float64"), np.asarray(sigma_2, "float64")
    product = _root(sigma_1).T @ _root(sigma_2)
    of_root = np.linalg.svd(product, compute_uv=False).sum() if product.size else 0.0
    apart = mu_1 - mu_2
    return float(apart @ apart + np.trace(sigma_1) + np.trace(sigma_2) - 2.0 * of_root)


def _root(sigma):
    """A matrix A, as narrow as the rank allows, with A A^T = sigma."""
    values, vectors = np.linalg.eigh((sigma + sigma.T) / 2)
    # Eigenvalues below this are the rounding of zeros.
    kept = values > max(values[-1], 0.0) * len(values) * np.finfo("float64").eps
    return vectors[:, kept] * np.sqrt(values[kept])


@keras.saving.register_keras_serializable("kgan")
class FrechetDistance(FeatureMetric):
    """Fréchet distance between real and generated features; FID over Inception's.

    Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash
    equilibrium", section 2 and equation 6. Less is better, and 0 is the least. Covariances are
    divided by count - 1, as in `numpy.cov` and the authors' code. Only the network of
    `extractor="inception"` gives the FID that papers report, at their count of samples (50,000
    or 10,000): the distance falls with the count, for the bias of few samples is upwards.

    Means and covariances are streamed in float64, so memory does not grow with the samples.
    Batches of any size give the value of one batch to 1e-6 relative; where the features span
    fewer dimensions than they have, to 1e-6 of the traces of both covariances.

    Args:
        extractor, value_range, name: as in `kgan.metrics.FeatureMetric`.
        reference: statistics of the real samples, in place of those that are passed: an `.npz`
            file with `mu` and `sigma`, or a `kgan.metrics.Statistics`.

    Raises:
        InputError: before an evaluation, for a reference that cannot be read, or is of another
            width or extractor.

    Example:

    ```python
    distance = kgan.metrics.FrechetDistance("digits", value_range=(-1, 1))
    distance.update_state(real_images, generated_images)
    distance.result()
    ```
    """

    keeps = {"real": "moments", "fake": "moments"}
    _direction = "down"

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        reference: PathLike | Statistics | None = None,
        value_range: Range | None = None,
        name: str = "frechet_distance",
    ):
        super().__init__(extractor, value_range, name)
        if not isinstance(reference, (str, os.PathLike, Statistics, type(None))):
            raise InputError(
                f"reference is the path of an .npz file or kgan.metrics.Statistics; "
                f"got {reference!r}."
            )
        self.reference = reference
        self._statistics: Statistics | None = None

    def sides(self) -> dict[str, str]:
        return self.keeps if self.reference is None else {"fake": "moments"}

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        super().prepare(sample_shape, value_range, shared)
        if self.reference is None:
            return
        given = self.reference
        found = given if isinstance(given, Statistics) else Statistics.load(given)
        extractor = self._record.extractor
        if found.extractor not in (None, extractor.name):
            raise InputError(
                f"The reference statistics are of extractor {found.extractor!r}, and {self.name} "
                f"looks through {extractor.name!r}. Make them anew with Statistics.of(dataset, "
                f"extractor={extractor.name!r}), or say extractor={found.extractor!r}."
            )
        trial = extractor.trial(sample_shape, self.value_range or value_range)
        width = trial.features.shape[1]
        if len(found.mu) != width:
            raise InputError(
                f"The reference statistics have {len(found.mu)} features, and the extractor "
                f"{extractor.name!r} has {width}. They are of another extractor."
            )
        self._statistics = found

    def enough(self) -> tuple[int, str] | None:
        width = self.kept("fake").width
        return width + 1, (
            f"of {width} features the covariance of so few is singular, and the distance is too "
            "large by an unknown amount. Compare it only with figures over as many samples."
        )

    def compute(self) -> Any:
        fake = self.kept("fake")
        if self.reference is None:
            real = self.kept("real")
            mu, sigma = real.mean(), real.covariance()
        else:
            mu, sigma = self._statistics.mu, self._statistics.sigma
        return frechet_distance(mu, sigma, fake.mean(), fake.covariance())

    def report(self) -> dict:
        report = super().report()
        if self._statistics is not None:
            report |= {"real": self._statistics.count, "reference": str(self.reference)}
            if isinstance(self.reference, Statistics):
                report["reference"] = "statistics in memory"
        return report

    def get_config(self) -> Config:
        reference = self.reference
        if isinstance(reference, Statistics):
            reference = {
                "mu": reference.mu.tolist(),
                "sigma": reference.sigma.tolist(),
                "count": reference.count,
                "extractor": reference.extractor,
            }
        elif reference is not None:
            reference = os.fspath(reference)
        return super().get_config() | {"reference": reference}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        if isinstance(config.get("reference"), dict):
            given = config["reference"]
            config["reference"] = Statistics(
                np.array(given["mu"]), np.array(given["sigma"]), given["count"], given["extractor"]
            )
        return super().from_config(config)
