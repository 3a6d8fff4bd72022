"""Flips and shifts by whole pixels."""

import math

import keras
import tensorflow as tf

from kgan import arguments, random, replicas
from kgan.augment.base import Augmentation, images_of
from kgan.errors import InputError
from kgan.typing import Config, Tensor


@keras.saving.register_keras_serializable("kgan")
class Flip(Augmentation):
    """Flips each image left to right with a given probability.

    Use it only if mirrored images are as plausible as the originals: not for digits or text.

    Args:
        probability: the probability of a flip, in [0, 1].

    Raises:
        InputError: if `probability` is not in [0, 1].
    """

    def __init__(self, probability: float = 0.5):
        self.probability = arguments.number("probability", probability, least=0, most=1)

    def __call__(self, samples: Tensor, seed: Tensor) -> Tensor:
        samples = images_of(self, samples)
        mirrored = replicas.rows(
            tf.shape(samples)[0], lambda count: random.uniform([count, 1, 1, 1], seed)
        )
        return tf.where(mirrored < self.probability, tf.reverse(samples, [2]), samples)

    def get_config(self) -> Config:
        return {"probability": self.probability}


@keras.saving.register_keras_serializable("kgan")
class Shift(Augmentation):
    """Shifts each image by up to `pixels` whole pixels in both directions along both axes.

    The uncovered area is filled by reflecting the image at its edge (the edge itself is not
    repeated), so that no border reveals that an image was shifted.

    Args:
        pixels: the largest shift, in pixels, at least 0.

    Raises:
        InputError: if `pixels` is not a non-negative integer.
    """

    def __init__(self, pixels: int = 4):
        self.pixels = arguments.integer("pixels", pixels, least=0)

    def __call__(self, samples: Tensor, seed: Tensor) -> Tensor:
        samples = images_of(self, samples)
        smallest = min((size for size in samples.shape[1:3] if size), default=math.inf)
        if self.pixels >= smallest:
            raise InputError(
                f"Shift(pixels={self.pixels}) needs images of more than {self.pixels} pixels a "
                f"side; got samples of shape {tuple(samples.shape)}. Shift by fewer."
            )
        shifts = replicas.rows(
            tf.shape(samples)[0],
            lambda count: tf.transpose(random.uniform([2, count, 1], seed), [1, 0, 2]),
        )
        shifts = tf.cast(shifts * (2 * self.pixels + 1), tf.int32) - self.pixels
        for axis in (1, 2):
            last = (samples.shape[axis] or tf.shape(samples)[axis]) - 1
            indices = tf.abs(tf.range(last + 1) + shifts[:, axis - 1])
            indices = last - tf.abs(last - indices)
            samples = tf.gather(samples, indices, axis=axis, batch_dims=1)
        return samples

    def get_config(self) -> Config:
        return {"pixels": self.pixels}
