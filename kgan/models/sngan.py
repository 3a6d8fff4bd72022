"""SNGAN (Miyato et al. 2018): spectral normalization, and classes by projection."""

import math
from typing import Any

import keras

from kgan import arguments, packs
from kgan.gan import GAN
from kgan.latents import Normal
from kgan.models.blocks import residual
from kgan.models.blocks.sizes import plan
from kgan.typing import Config


@keras.saving.register_keras_serializable("kgan")
class SNGAN(GAN):
    """Miyato et al. 2018, Spectral normalization for generative adversarial networks.

    Each kernel of the discriminator is divided by its spectral norm, which bounds the Lipschitz
    constant of the network (section 2). The networks are residual (appendix B.4, table 4), the
    loss is the hinge (equations 16 and 17). With `classes` it is the model of Miyato & Koyama
    2018, cGANs with projection discriminator: conditional batch normalization in the generator
    and a projection on the embedding of the class in the discriminator (equation 3).

    The settings are those of table 4 for CIFAR-10 and, if the papers leave them open, of the
    authors' code (`configs/sn_cifar10.yml`): Adam of learning rate 2e-4, beta_1 0 and beta_2 0.9,
    five updates of the discriminator per step (section 4), batches of 64, 50,000 steps, and a
    learning rate that decays linearly to 0 over all steps. In that code the generator's batches
    are twice as large; here they have the size of the data's.

    The paper's networks have 256 channels in the generator and half as many in the
    discriminator, too many for a CPU, on which `width=32, discriminator_steps=1` learns to draw
    digits within minutes. The learning rate is multiplied by 256 / `width`, to 1.6e-3 for 32
    channels, so that a step of Adam changes the outputs of a layer by about as much (Yang et al.
    2021, Tensor programs V). At the paper's own rate narrow networks learn digits several times
    slower. On colour photographs, with one update of the discriminator per step, 1.6e-3 can kill
    the discriminator (`kgan.callbacks.CollapseMonitor` finds it); give a lower one, such as 4e-4.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes that both networks are conditioned on, or 0; see `kgan.GAN`.
        latent_size: length of a latent.
        width: channels of the generator; the discriminator has half as many. In images larger
            than 32x32 they halve with each further doubling, as in the paper's tables 5 and 6.
        discriminator_steps: updates of the discriminator per step, n_dis of the paper. Set them
            here and not in `compile`, since the schedule of its learning rate counts them.
        seed, name, pack: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, or an option
            out of its range.
    """

    synchronized = True
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
        steps = arguments.integer("discriminator_steps", discriminator_steps)
        up, down = _widths(image_shape, width)
        # In the authors' code the blocks' initial weights are √2 times Glorot's.
        plain, normalized = (
            residual.Parts(spectral=spectral, gain=math.sqrt(2), classes=classes)
            for spectral in (False, True)
        )
        scored = packs.folded_shape(image_shape, pack)
        super().__init__(
            residual.generator(image_shape, up, latent_size, plain),
            # Two blocks that keep the size, and a last layer without a bias, as in that code.
            residual.discriminator(scored, down, 2, normalized, use_bias=False),
            latents=Normal(latent_size),
            classes=classes,
            seed=seed,
            name=name,
            pack=pack,
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
            # Without batch normalization one pass over both gives the same scores, and is faster.
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
        } | self._shared_config()


def _widths(image_shape, width):
    """Returns channels of the generator, base first, and of the discriminator, image first."""
    sizes = plan(image_shape)
    side = min(image_shape[:2])

    def channels(most, size, largest):
        return max(1, most >> max(0, math.ceil(math.log2(size / largest))))

    up = [channels(width, min(sizes.base) << stage, 32) for stage in range(sizes.doublings + 1)]
    # Table 4 ends at 8x8; smaller images are halved once.
    halvings = max(1, math.ceil(math.log2(side / 8)))
    down = [channels(width >> 1, side >> stage, 16) for stage in range(1, halvings + 1)]
    return up, down
