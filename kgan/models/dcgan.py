"""DCGAN (Radford et al. 2016): convolutional networks with batch normalization."""

from dataclasses import dataclass
from typing import Any

import keras

from kgan import arguments, packs
from kgan.game import Recipe
from kgan.gan import GAN
from kgan.latents import Uniform
from kgan.models.blocks import presets, sizes, strided
from kgan.typing import Config


@dataclass(frozen=True)
class Preset(presets.Preset):
    """The size and the schedule of one preset.

    Attributes:
        width: channels of the largest feature maps.
        rates: learning rates of the discriminator's and the generator's Adam.
        cosine: final learning rate of a cosine decay over the training, as a fraction of the
            first; None keeps the rates constant.
        ema: decay of the generator's average; None has none.
    """

    width: int
    rates: tuple[float, float]
    cosine: float | None
    ema: float | None


PRESETS = {
    # Section 4. 25 epochs of MNIST, as in the authors' code for faces.
    "paper": Preset(Recipe(128, 11_700), 64, (2e-4, 2e-4), None, None),
    "narrow": Preset(Recipe(128, 12_000), 32, (2e-4, 1e-3), 0.1, 0.999),
}


@keras.saving.register_keras_serializable("kgan")
class DCGAN(presets.WithPresets, GAN):
    """Radford et al. 2016, Unsupervised representation learning with deep convolutional GANs.

    The rules of section 3: strided convolutions in place of pooling, transposed ones in the
    generator; batch normalization in both networks, except in the generator's output layer and
    the discriminator's input layer; no hidden dense layer; ReLU and a last tanh in the generator,
    leaky ReLU in the discriminator. The settings of section 4: N(0, 0.02) weights, slope 0.2, Adam
    with 2e-4 and beta_1 0.5, batches of 128. Latents are 100 numbers, uniform in [-1, 1) (figure
    1). Real and generated samples are normalized in separate batches.

    Kernels are 4x4, as in the third author's code (dcgan.torch), not 5x5 as in figure 1: the
    stride divides 4, so that every pixel is covered equally, and they cost a third less.

    The smallest feature map has 4 pixels on its shorter side, as in figure 1. 28x28 images are
    halved three times, to 14, 7 and 4. Halved twice, an output of the discriminator would see 10 of
    28 pixels, and the score would be a sum over such pieces, each of which may be right in a digit
    that is not.

    The preset "narrow" is ours, for trainings of minutes on a CPU: half the width, the rates of
    InfoGAN for MNIST (Chen et al. 2016, appendix C.1), 2e-4 for the discriminator and 1e-3 for the
    generator, which fall to a tenth along a cosine, and an average of the generator's weights.

    Args:
        image_shape: (height, width, channels): powers of two from 8 on, 28x28, 24x48 and the
            like.
        latent_size: length of a latent.
        width: channels of the largest feature maps; they double at each halving of the size. None
            means the preset's. The authors' code has 64 for MNIST, and for 64x64 scenes and faces
            128, which doubles to 1,024.
        seed, name, pack: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.
        preset: "paper" or "narrow".
        halvings: how often the discriminator halves an image, and the generator doubles its base;
            None means until the shorter side has 3 or 4 pixels.

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, another
            shape, or an option out of its range.
    """

    synchronized = True
    presets, usual = PRESETS, "paper"
    batch_size, training_steps = PRESETS[usual].recipe

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        latent_size: int = 100,
        width: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        pack: int = 1,
        precision: str | None = None,
        preset: str = "paper",
        halvings: int | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
        preset = self.named(preset)
        width = PRESETS[preset].width if width is None else width
        pack = arguments.integer("pack", pack)
        image_shape = arguments.image_shape(image_shape)
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        halvings = sizes.halvings(image_shape, halvings)
        latents = keras.Input((latent_size,), name="latents")
        images = keras.Input(packs.folded_shape(image_shape, pack), name="images")
        super().__init__(
            keras.Model(
                latents,
                strided.generated(
                    latents,
                    image_shape,
                    width,
                    strided.batch_normalization,
                    halvings=halvings,
                ),
                name="generator",
            ),
            keras.Model(
                images,
                strided.score(
                    strided.features(images, width, strided.batch_normalization, halvings=halvings)
                ),
                name="discriminator",
            ),
            latents=Uniform(latent_size),
            seed=seed,
            name=name,
            pack=pack,
        )
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.width = width
        self.halvings = halvings
        self.preset = preset
        self.train_as(PRESETS[preset])

    def defaults(self) -> dict[str, Any]:
        """Returns the settings of the preset: Adam (section 4) for both players."""
        d_rate, g_rate = self.settings.rates
        return super().defaults() | {
            "d_optimizer": presets.adam(d_rate, 0.5, self.training_steps, self.settings.cosine),
            "g_optimizer": presets.adam(g_rate, 0.5, self.training_steps, self.settings.cosine),
            "ema": self.settings.ema,
        }

    @classmethod
    def former_options(cls, config: Config) -> dict[str, Any]:
        return strided.former_halvings(cls, config)

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "width": self.width,
            "preset": self.preset,
            "halvings": self.halvings,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()
