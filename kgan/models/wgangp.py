"""WGAN-GP (Gulrajani et al. 2017): WGAN with a gradient penalty in place of clipping."""

from dataclasses import dataclass
from typing import Any

import keras

from kgan import arguments, penalties
from kgan.game import Recipe
from kgan.models.blocks import presets, strided
from kgan.models.wgan import WassersteinGAN
from kgan.typing import Config


@dataclass(frozen=True)
class Preset(presets.Preset):
    """The size and the schedule of one preset.

    Attributes:
        width: channels of the largest feature maps.
        discriminator_steps: updates of the critic for one of the generator.
        rate: learning rate of both players' Adam.
        cosine: final learning rate of a cosine decay over the training, as a fraction of the
            first; None keeps the rates constant.
        ema: decay of the generator's average; None has none.
    """

    width: int
    discriminator_steps: int
    rate: float
    cosine: float | None
    ema: float | None


PRESETS = {
    # Algorithm 1. The number of steps is ours, for digits; the authors' code trains for 200,000.
    "paper": Preset(Recipe(64, 10_000), 64, 5, 1e-4, None, None),
    "narrow": Preset(Recipe(64, 10_000), 32, 2, 1e-3, 0.1, 0.999),
}


@keras.saving.register_keras_serializable("kgan")
class WGANGP(presets.WithPresets, WassersteinGAN):
    """Gulrajani et al. 2017, Improved training of Wasserstein GANs.

    Algorithm 1 with its defaults: the gradient penalty with λ = 10 in place of clipping, five
    updates of the critic for one of the generator, Adam with 1e-4, beta_1 0 and beta_2 0.9, and
    batches of 64. The networks are those of DCGAN with layer normalization in the critic, since
    with batch normalization the penalised gradient of a sample would depend on the other samples
    (section 4), and with 128 standard normal latents, as in the authors' code.

    The log `distance` is E D(x) - E D(x̂) over the critic's batches, without the penalty. It
    estimates K times the Wasserstein-1 distance W between data and samples, where the slope K of
    the best critic is a little above 1: K = 1 + W/2λ.

    For points both networks are perceptrons of three hidden layers of 512 ReLUs, with 2 latents
    and λ = 0.1, as in the authors' code for 2-D mixtures: with λ = 10 the players cycle at first.
    K is then far above 1.

    Args:
        image_shape: (height, width, channels) as in `kgan.models.DCGAN`, or `(dimensions,)` of
            points.
        latent_size: length of a latent; 2 for points.
        width: channels of the largest feature maps, the preset's if None, 64 as in the authors'
            code; for points units of a hidden layer, 512.
        seed, name, pack: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.
        halvings: as in `kgan.models.DCGAN`.
        preset: "paper" or "narrow".

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, another
            shape, or an option out of its range.
    """

    presets, usual = PRESETS, "paper"
    batch_size, training_steps = PRESETS[usual].recipe
    normalization = staticmethod(strided.layer_normalization)
    image_latents = 128

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        latent_size: int | None = None,
        width: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        pack: int = 1,
        precision: str | None = None,
        halvings: int | None = None,
        preset: str = "paper",
    ):
        preset = self.named(preset)
        image_shape = arguments.image_shape(image_shape, points=True)
        if width is None and len(image_shape) > 1:
            width = PRESETS[preset].width
        super().__init__(image_shape, latent_size, width, seed, name, pack, precision, halvings)
        self.preset = preset
        self.train_as(PRESETS[preset])

    def defaults(self) -> dict[str, Any]:
        """Returns the settings of the preset: Adam (algorithm 1) and the gradient penalty."""
        settings = self.settings
        adam = [
            presets.adam(settings.rate, 0.0, self.training_steps, settings.cosine, beta_2=0.9)
            for _ in range(2)
        ]
        weight = 0.1 if len(self.image_shape) == 1 else 10.0
        return super().defaults() | {
            "d_optimizer": adam[0],
            "g_optimizer": adam[1],
            "penalties": [penalties.GradientPenalty(weight)],
            "discriminator_steps": settings.discriminator_steps,
            "ema": settings.ema,
        }

    def get_config(self) -> Config:
        return super().get_config() | {"preset": self.preset}
