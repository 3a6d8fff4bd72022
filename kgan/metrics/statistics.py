"""Mean and covariance of features, in the file format that FID implementations share."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.metrics.feature_metric import read_npz, write_npz
from kgan.metrics.reading import batches, features, prepared, range_of
from kgan.metrics.states import Moments
from kgan.typing import ExtractorLike, PathLike, Range


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and covariance of the features of a set of samples.

    The file format is that of TTUR (Heusel et al. 2017) and pytorch-fid: an `.npz` file with
    `mu` `(width,)` and `sigma` `(width, width)`. kgan adds `count` and `extractor`, which other
    programs ignore. Their files lack both, so only the width of these can be checked.

    Attributes:
        mu: the mean, float64 `(width,)`.
        sigma: the covariance, float64 `(width, width)`, divided by count - 1.
        count: the number of samples; None if unknown.
        extractor: the name of the extractor; None if unknown.
    """

    mu: np.ndarray
    sigma: np.ndarray
    count: int | None = None
    extractor: str | None = None

    @classmethod
    def of(
        cls,
        data: Any,
        extractor: ExtractorLike = "auto",
        value_range: Range | None = None,
        count: int | None = None,
    ) -> "Statistics":
        """Computes the statistics of samples, batch by batch.

        Args:
            data: samples: an array, a dataset or any iterable of batches or `(batch, labels)`.
            extractor: as in `FrechetDistance`.
            value_range: (low, high) of the samples; None takes that of a dataset of `kgan.data`.
            count: the number of samples to read; None reads all.

        Raises:
            InputError: if there are fewer than 2 samples, their features are not finite, or the
                extractor does not fit them.
        """
        moments, network = Moments(), None
        value_range = value_range or range_of(data)
        with batches(data, value_range, count) as stream:
            for samples in stream:
                network = network or prepared(extractor, samples.shape[1:], value_range)
                moments.add(features(network, samples))
        if moments.count < 2:
            raise InputError(f"Statistics need 2 samples or more; the data held {moments.count}.")
        return cls(moments.mean(), moments.covariance(), moments.count, network.name)

    def save(self, filepath: PathLike) -> None:
        """Writes an `.npz` file; raises an `InputError` if that fails."""
        facts = {"count": self.count, "extractor": self.extractor}
        known = {name: np.array(value) for name, value in facts.items() if value is not None}
        write_npz(filepath, {"mu": self.mu, "sigma": self.sigma, **known})

    @classmethod
    def load(cls, filepath: PathLike) -> "Statistics":
        """Reads the statistics of an `.npz` file of kgan or of another program.

        Raises:
            InputError: if there is no such file, or it holds no statistics.
        """
        arrays = read_npz(filepath)
        if not {"mu", "sigma"} <= arrays.keys():
            raise InputError(
                f"{filepath} holds {', '.join(arrays) or 'nothing'}; statistics are 'mu' and "
                "'sigma'. `kgan.metrics.Statistics.of(dataset).save(path)` writes them."
            )
        try:
            mu = np.atleast_1d(arrays["mu"]).astype("float64")
            sigma = np.atleast_2d(arrays["sigma"]).astype("float64")
            count = int(arrays["count"]) if "count" in arrays else None
        except (TypeError, ValueError) as error:
            raise InputError(f"{filepath} holds something else than numbers: {error}.") from error
        if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
            raise InputError(
                f"{filepath} holds mu of shape {mu.shape} and sigma of shape {sigma.shape}; "
                "expected (width,) and (width, width)."
            )
        if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
            raise InputError(f"{filepath} holds NaN or Inf.")
        return cls(
            mu,
            sigma,
            count,
            str(arrays["extractor"]) if "extractor" in arrays else None,
        )
