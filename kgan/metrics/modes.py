"""Counts the modes of a known distribution that a generator finds, and measures their shares."""

import math
import operator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import Config, ExtractorLike, Range, Self, Shape

# A sample is of high quality within this many standard deviations of its centre.
_HIGH_QUALITY = 3.0
# Papers evaluate on 26,000 samples of 1,000 modes.
_SAMPLES_PER_MODE = 26
# Samples whose distances to all centres are computed at once.
_BLOCK = 4096


# More classes than any classifier has.
_MOST_MODES = 10**7


class _Modes(NamedTuple):
    probabilities: np.ndarray
    centres: np.ndarray | None
    spread: float | None


@keras.saving.register_keras_serializable("kgan")
class ModeCoverage(FeatureMetric):
    """Modes of a known distribution that a generator finds.

    The test for mode collapse on mixtures of Gaussians and on stacked digits: Srivastava et al.
    2017, VEEGAN; Lin et al. 2018, PacGAN, sections 4.1 and 4.2.

    **Mixtures.** A sample belongs to the nearest centre, and is of high quality within 3 standard
    deviations of it (modes should lie 6 or more standard deviations apart). Four figures are
    logged:

    - `modes`: the number of modes with a high-quality sample; more is better;
    - `high_quality`: the share of high-quality samples, 0 to 1. Real samples score below 1,
      because some lie further out: 1 - exp(-4.5) = 0.989 in the plane;
    - `mode_spread`: the standard deviation of the high-quality samples within their modes, along
      an axis, divided by that of real samples within the same distance. 1 is best. Modes
      that have collapsed to points score 0, and samples spread evenly over the disc score 1.54 in
      the plane. The deviation is about the mean of each mode's own samples: about the true
      centre, a mode that has collapsed to one point beside the centre would seem wide. NaN if no
      mode has two samples;
    - `mode_kl`: the Kullback-Leibler divergence, in nats, of the high-quality samples' shares of
      the modes from the true shares. 0 is best; inf if no sample is of high quality. N real
      samples of K modes score about (K - 1) / 2N on average.

    **Classes.** Without centres, a sample belongs to the class to which the classifier gives the
    highest probability. `modes` and `mode_kl` are logged, over all samples. PacGAN takes the modes
    of stacked digits to be equally likely, as `modes=1000` does. Errors of the classifier change
    the figures: 26,000 real stacks of MNIST's test digits score 1,000 modes and a `mode_kl` of
    0.018, as their labels do, but stacks of scikit-learn's 8x8 digits score 0.054.

    Args:
        modes: `dataset.info.modes` of "ring", "grid" or "stacked_mnist"; another object with
            `probabilities` `(modes,)`, `centres` `(modes, dimensions)` and `spread`, the last two
            None for classes; or a number of classes that are equally likely.
        extractor: with centres, an extractor whose features lie in the space of the centres;
            "auto" takes the samples' own values. Without centres, a classifier with as many
            classes as modes; "auto" takes "stacked_digits" for 1,000 modes, and else depends on
            the images as in `FeatureMetric`.
        least: the number of samples that a mode must have to count as found.
        value_range: as in `kgan.metrics.FeatureMetric`.
        name: a prefix of the logged names, unless it is "mode_coverage": "ring" logs
            `ring_modes`, `ring_high_quality` and so on.

    Raises:
        InputError: if `modes` is none of these; before an evaluation, if the dimensions of the
            samples and of the centres differ, or the numbers of classes and of modes.

    Example:

    ```python
    points = kgan.data.load("grid")
    gan.compile(metrics=[kgan.metrics.ModeCoverage(points.info.modes)])
    ```
    """

    def __init__(
        self,
        modes: Any = None,
        extractor: ExtractorLike = "auto",
        least: int = 1,
        value_range: Range | None = None,
        name: str = "mode_coverage",
    ):
        modes = _as_modes(modes)
        if extractor == "auto" and modes.centres is not None:
            extractor = "values"
        elif extractor == "auto" and len(modes.probabilities) == 1000:
            extractor = "stacked_digits"
        super().__init__(extractor, value_range, name)
        self.modes = modes
        self.least = arguments.integer("least", least)

    @property
    def figures(self) -> tuple[str, ...]:
        prefix = "" if self.name == "mode_coverage" else f"{self.name}_"
        names = ("modes", "mode_kl")
        if self.modes.centres is not None:
            names = ("modes", "high_quality", "mode_spread", "mode_kl")
        return tuple(prefix + name for name in names)

    def sides(self) -> dict[str, str]:
        return {"fake": "classes" if self.modes.centres is None else "features"}

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        super().prepare(sample_shape, value_range, shared)
        extractor, count = self._record.extractor, len(self.modes.probabilities)
        found = extractor.trial(sample_shape, self.value_range or value_range)
        if self.modes.centres is None:
            classes = found.logits.shape[1]
            if classes != count:
                raise InputError(
                    f"{self.name} counts {count} modes, and the classifier {extractor.name!r} "
                    f"has {classes} classes. Take extractor='stacked_digits' for stacked "
                    f"digits, another classifier of {count} classes, or modes={classes}."
                )
        elif found.features.shape[1] != self.modes.centres.shape[1]:
            raise InputError(
                f"The centres of {self.name} have {self.modes.centres.shape[1]} dimensions, and "
                f"samples of shape {tuple(sample_shape)} have {found.features.shape[1]} in "
                f"{extractor.name!r}. Give it dataset.info.modes of the data that the model is "
                "trained on."
            )

    def enough(self) -> tuple[int, str] | None:
        modes, count = len(self.modes.probabilities), self.kept("fake").count
        return _SAMPLES_PER_MODE * modes, (
            f"modes are missed by chance, and real samples would score a mode_kl of about "
            f"{(modes - 1) / (2 * count):.2g}. Evaluate on more data: as many samples are "
            "generated as the data holds."
        )

    def compute(self) -> Any:
        rows = self.kept("fake").all()
        if self.modes.centres is None:
            counts = np.bincount(rows[:, 0], minlength=len(self.modes.probabilities))
            quality = ()
        else:
            counts, spread = _high_quality(rows, self.modes.centres, self.modes.spread)
            quality = (float(counts.sum() / len(rows)), spread)
        found = int((counts >= self.least).sum())
        return dict(zip(self.figures, (found, *quality, self._divergence(counts)), strict=True))

    def _divergence(self, counts):
        """Returns the Kullback-Leibler divergence of the modes' shares from the true shares."""
        seen = counts > 0
        if not seen.any():
            return math.inf
        shares = counts[seen] / counts.sum()
        with np.errstate(divide="ignore"):
            return float(shares @ (np.log(shares) - np.log(self.modes.probabilities[seen])))

    def get_config(self) -> Config:
        modes = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in self.modes._asdict().items()
        }
        return super().get_config() | {"modes": modes, "least": self.least}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return super().from_config(config | {"modes": _Modes(**config["modes"])})


