"""Tests whether a model copies its training samples."""

import math
import warnings
from typing import Any

import keras
import numpy as np

from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.metrics.reading import read_features
from kgan.typing import ArrayLike, ExtractorLike, Range, Shape

# Rows and columns of a distance matrix in a block: 8 MB of doubles.
_BLOCK = 1024

# A held-out sample counts as a copy if its distance to the training set is at most this share of
# the spread of the training set.
_COPY_DISTANCE = 1e-4


def nearest_distances(samples, among) -> np.ndarray:
    """Computes the Euclidean distance of each sample to the nearest of other samples.

    Args:
        samples: features `(m, width)`.
        among: features `(n, width)` of the other samples.

    Returns:
        Distances `(m,)`; exactly 0 for copies.
    """
    centre = np.mean(among, axis=0, dtype="float64")
    samples = np.asarray(samples, "float64") - centre
    least = np.full(len(samples), np.inf)
    nearest = np.zeros(len(samples), int)
    for first in range(0, len(among), _BLOCK):
        block = np.asarray(among[first : first + _BLOCK], "float64") - centre
        norms = np.einsum("ij,ij->i", block, block)
        for start in range(0, len(samples), _BLOCK):
            rows = slice(start, start + _BLOCK)
            # Without the sample's own norm, which does not change which one is nearest.
            squares = norms - 2.0 * (samples[rows] @ block.T)
            found = squares.min(axis=1)
            nearer = found < least[rows]
            nearest[rows][nearer] = first + squares.argmin(axis=1)[nearer]
            least[rows][nearer] = found[nearer]
    # From the differences, because in the product form the digits of small distances cancel.
    parts = (slice(start, start + _BLOCK) for start in range(0, len(samples), _BLOCK))
    distances = [
        np.linalg.norm(samples[rows] - (among[nearest[rows]] - centre), axis=1) for rows in parts
    ]
    return np.concatenate(distances) if distances else np.zeros(0)


def nearer(generated, held_out) -> float:
    """Computes the probability that a generated distance is below a held-out distance.

    Ties count half: this is the U statistic of Mann and Whitney 1947 divided by its maximum.

    Args:
        generated, held_out: distances `(m,)` and `(n,)`.
    """
    held_out = np.sort(held_out)
    above = len(held_out) - np.searchsorted(held_out, generated, "right")
    ties = len(held_out) - above - np.searchsorted(held_out, generated, "left")
    return float((above + 0.5 * ties).mean() / len(held_out))


@keras.saving.register_keras_serializable("kgan")
class Memorisation(FeatureMetric):
    """Tests whether generated samples lie nearer to the training samples than held-out ones do.

    Meehan, Chaudhuri and Dasgupta 2020, "A non-parametric test to detect data-copying in
    generative models", section 3. The metric computes the distance to the nearest training sample
    of each generated sample, and of each real sample of the evaluation, which must be held out
    from training. Two figures are logged:

    - `NAME`: the probability that a generated sample's distance is below a held-out sample's. 0.5
      for real samples, near 1 for copies, below 0.5 if generated samples lie further away than
      real ones, as poor samples do. Over m and n samples its standard deviation is
      sqrt((m + n + 1) / (12 m n)), which is 0.013 for 1000 of each.
    - `NAME_ratio`: the median of the generated distances divided by that of the held-out ones; 0
      for copies. NaN if more than half of the held-out samples are also training samples.

    The paper's statistic is 1 - `NAME`, for each cell of a partition of the space. This metric is
    the paper's global test, without cells, so poor samples in one region can hide copies in
    another. It also misses a copy whose features differ from those of the original.

    Args:
        training: the samples that the model was trained on: an array, a dataset or any iterable
            of batches or `(batch, labels)`. Their features are computed once, before the first
            evaluation, and stay in memory. They are not saved with a model: set the attribute
            `training` of the loaded model's metric, or pass a new metric to
            `evaluate(metrics=[...])`.
        extractor, value_range, name: as in `kgan.metrics.FeatureMetric`.

    Raises:
        InputError: before an evaluation, if there are no training samples, or they have another
            shape than the generated ones.
    """

    keeps = {"real": "features", "fake": "features"}
    uses_training = True

    def __init__(
        self,
        training: ArrayLike = None,
        extractor: ExtractorLike = "auto",
        value_range: Range | None = None,
        name: str = "memorisation",
    ):
        super().__init__(extractor, value_range, name)
        # Keras does not track what is set in `__dict__`.
        self.__dict__["_training"] = training
        self._features: Any = None
        self._features_of: Any = None
        self._range: Any = None

    @property
    def training(self) -> Any:
        """The samples that the model was trained on; None in a metric that was loaded."""
        return self._training

    @training.setter
    def training(self, training):
        self.__dict__["_training"] = training
        self._features = None

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        self._require_training()
        super().prepare(sample_shape, value_range, shared)
        self._range = self.value_range or value_range
        self._read(tuple(sample_shape))

    def _require_training(self):
        if self.training is None:
            raise InputError(
                f"{self.name} compares with the samples that the model was trained on, and has "
                "none; they are not saved with a model. Use Memorisation(training=dataset), or set "
                "the attribute `training` of this metric."
            )

    def _read(self, sample_shape=None):
        extractor = self._record.extractor or self.extractor
        source = getattr(extractor, "name", extractor), self._range
        if self._features is None or self._features_of != source:
            self._features, _ = read_features(
                self.training, extractor, self._range, sample_shape=sample_shape
            )
            self._features_of = source

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.name, f"{self.name}_ratio")

    def enough(self) -> tuple[int, str] | None:
        return 100, "over so few samples the probability varies by 0.04 and more."

    def compute(self) -> Any:
        if self._features is None:
            self._require_training()
            self._read()
        real, fake = (
            nearest_distances(self.kept(side).all(), self._features) for side in ("real", "fake")
        )
        median = np.median(real)
        if median <= _COPY_DISTANCE * np.linalg.norm(self._features.std(axis=0)):
            warnings.warn(
                f"{self.name}: most of the real samples of the evaluation are copies of training "
                "samples. Evaluate on samples that are held out from training, such as "
                "split='test', or the figure means nothing.",
                stacklevel=4,
            )
            ratio = math.nan
        else:
            ratio = float(np.median(fake) / median)
        return dict(zip(self.figures, (nearer(fake, real), ratio), strict=True))

    def report(self) -> dict:
        training = None if self._features is None else len(self._features)
        return super().report() | {"training": training}
