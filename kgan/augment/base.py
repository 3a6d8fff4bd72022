"""What an augmentation is, several of them one after another, and finding one by its name."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kgan import arguments
from kgan.errors import InputError, unknown
from kgan.typing import Config, Self, Tensor

# The classes of this package by name.
BUILT_IN: dict[str, Callable] = {}


class Augmentation:
    """The base class of augmentations. Override `__call__`, and `get_config` to add settings.

    Attributes:
        logs: names of the figures that `observe` returns.
    """

    logs: tuple[str, ...] = ()

    def __call__(self, samples: Tensor, seed: Tensor) -> tf.Tensor:
        """Returns augmented samples; the change is drawn independently for each sample.

        Args:
            samples: images, `(batch, height, width, channels)`, in any range.
            seed: an integer tensor of shape `(2,)`; the same seed gives the same changes.

        Returns:
            A tensor of the same shape, dtype and range.

        Raises:
            InputError: if the samples are not images or are too small.
        """
        raise NotImplementedError

    def observe(self, real_scores: Any) -> dict[str, Tensor]:
        """Learns from the scores of the real samples of an update, before it is applied.

        Returns:
            Figures to be logged, by the names in `logs`.
        """
        return {}

    def suited(self, value_range: tuple[float, float] | None) -> "Augmentation":
        """Returns the augmentation for images of a model's range; `compile` calls it."""
        return self

    def lasting(self, updates: int | None) -> "Augmentation":
        """Returns the augmentation for a training of so many updates; `compile` calls it.

        Args:
            updates: of the discriminator; None if the length of the training is not known.
        """
        return self

    def get_config(self) -> Config:
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


@keras.saving.register_keras_serializable("kgan")
class Chain(Augmentation):
    """Applies augmentations one after another, as in `Chain(Flip(), Shift(4))`.

    Args:
        *augmentations: `Augmentation` objects, their names, or functions `(samples, seed)`.

    Raises:
        InputError: for an unknown name, something that is not callable, or two parts that log
            under one name, as two `Adaptive` would.
    """

    def __init__(self, *augmentations: Any):
        self.augmentations = tuple(get(augmentation) for augmentation in augmentations)
        twice = [name for name in self.logs if self.logs.count(name) > 1]
        if twice:
            raise InputError(
                f"Two augmentations of a list would both be logged as {twice[0]!r}. Give one "
                "Adaptive, with a list of all that it may change."
            )

    @property
    def logs(self) -> tuple[str, ...]:
        return tuple(name for part in self._built_in for name in part.logs)

    @property
    def _built_in(self) -> list[Augmentation]:
        return [part for part in self.augmentations if isinstance(part, Augmentation)]

    def observe(self, real_scores: Any) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for part in self._built_in:
            found |= part.observe(real_scores)
        return found

    def __call__(self, samples: Tensor, seed: Tensor) -> Tensor:
        for index, augmentation in enumerate(self.augmentations):
            samples = augmentation(samples, tf.random.fold_in(seed, index))
        return samples

    def suited(self, value_range: tuple[float, float] | None) -> "Chain":
        return type(self)(*(suited(part, value_range) for part in self.augmentations))

    def lasting(self, updates: int | None) -> "Chain":
        return type(self)(
            *(
                part.lasting(updates) if isinstance(part, Augmentation) else part
                for part in self.augmentations
            )
        )

    def get_config(self) -> Config:
        parts = [keras.saving.serialize_keras_object(part) for part in self.augmentations]
        return {"augmentations": parts}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(*config["augmentations"])


def get(augmentation: "str | list | tuple | dict | Callable") -> Callable:
    """Returns the augmentation of a given name, a `Chain` of a list, or the callable itself.

    Raises:
        InputError: for an unknown name, or something that is not callable.
    """
    if isinstance(augmentation, str):
        if augmentation not in BUILT_IN:
            raise unknown("augmentation", augmentation, BUILT_IN)
        return BUILT_IN[augmentation]()
    if isinstance(augmentation, dict):
        augmentation = arguments.config("augmentation", augmentation)
    if isinstance(augmentation, (list, tuple)):
        return Chain(*augmentation)
    if not arguments.is_function(augmentation):
        raise InputError(
            f"An augmentation is one of {', '.join(BUILT_IN)}, a kgan.augment object, a list of "
            f"them, or a function (samples, seed) -> samples; got {augmentation!r}."
        )
    return augmentation


def suited(part: Callable, value_range: tuple[float, float] | None) -> Callable:
    """Returns an augmentation for images of a model's range; a function stays as it is."""
    return part.suited(value_range) if isinstance(part, Augmentation) else part


def images_of(augmentation: Augmentation, samples: Tensor) -> tf.Tensor:
    """Returns samples as a tensor; raises an `InputError` if they are no images."""
    samples = tf.convert_to_tensor(samples)
    if len(samples.shape) != 4:
        raise InputError(
            f"{type(augmentation).__name__} changes images, (batch, height, width, channels); got "
            f"samples of shape {tuple(samples.shape)}. Give a function (samples, seed) -> samples "
            "that suits them."
        )
    return samples
