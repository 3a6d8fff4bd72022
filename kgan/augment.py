"""Random changes of images that leave what they show as it was.

Each is a callable `(samples, seed) -> samples`, and so is any function of yours that may stand in
its place. They gather pixels and interpolate nothing, so that second derivatives hold.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kgan import arguments, random
from kgan.errors import InputError, unknown
from kgan.typing import Config, Self, Tensor


class Augmentation:
    """The base class of those below and of your own: override `__call__` and `get_config`."""

    def __call__(self, samples: Tensor, seed: Tensor) -> tf.Tensor:
        """The samples changed, each by a draw of its own.

        Args:
            samples: images, `(batch, height, width, channels)`.
            seed: an integer tensor of shape `(2,)`; the same seed gives the same changes.

        Raises:
            InputError: where the samples are no images, or too small.
        """
        raise NotImplementedError

    def get_config(self) -> Config:
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


@keras.saving.register_keras_serializable("kgan")
class Flip(Augmentation):
    """Mirrors an image left to right, with that probability.

    For pictures that could as well have been taken in a mirror; not for digits or text.
    """

    def __init__(self, probability: float = 0.5):
        self.probability = arguments.number("probability", probability, least=0, most=1)

    def __call__(self, samples: Tensor, seed: Tensor) -> Tensor:
        samples = _images(self, samples)
        mirrored = random.uniform([tf.shape(samples)[0], 1, 1, 1], seed)
        return tf.where(mirrored < self.probability, tf.reverse(samples, [2]), samples)

    def get_config(self) -> Config:
        return {"probability": self.probability}


@keras.saving.register_keras_serializable("kgan")
class Shift(Augmentation):
    """Moves an image by up to so many whole pixels, each way and along each axis.

    What comes in from outside the frame is the image mirrored at its edge, the edge itself not
    repeated, so that no border tells an image that was moved.
    """

    def __init__(self, pixels: int = 4):
        self.pixels = arguments.integer("pixels", pixels, least=0)

    def __call__(self, samples: Tensor, seed: Tensor) -> Tensor:
        samples = _images(self, samples)
        smallest = min((size for size in samples.shape[1:3] if size), default=math.inf)
        if self.pixels >= smallest:
            raise InputError(
                f"Shift(pixels={self.pixels}) needs images of more than {self.pixels} pixels a "
                f"side; got samples of shape {tuple(samples.shape)}. Shift by fewer."
            )
        moves = random.uniform([2, tf.shape(samples)[0], 1], seed) * (2 * self.pixels + 1)
        moves = tf.cast(moves, tf.int32) - self.pixels
        for axis in (1, 2):
            last = (samples.shape[axis] or tf.shape(samples)[axis]) - 1
            places = tf.abs(tf.range(last + 1) + moves[axis - 1])
            places = last - tf.abs(last - places)
            samples = tf.gather(samples, places, axis=axis, batch_dims=1)
        return samples

    def get_config(self) -> Config:
        return {"pixels": self.pixels}


@keras.saving.register_keras_serializable("kgan")
class Chain(Augmentation):
    """One after the other: `Chain(Flip(), Shift(4))`, functions `(samples, seed)` included."""

    def __init__(self, *augmentations: Any):
        self.augmentations = tuple(get(augmentation) for augmentation in augmentations)

    def __call__(self, samples: Tensor, seed: Tensor) -> Tensor:
        for index, augmentation in enumerate(self.augmentations):
            samples = augmentation(samples, tf.random.fold_in(seed, index))
        return samples

    def get_config(self) -> Config:
        parts = [keras.saving.serialize_keras_object(part) for part in self.augmentations]
        return {"augmentations": parts}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(*config["augmentations"])


BUILT_IN = {"flip": Flip, "shift": Shift}


def get(augmentation: "str | list | tuple | dict | Callable") -> Callable:
    """The augmentation with that name, a list of them as a chain, or the callable itself.

    Raises:
        InputError: for an unknown name, or what cannot be called with `(samples, seed)`.
    """
    if isinstance(augmentation, str):
        if augmentation not in BUILT_IN:
            raise unknown("augmentation", augmentation, BUILT_IN)
        return BUILT_IN[augmentation]()
    if isinstance(augmentation, dict):
        augmentation = keras.saving.deserialize_keras_object(augmentation)
    if isinstance(augmentation, (list, tuple)):
        return Chain(*augmentation)
    if not callable(augmentation):
        raise InputError(
            f"An augmentation is one of {', '.join(BUILT_IN)}, a kgan.augment object, a list of "
            f"them, or a function (samples, seed) -> samples; got {augmentation!r}."
        )
    return augmentation


def _images(augmentation, samples) -> tf.Tensor:
    samples = tf.convert_to_tensor(samples)
    if len(samples.shape) != 4:
        raise InputError(
            f"{type(augmentation).__name__} changes images, (batch, height, width, channels); got "
            f"samples of shape {tuple(samples.shape)}. Give a function (samples, seed) -> samples "
            "that suits them."
        )
    return samples
