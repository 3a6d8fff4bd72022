"""Whether a model copies what it was trained on."""

import math
import warnings
from typing import Any

import keras
import numpy as np

from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.metrics.reading import read_features
from kgan.typing import ArrayLike, ExtractorLike, Range, Shape

# Rows of a distance matrix at a time, and columns: 8 MB of doubles.
_BLOCK = 1024

# Held-out samples nearer to the training set than this share of its spread are in it.
_SAME = 1e-4


def nearest_distances(samples, among) -> np.ndarray:
    """Euclidean distance of each sample to the nearest of others, `(m,)`; exactly 0 for copies.

    Args:
        samples: features `(m, width)`.
        among: features `(n, width)`.
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
            # Less the sample's own norm, which does not change what is nearest.
            squares = norms - 2.0 * (samples[rows] @ block.T)
            found = squares.min(axis=1)
            nearer = found < least[rows]
            nearest[rows][nearer] = first + squares.argmin(axis=1)[nearer]
            least[rows][nearer] = found[nearer]
    # From the differences: in the product form the digits of small distances cancel.
    parts = (slice(start, start + _BLOCK) for start in range(0, len(samples), _BLOCK))
    distances = [
        np.linalg.norm(samples[rows] - (among[nearest[rows]] - centre), axis=1) for rows in parts
    ]
    return np.concatenate(distances) if distances else np.zeros(0)


def nearer(generated, held_out) -> float:
    """The probability that one distance of the first kind is below one of the second.

    Ties count half: the U statistic of Mann and Whitney 1947 over its maximum.

    Args:
        generated, held_out: distances `(m,)` and `(n,)`.
    """
    held_out = np.sort(held_out)
    above = len(held_out) - np.searchsorted(held_out, generated, "right")
    level = len(held_out) - above - np.searchsorted(held_out, generated, "left")
    return float((above + 0.5 * level).mean() / len(held_out))


@keras.saving.register_keras_serializable("kgan")
class Memorisation(FeatureMetric):
    """Whether generated samples lie nearer to the training samples than new real ones do.

    Meehan, Chaudhuri and Dasgupta 2020, "A non-parametric test to detect data-copying in
    generative models", section 3. Each generated sample, and each real one of the evaluation
    (which must be held out from training), has a distance to its nearest training sample.

    - `NAME`: the probability that a generated sample's distance is below a held-out one's. 0.5
      for true samples, near 1 for copies; below 0.5 where samples keep further away than real
      ones do, as poor samples will. Over m and n samples it varies by
      sqrt((m + n + 1) / (12 m n)), 0.013 for 1000 of each.
    - `NAME_ratio`: the median of the generated distances over that of the held-out ones; 0 for
      copies. NaN where more than half the held-out samples are in the training set, too.

    The paper's statistic is 1 - `NAME`, for each cell of a partition of the space; this is its
    global test, without cells, in which copies in one place are hidden by poor samples in
    another. Nor does it see a copy that the extractor's features take for something else.

    Args:
        training: the samples the model was trained on: an array, a dataset or any iterable of
            batches or `(batch, labels)`. Their features are computed once, before the first
            evaluation, and stay in memory. A saved model leaves them out: set the attribute
            `training` of the loaded one's metric, or give `evaluate(metrics=[...])` a new metric.
        extractor, value_range, name: as in `kgan.metrics.FeatureMetric`.

    Raises:
        InputError: before an evaluation, without training samples, or where they are of another
            shape.
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
        # In a dictionary that Keras does not track.
        self.__dict__["_training"] = training
        self._features: Any = None
        self._features_of: Any = None
        self._range: Any = None

    @property
    def training(self) -> Any:
        """The samples the model was trained on; None in a metric that was loaded."""
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
                "none; a saved model leaves them out. Say Memorisation(training=dataset), or set "
                "the attribute `training` of this metric."
            )

    def _read(self, sample_shape=None):
        extractor = self._record.extractor or self.extractor
        of = getattr(extractor, "name", extractor), self._range
        if self._features is None or self._features_of != of:
            self._features, _ = read_features(
                self.training, extractor, self._range, sample_shape=sample_shape
            )
            self._features_of = of

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.name, f"{self.name}_ratio")

    def enough(self) -> tuple[int, str] | None:
        return 100, "the probability over so few varies by 0.04 and more."

    def compute(self) -> Any:
        if self._features is None:
            self._require_training()
            self._read()
        real, fake = (
            nearest_distances(self.kept(side).all(), self._features) for side in ("real", "fake")
        )
        median = np.median(real)
        if median <= _SAME * np.linalg.norm(self._features.std(axis=0)):
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
