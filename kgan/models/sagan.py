"""SAGAN (Zhang et al. 2019): self-attention, and spectral normalization in both networks."""

from typing import Any

import keras

from kgan import arguments
from kgan.gan import GAN
from kgan.latents import Normal
from kgan.models.blocks import residual
from kgan.models.blocks.strided import plan
from kgan.typing import Config


@keras.saving.register_keras_serializable("kgan")
class SAGAN(GAN):
    """Zhang et al. 2019, Self-attention generative adversarial networks.

    SNGAN's residual networks with self-attention over one feature map of each (section 3),
    spectral normalization in the generator too (section 4.1), and one update of each player a
    step, at two time scales (section 4.2). The loss is the hinge. With `classes` the generator
    has conditional batch normalization and the discriminator projects on the class's direction,
    as always in the paper.

    Adam has beta_1 0, beta_2 0.9 and learning rates of 4e-4 for the discriminator and 1e-4 for
    the generator (section 5), which stay. Networks narrower than the paper's learn at rates larger
    by as much, as in `SNGAN`. No average of the generator: the paper has none.

    The paper draws 128x128 ImageNet in a million steps of 256 images (Brock et al. 2019, table
    1). For the small images that most will start with, the defaults are SNGAN's for CIFAR-10:
    batches of 64 and 50,000 steps.

    Args:
        image_shape: (height, width, channels).
        classes: where above 0, both networks are told the class; see `kgan.GAN`.
        latent_size: length of a latent.
        width: channels of the largest map. They double towards the smallest, to 16 times as many
            at most: at 128x128 these are the authors' networks. On CPUs take 16.
        attention: height of the map that gets self-attention; 0 for none. None means the paper's
            32 of 128, and in small images the map of half their size.
        seed, name: as in `kgan.GAN`.

    Raises:
        InputError: for a size that no doublings of 4 to 7 make, or an `attention` that is the
            height of no map of both networks.
    """

    batch_size = 64
    training_steps = 50_000

    def __init__(
        self,
        image_shape: tuple[int, ...] = (32, 32, 3),
        classes: int = 0,
        latent_size: int = 128,
        width: int = 64,
        attention: int | None = None,
        seed: int | None = None,
        name: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        image_shape = arguments.image_shape(image_shape)
        classes = arguments.classes(classes)
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        doublings = plan(image_shape).doublings
        at = _attended(image_shape, attention)
        # From the image to the base.
        widths = [width * min(16, 2**place) for place in range(doublings + 1)]
        parts = residual.Parts(spectral=True, classes=classes)
        super().__init__(
            residual.generator(image_shape, widths[::-1], latent_size, parts, at),
            residual.discriminator(image_shape, widths[:-1], 1, parts, attention=at),
            latents=Normal(latent_size),
            classes=classes,
            seed=seed,
            name=name,
        )
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.width = width
        self.attention = attention

    def defaults(self) -> dict[str, Any]:
        def adam(rate):
            return keras.optimizers.Adam(rate * 64 / self.width, beta_1=0.0, beta_2=0.9)

        return super().defaults() | {
            "d_optimizer": adam(4e-4),
            "g_optimizer": adam(1e-4),
            "loss": "hinge",
            # Without batch normalization one pass over both is the same function, and quicker.
            "joint_batch": True,
        }

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "classes": self.classes,
            "latent_size": self.latent_size,
            "width": self.width,
            "attention": self.attention,
            "seed": self.seed,
            "name": self.name,
        }


def _attended(image_shape, attention):
    """The height of the maps with self-attention, or None.

    Raises:
        InputError: for one that is no map's in both networks.
    """
    to = plan(image_shape)
    # The generator's maps, without the image itself, are the discriminator's.
    heights = [to.base[0] * 2**place for place in range(to.doublings)]
    if attention is None:
        return max([height for height in heights if height <= 32], default=heights[0])
    if arguments.integer("attention", attention, least=0) == 0:
        return None
    return arguments.choice("attention", attention, heights, or_else="0 for none")
