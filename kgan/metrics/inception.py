"""The Inception Score, over any classifier."""

from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import Config, ExtractorLike, Range


def inception_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """exp(E KL(p(y|x) || p(y))): mean and standard deviation over consecutive splits.

    Salimans et al. 2016, "Improved techniques for training GANs", section 4.

    Args:
        probabilities: of the classes for each sample, `(samples, classes)`, rows sum to 1.
        splits: parts of (nearly) equal size, each with its own p(y); the paper takes 10.

    Raises:
        InputError: for fewer samples than splits.
    """
    probabilities = np.asarray(probabilities, "float64")
    if len(probabilities) < splits:
        raise InputError(f"{splits} splits need as many samples or more; got {len(probabilities)}.")
    scores = []
    for part in np.array_split(probabilities, splits):
        marginal = part.mean(axis=0)
        # 0 log 0 is 0.
        logs = np.log(np.where(part > 0, part, 1.0)) - np.log(np.where(marginal > 0, marginal, 1.0))
        scores.append(np.exp((part * logs).sum(axis=1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


@keras.saving.register_keras_serializable("kgan")
class InceptionScore(FeatureMetric):
    """How sure a classifier is of each sample, and how varied its verdicts are.

    Salimans et al. 2016, section 4: exp(E KL(p(y|x) || p(y))), between 1 and the number of
    classes; more is better. It never looks at real samples, so a generator that draws one
    perfect sample of each class scores the most. Logged as `NAME` and `NAME_std`.

    Args:
        extractor: a classifier; the score of papers is that of "inception" over 50,000 samples.
        splits: parts of the samples, each scored alone; the mean is reported.
        value_range, name: as in `kgan.metrics.FeatureMetric`.
    """

    keeps = {"fake": "probabilities"}
    _direction = "up"

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        splits: int = 10,
        value_range: Range | None = None,
        name: str = "inception_score",
    ):
        super().__init__(extractor, value_range, name)
        self.splits = arguments.integer("splits", splits)

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.name, f"{self.name}_std")

    def enough(self) -> tuple[int, str] | None:
        classes = self.kept("fake").width
        return 4 * classes * self.splits, (
            f"in {self.splits} splits over {classes} classes the score of few samples is too low."
        )

    def compute(self) -> Any:
        mean, deviation = inception_score(self.kept("fake").all(), self.splits)
        return dict(zip(self.figures, (mean, deviation), strict=True))

    def get_config(self) -> Config:
        return super().get_config() | {"splits": self.splits}
