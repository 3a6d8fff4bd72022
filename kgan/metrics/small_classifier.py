"""A small classifier that trains within seconds: it measures what samples are worth to others."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import initializers, layers

from kgan import augment as augmentations
from kgan import bridge
from kgan.metrics.extractors.images import isolated
from kgan.typing import Shape

# Samples in a batch of training, and in one of prediction.
BATCH, _PREDICTED = 64, 500
# Images of more pixels a side are averaged down before anything else.
_LARGEST = 64
_RATE = 2e-3


class SmallClassifier:
    """A small classifier of samples of any shape.

    Images of at least 8 pixels a side are read by convolutions of 3x3 with stride 2 (16, 32
    and then 64 channels, until 7 or fewer pixels a side are left), other samples by two dense
    layers of 128 units; batch normalization and ReLU follow each. It is trained by Adam at 2e-3,
    which a cosine takes to 0, on batches of 64. These are common settings, tuned to no data set.

    Args:
        sample_shape: the shape of one sample.
        classes: the number of classes.
        steps: the training steps of each `fit`.
    """

    def __init__(self, sample_shape: Shape, classes: int, steps: int = 400):
        self.sample_shape, self.classes, self.steps = tuple(sample_shape), classes, steps
        with isolated():
            self._network = network(self.sample_shape, classes, seed=0)
            schedule = keras.optimizers.schedules.CosineDecay(_RATE, steps)
            self._optimizer = keras.optimizers.Adam(schedule)
            self._optimizer.build(self._network.trainable_variables)
        self._fresh = [np.array(variable) for variable in self._optimizer.variables]
        self._centre, self._spread = 0.0, 1.0
        # A traced step for each augmentation.
        self._traced: dict[int, Any] = {}
        self._batch = tf.TensorSpec((None, *self.sample_shape), tf.float32)
        self._predict = traced(
            lambda samples: tf.nn.softmax(self._network(samples, training=False)), [self._batch]
        )

    def fit(self, samples, labels, seed: int = 0, augment: Any = None) -> None:
        """Trains from new weights on; what an earlier `fit` learned is forgotten.

        Args:
            samples: float array `(n, *sample_shape)`, in any range.
            labels: integers `(n,)`.
            seed: determines the weights, the order of the samples and their augmentation.
            augment: changes each batch: `(samples, seed) -> samples`; None changes nothing.
        """
        random = np.random.default_rng(seed)
        with isolated():
            fresh = network(self.sample_shape, self.classes, int(random.integers(2**31)))
        self._network.set_weights(fresh.get_weights())
        for variable, value in zip(self._optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        self._centre, self._spread = float(np.mean(samples)), float(np.std(samples)) or 1.0
        step = self._step(augment)
        for rows in _orders(random, len(samples), self.steps):
            drawn = tf.constant(random.integers(2**31, size=2), tf.int32)
            step(self._scaled(samples[rows]), tf.constant(labels[rows], tf.int32), drawn)

    def probabilities(self, samples) -> np.ndarray:
        """Returns the probability of each class for each sample, float32 `(n, classes)`."""
        parts = [
            self._predict(tf.constant(self._scaled(samples[start : start + _PREDICTED])))
            for start in range(0, len(samples), _PREDICTED)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.classes), "float32")

    def recall(self, samples, labels) -> np.ndarray:
        """Returns the share of each class's samples that are recognised.

        Args:
            samples, labels: as in `fit`.

        Returns:
            Numbers from 0 to 1, `(classes,)`; NaN for a class without samples.
        """
        right = self.probabilities(samples).argmax(axis=1) == labels
        counts = np.bincount(labels, minlength=self.classes)
        found = np.bincount(labels, right, minlength=self.classes)
        return np.where(counts > 0, found / np.maximum(counts, 1), np.nan)

    def _scaled(self, samples):
        return (np.asarray(samples, "float32") - self._centre) / self._spread

    def _step(self, augment):
        if id(augment) not in self._traced:

            def step(samples, labels, seed):
                if augment is not None:
                    samples = augment(samples, seed)
                with tf.GradientTape() as tape:
                    scores = self._network(samples, training=True)
                    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)
                    loss = tf.reduce_mean(loss)
                variables = self._network.trainable_variables
                self._optimizer.apply(tape.gradient(loss, variables), variables)

            # With the augmentation, so that its `id` stays its own.
            specs = [self._batch, tf.TensorSpec((None,), tf.int32), tf.TensorSpec((2,), tf.int32)]
            self._traced[id(augment)] = traced(step, specs), augment
        return self._traced[id(augment)][0]


def traced(function, specs):
    """Returns a `tf.function` that is traced once, for batches of any size."""
    # TensorFlow warns of several classifiers, each of which traces functions of its own.
    return bridge.without_retracing_warning(
        tf.function(function, input_signature=specs, autograph=False)
    )


def network(sample_shape: Shape, classes: int, seed: int) -> keras.Model:
    """Returns the untrained network of `SmallClassifier`, from samples to class scores."""
    seeds = iter(np.random.default_rng(seed).integers(2**31, size=64).tolist())

    def then(x, layer, width, **settings):
        kernel = initializers.HeNormal(seed=next(seeds))
        x = layer(width, use_bias=False, kernel_initializer=kernel, **settings)(x)
        # So few steps are too few for the averages of the default momentum, 0.99.
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    x = inputs = keras.Input(sample_shape)
    if is_image(sample_shape):
        shrink = -(-max(sample_shape[:2]) // _LARGEST)
        if shrink > 1:
            x = layers.AveragePooling2D(shrink, padding="same")(x)
        width = 16
        while max(x.shape[1:3]) > 7:
            x = then(x, layers.Conv2D, width, kernel_size=3, strides=2, padding="same")
            width = min(2 * width, 64)
        x = layers.Flatten()(x)
    else:
        x = layers.Flatten()(x)
        x = then(then(x, layers.Dense, 128), layers.Dense, 128)
    scores = layers.Dense(classes, kernel_initializer=initializers.GlorotUniform(next(seeds)))
    return keras.Model(inputs, scores(x))


def is_image(sample_shape: Shape) -> bool:
    """Returns whether samples are images that are large enough to be read by convolutions."""
    return len(sample_shape) == 3 and min(sample_shape[:2]) >= 8


def plain_augmentation(augment: Any, sample_shape: Shape) -> Any:
    """Returns the augmentation of the plain baseline.

    Args:
        augment: "auto", None, or anything that `kgan.augment.get` takes. "auto" shifts images by
            up to an eighth of their side (as crops of a padded image do) and, if they have colour,
            flips them: mirrored letters and digits, which are often grey, are others. It is None
            for samples that are not images.
        sample_shape: the shape of one sample.

    Raises:
        InputError: if `augment` is none of these.
    """
    if not (isinstance(augment, str) and augment == "auto"):
        return None if augment is None else augmentations.get(augment)
    if not is_image(sample_shape):
        return None
    shift = augmentations.Shift(min(sample_shape[:2]) // 8)
    return shift if sample_shape[2] < 3 else augmentations.Chain(augmentations.Flip(), shift)


def copied(labels, to: int | None = None) -> np.ndarray:
    """Returns the rows of a training set in which samples of rare classes are repeated.

    Args:
        labels: the class of each sample, integers `(n,)`.
        to: how many samples each class has then at least; None means as many as the largest.

    Returns:
        Indices of samples; those of a class are repeated in turn.
    """
    counts = np.bincount(labels)
    most = counts.max() if to is None else to
    return np.concatenate(
        [
            np.resize(np.flatnonzero(labels == each), max(most, counts[each]))
            for each in np.flatnonzero(counts)
        ]
    )


def _orders(random, count, steps):
    """Yields the rows of each batch; every sample is used once before any is used again."""
    order = np.zeros(0, int)
    for _ in range(steps):
        while len(order) < BATCH:
            order = np.concatenate([order, random.permutation(count)])
        yield order[:BATCH]
        order = order[BATCH:]
