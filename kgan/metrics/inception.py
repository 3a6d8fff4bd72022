"""The Inception Score, over any classifier."""

from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import Config, ExtractorLike, Range


def inception_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """Computes exp(E KL(p(y|x) || p(y))) over consecutive splits of the samples.

    Salimans et al. 2016, "Improved techniques for training GANs", section 4.

    Args:
        probabilities: class probabilities of the samples, `(samples, classes)`; rows sum to 1.
        splits: the number of parts of (nearly) equal size, each with its own p(y); 10 as in the
            paper.

    Returns:
        The mean and the standard deviation over the splits.

    Raises:
        InputError: if there are fewer samples than splits.
    """
    probabilities = arguments.array("probabilities", probabilities, (2,)).astype("float64")
    splits = arguments.integer("splits", splits)
    if len(probabilities) < splits:
        raise InputError(f"{splits} splits need as many samples or more; got {len(probabilities)}.")
    scores = []
    for part in np.array_split(probabilities, splits):
        marginal = part.mean(axis=0)
        # Probabilities of 0 contribute 0, the limit of p log p.
        logs = np.log(np.where(part > 0, part, 1.0)) - np.log(np.where(marginal > 0, marginal, 1.0))
        scores.append(np.exp((part * logs).sum(axis=1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


@keras.saving.register_keras_serializable("kgan")
class InceptionScore(FeatureMetric):
    """The Inception Score: high if a classifier is certain of each sample, and classes vary.

    Salimans et al. 2016, section 4: exp(E KL(p(y|x) || p(y))), between 1 and the number of
    classes; more is better. It does not use real samples, so a generator that repeats one
    perfect sample of each class reaches the highest score. Logged as `NAME` and `NAME_std`.

    Args:
        extractor: a classifier; papers report the score of "inception" over 50,000 samples.
        splits: the number of parts of the samples, each scored alone. Mean and standard
            deviation over them are logged.
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
