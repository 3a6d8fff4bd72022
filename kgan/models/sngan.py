"""SNGAN (Miyato et al. 2018): a spectrally normalized discriminator, told classes by projection."""

import math
from typing import Any

import keras

from kgan import arguments
from kgan.gan import GAN
from kgan.latents import Normal
from kgan.models.blocks import residual
from kgan.models.blocks.strided import plan
from kgan.typing import Config


@keras.saving.register_keras_serializable("kgan")
class SNGAN(GAN):
    """Miyato et al. 2018, Spectral normalization for generative adversarial networks.

    Each layer of the discriminator is divided by its spectral norm, so that the whole has a
    bounded Lipschitz constant (section 2). The networks are residual (appendix B.4, table 4), the
    loss is the hinge (equations 16 and 17). With `classes` it is the model of Miyato & Koyama
    2018, cGANs with projection discriminator: conditional batch normalization in the generator
    and a projection on the class's direction in the discriminator (equation 3).

    The settings are those of table 4 for CIFAR-10 and, where the papers say less, of the authors'
    code (`configs/sn_cifar10.yml`): Adam of learning rate 2e-4, beta_1 0 and beta_2 0.9, five
    updates of the discriminator a step (section 4), batches of 64, 50,000 steps, and a learning
    rate that falls to 0 along a line over all of them. There the generator's own batches are
    twice as large; here they are of the data's size.

    The paper's networks have 256 channels in the generator and half as many in the
    discriminator, too many for a CPU: there `width=32, discriminator_steps=1` draw digits in
    minutes. Narrower networks learn at a rate larger by as much as they are narrower, 1.6e-3 for
    32 channels: a step of Adam then changes what a layer puts out about as much (Yang et al.
    2021, Tensor programs V); at the paper's own rate they learn several times slower.

    Args:
        image_shape: (height, width, channels).
        classes: where above 0, both networks are told the class; see `kgan.GAN`.
        latent_size: length of a latent.
        width: channels of the generator; the discriminator has half as many. In images larger
            than 32x32 they halve with each further doubling, as in the paper's tables 5 and 6.
        discriminator_steps: updates of the discriminator a step, n_dis of the paper. Its learning
            rate falls with them, which another number in `compile` would not know of.
        seed, name: as in `kgan.GAN`.

    Raises:
        InputError: for a size that no doublings of 4 to 7 make.
    """

    batch_size = 64
    training_steps = 50_000

    def __init__(
        self,
        image_shape: tuple[int, ...] = (32, 32, 3),
        classes: int = 0,
        latent_size: int = 128,
        width: int = 256,
        discriminator_steps: int = 5,
        seed: int | None = None,
        name: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        image_shape = arguments.image_shape(image_shape)
        classes = arguments.classes(classes)
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        steps = arguments.integer("discriminator_steps", discriminator_steps)
        up, down = _widths(image_shape, width)
        # The blocks' first weights are √2 larger than Glorot's in the authors' code.
        plain, normalized = (
            residual.Parts(spectral=spectral, gain=math.sqrt(2), classes=classes)
            for spectral in (False, True)
        )
        super().__init__(
            residual.generator(image_shape, up, latent_size, plain),
            # Two blocks that keep the size, and a last layer without a bias, as in the code.
            residual.discriminator(image_shape, down, 2, normalized, use_bias=False),
            latents=Normal(latent_size),
            classes=classes,
            seed=seed,
            name=name,
        )
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.width = width
        self.steps_of_discriminator = steps

    def defaults(self) -> dict[str, Any]:
        # Set `training_steps` before `compile` to train for longer or shorter.
        steps, updates = self.training_steps, self.steps_of_discriminator
        start = 2e-4 * 256 / self.width

        def adam(last):
            rate = keras.optimizers.schedules.PolynomialDecay(start, last, end_learning_rate=0.0)
            return keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9)

        return super().defaults() | {
            "d_optimizer": adam(steps * updates),
            "g_optimizer": adam(steps),
            "loss": "hinge",
            "discriminator_steps": updates,
            # Without batch normalization one pass over both is the same function, and quicker.
            "joint_batch": True,
        }

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "classes": self.classes,
            "latent_size": self.latent_size,
            "width": self.width,
            "discriminator_steps": self.steps_of_discriminator,
            "seed": self.seed,
            "name": self.name,
        }


def _widths(image_shape, width):
    """Channels in the generator, from the base on, and in the discriminator, from the image on."""
    to = plan(image_shape)
    side = min(image_shape[:2])

    def channels(most, size, largest):
        return max(1, most >> max(0, math.ceil(math.log2(size / largest))))

    up = [channels(width, min(to.base) << stage, 32) for stage in range(to.doublings + 1)]
    # Table 4 ends at 8x8; smaller images are halved once.
    halvings = max(1, math.ceil(math.log2(side / 8)))
    down = [channels(width >> 1, side >> place, 16) for place in range(1, halvings + 1)]
    return up, down
