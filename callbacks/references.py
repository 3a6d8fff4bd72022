"""The real samples that `CollapseMonitor` compares with, and what is computed of them once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kgan import bridge
from kgan.errors import InputError
from kgan.metrics import reading, signs
from kgan.typing import ExtractorLike, Range, Shape

# The most training samples among which copies are looked for. Of so many no generator of usual
# size makes copies, and the distances to them cost little.
MOST_TRAINING = 2000
# The widths of the sketches of samples whose movement is watched, and their number.
SKETCH, SKETCHED = 32, 64
# With fewer held-out samples the distance of generated ones is that to the training samples.
LEAST_HELD_OUT = 20


class Reference:
    """Real samples, read once when training begins.

    Args:
        data: training samples: a dataset or an array, or (array, labels).
        held_out: samples that the model is not trained on, of the same kinds; or None.
        count: number of samples to compare with.
        extractor, value_range, shape: as in `kgan.metrics.reading.read_features`.

    Attributes:
        features: `(count, width)`, of training samples.
        new: features of held-out samples, or of training samples where fewer than 20 are held out.
        network: the extractor, prepared.
        within: mean distance between two training samples.
        training, held_out: (samples, labels or None) for scores and pictures.
        images: whether the samples are images.

    Raises:
        InputError: if the data cannot be read or has another shape.
    """

    def __init__(
        self,
        data: Any,
        held_out: Any,
        count: int,
        extractor: ExtractorLike,
        value_range: Range | None,
        shape: Shape,
    ):
        self.images = len(shape) == 3
        self.value_range = value_range or reading.range_of(data)
        most = max(count, MOST_TRAINING if self.images else count)
        samples, labels = samples_and_labels(data, self.value_range, most)
        self.features, self.network = reading.read_features(
            samples[:count], extractor, self.value_range, count, shape
        )
        if len(self.features) < 2:
            raise InputError("CollapseMonitor needs two real samples or more, and got one.")
        self.within = signs.inner_distance(self.features)
        self.training = samples[:count], None if labels is None else labels[:count]
        self.held_out = None
        if held_out is not None:
            kept, kept_labels = samples_and_labels(held_out, self.value_range, count)
            if kept.shape[1:] != tuple(shape):
                raise InputError(
                    f"held_out has samples of shape {kept.shape[1:]}; expected {tuple(shape)}."
                )
            self.held_out = kept, kept_labels
        self.new, self._within_new = self.features, self.within
        if self.held_out is not None and len(self.held_out[0]) >= LEAST_HELD_OUT:
            kept = self.held_out[0]
            self.new = reading.read_features(kept, self.network, self.value_range)[0]
            self._within_new = signs.inner_distance(self.new)
        self._scoring: Any = None
        self.neighbours = None
        if self.images and len(samples) >= 6:
            kept = None if self.held_out is None else self.held_out[0]
            self.neighbours = signs.Neighbours(samples, kept)
        self.clipped = (
            signs.clipped(self.training[0], self.value_range)
            if self.images and self.value_range
            else None
        )
        self.peaks = self.power = None
        if signs.has_spectrum(shape):
            self.peaks = signs.peaks(self.training[0])
            self.power = signs.power(self.training[0])
        directions = np.random.default_rng(0).normal(size=(self.features.shape[1], SKETCH))
        self._directions = (directions / np.sqrt(SKETCH)).astype("float32")

    def scoring(self, model: Any) -> Callable:
        """Returns a function of (samples, condition) that scores them as the model does.

        It is traced once: layer by layer, three passes a check take a tenth of a short training.
        """
        if self._scoring is None:

            def score(samples, condition):
                return model.score(samples, condition, training=False)

            traced = tf.function(score, autograph=False, reduce_retracing=True)
            self._scoring = score if model.run_eagerly else bridge.without_retracing_warning(traced)
        return self._scoring

    def distance(self, features: np.ndarray) -> float:
        """Returns the energy distance of generated samples to `new`; see `signs.energy`."""
        return signs.energy(self.new, features, self._within_new)

    def sketch(self, features: np.ndarray) -> np.ndarray:
        """Returns random projections `(samples, width)`, whose distances are about the same."""
        return (features[:SKETCHED] @ self._directions).astype("float32")

    def moved(self, one: np.ndarray, other: np.ndarray) -> float:
        """Returns how far samples have moved, by their sketches, in distances of real ones."""
        length = min(len(one), len(other))
        squares = np.square(one[:length] - other[:length]).sum(axis=1)
        return float(np.sqrt(squares.mean()) / self.within) if self.within > 0 else 1.0


def samples_and_labels(data: Any, value_range: Range | None, count: int) -> tuple:
    """Returns the first `count` samples of a data set, and their labels or None.

    Arrays may be sorted by class, so that theirs are drawn by chance.

    Raises:
        InputError: if the data cannot be read.
    """
    given = data if isinstance(data, tuple) else (data,)
    if given and hasattr(given[0], "shape") and len(given[0].shape):
        chosen = np.random.default_rng(0).permutation(len(given[0]))[:count]
        samples = np.asarray(given[0])[chosen]
        labels = np.asarray(given[1])[chosen] if len(given) > 1 else None
        return samples, labels
    samples, labels = [], []
    with reading.batches(data, value_range, count, labels) as stream:
        samples = list(stream)
    if not sum(map(len, samples)):
        raise InputError("There are no samples in the data.")
    samples = np.concatenate(samples)
    return samples, np.concatenate(labels)[: len(samples)] if labels else None
