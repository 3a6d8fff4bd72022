"""Named presets of a family: the sizes of its networks and the settings of its training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras

from kgan import arguments
from kgan.errors import InputError
from kgan.game import Recipe


@dataclass(frozen=True)
class Preset:
    """One preset; families add their own fields.

    Attributes:
        recipe: batch size and training steps; `batch_size` and `steps` are its parts.
    """

    recipe: Recipe

    @property
    def batch_size(self) -> int:
        """Samples in a batch."""
        return self.recipe.batch_size

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.recipe.training_steps


def adam(
    rate: float, beta_1: float, steps: int, cosine: float | None, beta_2: float = 0.999
) -> keras.optimizers.Adam:
    """Returns Adam at a constant rate, or at one that falls along a cosine.

    Args:
        rate: the first learning rate.
        beta_1, beta_2: of Adam.
        steps: after how many the rate has fallen.
        cosine: to which part of the first rate; None keeps it constant.
    """
    falling = keras.optimizers.schedules.CosineDecay
    given = rate if cosine is None else falling(rate, steps, alpha=cosine)
    return keras.optimizers.Adam(given, beta_1, beta_2)


class WithPresets:
    """Mixin of a family with presets; it stands before `kgan.GAN` or another `Game` in the bases.

    Attributes:
        presets: the presets by name.
        usual: name of the default preset.
    """

    presets: ClassVar[Mapping[str, Preset]]
    usual: ClassVar[str]
    settings: Any  # the chosen preset, of the family's own class

    @classmethod
    def named(cls, preset: str | None, variant: str | None = None) -> str:
        """Returns the name of the chosen preset; `variant` is the argument's former name.

        Raises:
            InputError: for an unknown preset, or if both arguments are given.
        """
        if variant is not None:
            if preset is not None:
                raise InputError("preset and variant mean the same; give preset only.")
            preset = variant
        if preset is None:
            return cls.usual
        return arguments.choice("preset", preset, cls.presets, of=cls.__name__)

    @classmethod
    def recipe(
        cls, preset: str | None = None, variant: str | None = None, **options: Any
    ) -> Recipe:
        """Returns the batch size and training steps of a preset."""
        return cls.presets[cls.named(preset, variant)].recipe

    def train_as(self, preset: Preset) -> None:
        """Sets `settings`, `batch_size` and `training_steps` from a preset.

        Set `training_steps` before `compile` to train for longer or shorter: schedules end there.
        """
        self.settings = preset
        self.batch_size, self.training_steps = preset.recipe