def _high_quality(points, centres, spread) -> tuple[np.ndarray, float]:
    """Returns the number of high-quality points of each mode, and their `mode_spread`."""
    modes, dimensions = centres.shape
    counts, squares = np.zeros(modes, int), np.zeros(modes)
    sums = np.zeros((modes, dimensions))
    for start in range(0, len(points), _BLOCK):
        differences = points[start : start + _BLOCK, None].astype("float64") - centres
        distances = (differences**2).sum(axis=2)
        mode = distances.argmin(axis=1)
        rows = np.arange(len(mode))
        nearest, offsets = distances[rows, mode], differences[rows, mode]
        near = nearest <= (_HIGH_QUALITY * spread) ** 2
        mode, offsets, nearest = mode[near], offsets[near], nearest[near]
        counts += np.bincount(mode, minlength=modes)
        squares += np.bincount(mode, nearest, minlength=modes)
        np.add.at(sums, mode, offsets)
    degrees_of_freedom = (counts - 1).clip(0).sum() * dimensions
    if not degrees_of_freedom:
        return counts, math.nan
    found = counts > 0
    scatter = (squares[found] - (sums[found] ** 2).sum(axis=1) / counts[found]).sum()
    variance = max(scatter, 0.0) / degrees_of_freedom / spread**2
    return counts, float(math.sqrt(variance / _variance_within(dimensions)))


def _variance_within(dimensions) -> float:
    """Returns the variance along an axis of a standard Gaussian that is cut off at radius 3.

    P(chi2 with d + 2 degrees of freedom <= 9) / P(chi2 with d <= 9), for d dimensions.
    """
    half_square = tf.constant(_HIGH_QUALITY**2 / 2, tf.float64)
    numerator, denominator = (
        tf.math.igamma(tf.constant(d / 2, tf.float64), half_square)
        for d in (dimensions + 2, dimensions)
    )
    return float(numerator / denominator)


def _as_modes(modes) -> _Modes:
    """Returns the modes as arrays.

    Raises:
        InputError: if the argument is not modes, or its arrays do not fit together.
    """
    advice = (
        "Give modes=dataset.info.modes, which the data sets 'ring', 'grid' and 'stacked_mnist' "
        "have, or the number of classes of a classifier."
    )
    if not hasattr(modes, "probabilities"):
        try:
            count = 0 if isinstance(modes, bool) else operator.index(modes)
        except (AttributeError, TypeError):
            count = 0
        if not 2 <= count <= _MOST_MODES:
            raise InputError(f"ModeCoverage must know the modes; got {modes!r}. {advice}")
        return _Modes(np.full(count, 1 / count), None, None)
    probabilities = np.asarray(modes.probabilities, "float64")
    fits = probabilities.ndim == 1 and (probabilities >= 0).all()
    if not fits or not math.isclose(probabilities.sum(), 1, abs_tol=1e-6):
        raise InputError(
            "The probabilities of the modes must be one for each, at least 0, and sum to 1; got "
            f"shape {probabilities.shape} and sum {probabilities.sum():g}. {advice}"
        )
    if getattr(modes, "centres", None) is None:
        return _Modes(probabilities, None, None)
    centres = np.asarray(modes.centres, "float64")
    if centres.ndim != 2 or len(centres) != len(probabilities):
        raise InputError(
            f"The centres of {len(probabilities)} modes have shape {(len(probabilities),)} + "
            f"(dimensions,); got {centres.shape}. {advice}"
        )
    if modes.spread is None or not 0 < modes.spread < math.inf:
        raise InputError(
            "Modes with centres need a spread, their standard deviation along an axis; got "
            f"{modes.spread!r}. {advice}"
        )
    return _Modes(probabilities, centres, float(modes.spread))
