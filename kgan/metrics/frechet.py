"""The Fréchet distance between two Gaussians fitted to features: FID."""

import os
from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.metrics.statistics import Statistics
from kgan.typing import Config, ExtractorLike, PathLike, Range, Self, Shape


def frechet_distance(
    mu_1: np.ndarray, sigma_1: np.ndarray, mu_2: np.ndarray, sigma_2: np.ndarray
) -> float:
    """Computes the squared Fréchet distance between two Gaussians (Dowson and Landau 1982).

    |mu_1 - mu_2|^2 + tr(sigma_1 + sigma_2 - 2 (sigma_1 sigma_2)^(1/2)), the formula of the FID
    (Heusel et al. 2017, equation 6). The trace of the root is computed as the sum of the singular
    values of A^T B with sigma_1 = A A^T and sigma_2 = B B^T. This avoids the root of a matrix
    that is not symmetric, and is exact for covariances of deficient rank.

    Args:
        mu_1, mu_2: means `(width,)`.
        sigma_1, sigma_2: covariances `(width, width)`.

    Returns:
        The squared distance; at least 0, up to rounding (about 1e-15 of the traces).
    """
    mu_1, mu_2, sigma_1, sigma_2 = (
        arguments.array(name, value, ranks).astype("float64")
        for name, value, ranks in (
            ("mu_1", mu_1, (1,)),
            ("mu_2", mu_2, (1,)),
            ("sigma_1", sigma_1, (2,)),
            ("sigma_2", sigma_2, (2,)),
        )
    )
    width = len(mu_1)
    if not width or len(mu_2) != width or {sigma_1.shape, sigma_2.shape} != {(width, width)}:
        raise InputError(
            "Means have shape (width,) and covariances (width, width), of one width; got "
            f"{mu_1.shape}, {sigma_1.shape} and {mu_2.shape}, {sigma_2.shape}."
        )
    if not all(np.isfinite(values).all() for values in (mu_1, mu_2, sigma_1, sigma_2)):
        raise InputError("mu_1, mu_2, sigma_1 and sigma_2 must be finite; they hold NaN or Inf.")
    product = _root(sigma_1).T @ _root(sigma_2)
    trace_of_root = np.linalg.svd(product, compute_uv=False).sum() if product.size else 0.0
    difference = mu_1 - mu_2
    squared = difference @ difference
    return float(squared + np.trace(sigma_1) + np.trace(sigma_2) - 2.0 * trace_of_root)


def _root(sigma):
    """Returns a matrix A with A A^T = sigma and as many columns as sigma has rank."""
    values, vectors = np.linalg.eigh((sigma + sigma.T) / 2)
    # Smaller eigenvalues are zeros with a rounding error.
    kept = values > max(values[-1], 0.0) * len(values) * np.finfo("float64").eps
    return vectors[:, kept] * np.sqrt(values[kept])


@keras.saving.register_keras_serializable("kgan")
class FrechetDistance(FeatureMetric):
    """Fréchet distance between real and generated features; with "inception" this is the FID.

    Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash
    equilibrium", section 2 and equation 6. The distance is at least 0; less is better.
    Covariances are divided by count - 1, as in `numpy.cov` and the authors' code. Only
    `extractor="inception"` gives the FID that papers report, and only for their number of samples
    (50,000 or 10,000): few samples bias the distance upwards.

    Means and covariances are accumulated in float64 batch by batch, so memory does not grow with
    the number of samples. The size of the batches changes the value by at most 1e-6 of it; if
    the features span fewer dimensions than they have, by at most 1e-6 of the traces of both
    covariances.

    Args:
        extractor, value_range, name: as in `kgan.metrics.FeatureMetric`.
        reference: statistics of the real samples, used instead of the real samples that are
            passed: an `.npz` file with `mu` and `sigma`, or a `kgan.metrics.Statistics`.

    Raises:
        InputError: before an evaluation, if the reference cannot be read, or has another width or
            extractor.

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
                f"uses {extractor.name!r}. Compute them again with Statistics.of(dataset, "
                f"extractor={extractor.name!r}), or give extractor={found.extractor!r}."
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
            f"with so few samples the covariance of {width} features is singular, and the distance "
            "is too large by an unknown amount. Compare it only with figures over as many samples."
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
