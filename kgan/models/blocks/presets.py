"""Named settings of a family: how large its networks are, and how it is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kgan import arguments
from kgan.errors import InputError
from kgan.gan import Recipe


@dataclass(frozen=True)
class Preset:
    """One setting; families add fields of their own.

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


class WithPresets:
    """A family, before `kgan.GAN` or another game among its bases, that has presets.

    Attributes:
        presets: by name.
        usual: the one that is taken where none is named.
    """

    presets: ClassVar[Mapping[str, Preset]]
    usual: ClassVar[str]
    settings: Any  # a preset, of the class that the family makes of it

    @classmethod
    def named(cls, preset: str | None, variant: str | None = None) -> str:
        """The name of a preset, by what was given; `variant` is what some called it before.

        Raises:
            InputError: for an unknown one, or two.
        """
        if variant is not None:
            if preset is not None:
                raise InputError("preset and variant are two words for one thing; give preset.")
            preset = variant
        if preset is None:
            return cls.usual
        return arguments.choice("preset", preset, cls.presets, of=cls.__name__)

    @classmethod
    def recipe(
        cls, preset: str | None = None, variant: str | None = None, **options: Any
    ) -> Recipe:
        """Batch size and training steps of a preset."""
        return cls.presets[cls.named(preset, variant)].recipe

    def train_as(self, preset: Preset) -> None:
        """Sets `batch_size` and `training_steps`.

        Set `training_steps` before `compile` to train for longer or shorter: schedules end there.
        """
        self.settings = preset
        self.batch_size, self.training_steps = preset.recipe
