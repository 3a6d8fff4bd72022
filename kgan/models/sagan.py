"""SAGAN (Zhang et al. 2019): self-attention, and spectral normalization in both networks."""

from typing import Any

import keras

from kgan import arguments, packs
from kgan.gan import GAN
from kgan.latents import Normal
from kgan.models.blocks import residual
from kgan.models.blocks.sizes import plan
from kgan.typing import Config


@keras.saving.register_keras_serializable("kgan")
class SAGAN(GAN):
    """Zhang et al. 2019, Self-attention generative adversarial networks.

    SNGAN's residual networks with self-attention over one feature map of each (section 3),
    spectral normalization in the generator too (section 4.1), and one update of each player per
    step, with two learning rates (section 4.2). The loss is the hinge. With `classes`, as always
    in the paper, the generator has conditional batch normalization, and the discriminator
    is a projection discriminator (Miyato & Koyama 2018).

    Adam has beta_1 0, beta_2 0.9 and constant learning rates of 4e-4 for the discriminator and
    1e-4 for the generator (section 5). They are multiplied by 64 / `width`, for the reason that
    `SNGAN` gives. The generator is not averaged, as in the paper.

    The paper trains on 128x128 ImageNet for a million steps of 256 images (Brock et al. 2019,
    table 1). The defaults here, for smaller images, are SNGAN's for CIFAR-10: batches of 64 and
    50,000 steps.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes that both networks are conditioned on, or 0; see `kgan.GAN`.
        latent_size: length of a latent.
        width: channels of the largest map. They double towards the smallest, up to 16 times as
            many: at 128x128 these are the authors' networks. 16 suits CPUs.
        attention: height of the map that gets self-attention; 0 for none. None means the largest
            map of at most 32, the paper's height: half the height of images below 64.
        seed, name, pack: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, an option
            out of its range, or an `attention` that is not the height of a map of both networks.
    """

    synchronized = True
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
        pack: int = 1,
        precision: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
        pack = arguments.integer("pack", pack)
        image_shape = arguments.image_shape(image_shape)
        classes = arguments.classes(classes)
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        doublings = plan(image_shape).doublings
        attention_height = _attention_height(image_shape, attention)
        # From the image to the base.
        widths = [width * min(16, 2**level) for level in range(doublings + 1)]
        parts = residual.Parts(spectral=True, classes=classes)
        scored = packs.folded_shape(image_shape, pack)
        super().__init__(
            residual.generator(image_shape, widths[::-1], latent_size, parts, attention_height),
            residual.discriminator(scored, widths[:-1], 1, parts, attention=attention_height),
            latents=Normal(latent_size),
            classes=classes,
            seed=seed,
            name=name,
            pack=pack,
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
            # Without batch normalization one pass over both gives the same scores, and is faster.
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
        } | self._shared_config()


def _attention_height(image_shape, attention):
    """Returns the height of the maps with self-attention, or None.

    Raises:
        InputError: for a height that is not that of a map of both networks.
    """
    sizes = plan(image_shape)
    # The generator's maps, except the image itself, have the sizes of the discriminator's.
    heights = [sizes.base[0] * 2**level for level in range(sizes.doublings)]
    if attention is None:
        return max([height for height in heights if height <= 32], default=heights[0])
    if arguments.integer("attention", attention, least=0) == 0:
        return None
    return arguments.choice("attention", attention, heights, or_else="0 for none")
