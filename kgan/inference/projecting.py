"""A latent for a given image, found by optimisation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kgan import arguments
from kgan.errors import InputError
from kgan.inference.exploring import one_hot
from kgan.inference.seeds import seed_pair
from kgan.latents import Codes, Normal, Uniform
from kgan.metrics import extractors
from kgan.typing import ArrayLike, ExtractorLike, Tensor

# Latents that are drawn and looked at for each one that is optimised.
_LOOKED_AT = 64
# Standard deviations within which normal latents stay.
_WIDEST = 3.0


@dataclass(frozen=True)
class Projection:
    """What `project` found for `n` images.

    Attributes:
        latents: `(n, *latent_shape)`, float32.
        labels: the classes, integers `(n,)`; None without classes.
        samples: what the generator makes of them, `(n, *sample_shape)`.
        distances: what was minimised, `(n,)`: 0 for equal images, about 2 for a sample at random.
        errors: root mean squared difference from the images, `(n,)`, as a fraction of the data's
            range; without a range, in the data's unit.
    """

    latents: np.ndarray
    labels: np.ndarray | None
    samples: np.ndarray
    distances: np.ndarray
    errors: np.ndarray


def project(
    gan: Any,
    images: ArrayLike,
    labels: ArrayLike = None,
    *,
    steps: int,
    starts: int,
    seed: int,
    extractor: ExtractorLike,
    feature_weight: float,
    learning_rate: float,
) -> Projection:
    """Finds latents whose samples are close to images; see `LatentSampling.project`."""
    images = arguments.array("images", images).astype(np.float32)
    if images.shape[1:] != tuple(gan.sample_shape) or not len(images):
        raise InputError(
            f"images must have shape (n, {', '.join(map(str, gan.sample_shape))}), as the "
            f"model's samples; got {images.shape}."
        )
    if not np.isfinite(images).all():
        raise InputError("images must be finite numbers; got NaN or infinity.")
    steps, starts = arguments.integer("steps", steps), arguments.integer("starts", starts)
    learning_rate = arguments.number("learning_rate", learning_rate, above=0)
    weight = arguments.number("feature_weight", feature_weight, least=0)
    if arguments.seed(seed) is None:
        raise InputError("seed must be an integer; got None.")
    if labels is not None:
        labels = np.broadcast_to(np.asarray(labels), (len(images),))
        one_hot(gan, labels)
    features = _features(gan, extractor) if weight else None
    search = _Search(gan, features, weight, starts, steps, learning_rate)
    found = [
        search(image, None if labels is None else labels[place], seed)
        for place, image in enumerate(images)
    ]
    latents, classes, distances = (np.stack(parts) for parts in zip(*found, strict=True))
    chosen = classes if gan.classes else None
    samples = gan.generate(latents=latents, labels=chosen)
    low, high = gan.data_range or (0.0, 1.0)
    apart = (samples - images).reshape(len(images), -1) / (high - low)
    return Projection(latents, chosen, samples, distances, np.sqrt(np.mean(apart**2, 1)))


def _features(gan: Any, extractor: ExtractorLike) -> Callable[[Tensor], Tensor] | None:
    """Returns a function from samples to features, or None where they are the samples' values."""
    found = extractors.get(extractor, gan.sample_shape)
    if isinstance(found, extractors.Values):
        return None
    found.prepare(gan.sample_shape, gan.data_range)
    return lambda samples: found(samples).features


class _Search:
    """Finds the latents of one image after another, with functions that are traced once."""

    def __init__(self, gan, features, weight, starts, steps, learning_rate):
        self.gan, self.features, self.weight = gan, features, weight
        self.starts, self.steps = starts, steps
        # The rate falls to nothing, so that the search comes to rest.
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        self.optimizer = keras.optimizers.Adam(rate)
        self.moved = keras.Variable(np.zeros((starts, *gan.latents.shape), np.float32))
        self.optimizer.build([self.moved])
        self.beginning = [np.array(variable) for variable in self.optimizer.variables]
        self.measure = tf.function(self._measure, autograph=False)
        self.move = tf.function(self._move, autograph=False)
        self.inside, self.free = _bounds(gan.latents)

    def __call__(self, image, label, seed) -> tuple:
        """Returns (latent, label or -1, distance) of the best that was found."""
        gan, count = self.gan, self.starts * _LOOKED_AT
        pair = seed_pair(seed)
        latents = tf.convert_to_tensor(gan.draw(count, pair), tf.float32)
        labels = None
        if gan.classes:
            given = label is not None
            labels = tf.fill([count], int(label)) if given else gan.draw_labels(count, pair)
            labels = tf.cast(labels, tf.int32)
        wanted = tf.convert_to_tensor(image[None])
        parts = self.measure(latents, labels, wanted)
        units = [tf.maximum(tf.reduce_mean(part), 1e-12) for part in parts]
        nearest = tf.argsort(self._joined(parts, units), stable=True)[: self.starts]
        moved = tf.gather(latents, nearest)
        labels = None if labels is None else tf.gather(labels, nearest)
        # Each image begins anew.
        self.moved.assign(moved)
        for variable, value in zip(self.optimizer.variables, self.beginning, strict=True):
            variable.assign(value)
        best, lowest = moved, tf.fill([self.starts], np.float32(np.inf))
        for _ in range(self.steps + 1):
            before, distance = self.move(labels, wanted, units)
            better = distance < lowest
            best = tf.where(tf.reshape(better, [-1, *[1] * (len(moved.shape) - 1)]), before, best)
            lowest = tf.where(better, distance, lowest)
        place = int(tf.argmin(lowest))
        chosen = -1 if labels is None else int(labels[place])
        return best[place].numpy(), chosen, np.float32(lowest[place])

    def _measure(self, latents, labels, wanted):
        """Returns the squared differences from an image, of numbers and of features."""
        samples = ops.cast(self.gan.sample(latents, labels), "float32")
        axes = list(range(1, len(samples.shape)))
        parts = [tf.reduce_mean(tf.square(samples - wanted), axes)]
        if self.features is not None:
            apart = self.features(samples) - self.features(wanted)
            parts.append(tf.reduce_mean(tf.square(apart), 1))
        return parts

    def _joined(self, parts, units):
        weights = (1.0, self.weight)[: len(parts)]
        return sum(w * part / unit for w, part, unit in zip(weights, parts, units, strict=True))

    def _move(self, labels, wanted, units):
        """Moves the latents by a step of Adam; returns them and their distances as before."""
        latents = tf.identity(self.moved.value)
        with tf.GradientTape() as tape:
            tape.watch(latents)
            distance = self._joined(self._measure(latents, labels, wanted), units)
        self.optimizer.apply([tape.gradient(distance, latents) * self.free], [self.moved])
        self.moved.assign(self.inside(self.moved.value))
        return latents, distance


def _bounds(latents) -> tuple[Callable[[Tensor], Tensor], Any]:
    """Returns a function that keeps latents where they are drawn, and 1 for each that may move."""
    free = 1.0
    low, high = -np.inf, np.inf
    if isinstance(latents, Normal):
        low, high = -_WIDEST, _WIDEST
    elif isinstance(latents, Uniform):
        low, high = latents.low, latents.high
    elif isinstance(latents, Codes):
        low, high = -1.0, 1.0
        # One category is not on the way to another.
        free = np.ones(latents.shape, np.float32)
        free[latents.noise : latents.noise + sum(latents.categorical)] = 0.0
    return (lambda moved: tf.clip_by_value(moved, low, high)), free
