"""WGAN (Arjovsky et al. 2017) and WGAN-GP (Gulrajani et al. 2017)."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from kgan import arguments, packs, penalties
from kgan.errors import InputError
from kgan.game import Recipe
from kgan.gan import GAN
from kgan.latents import Normal
from kgan.models.blocks import presets, sizes, strided
from kgan.terms import Turn
from kgan.training.players import Player
from kgan.typing import Config, Tensor


@keras.saving.register_keras_serializable("kgan")
class ClipWeights(keras.constraints.Constraint):
    """Clips weights to [-clip, clip] after each update.

    Arjovsky et al. 2017, algorithm 1. `WGAN` sets it on every trained weight of its critic. In a
    critic of your own, give it to the layers, which save it in their config:

    ```python
    clip = kgan.models.wgan.ClipWeights(0.01)
    keras.layers.Dense(64, "relu", kernel_constraint=clip, bias_constraint=clip)
    ```

    Args:
        clip: the bound c, a positive number.

    Raises:
        InputError: for a bound that is not positive.
    """

    def __init__(self, clip=0.01):
        self.clip = arguments.number("clip", clip, above=0)

    def __call__(self, w):
        return ops.clip(w, -self.clip, self.clip)

    def get_config(self):
        return {"clip": self.clip}


class WassersteinGAN(GAN):
    """The base class of both families: the networks, the loss, and the distance in the logs.

    Subclasses set `normalization`, which returns the critic's normalization layers for images, and
    `image_latents`, the length of a latent for images.
    """

    synchronized = True
    batch_size = 64
    game_logs = ("distance",)
    normalization: Any = None
    image_latents = 100

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
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
        pack = arguments.integer("pack", pack)
        image_shape = arguments.image_shape(image_shape, points=True)
        points = len(image_shape) == 1
        if not points:
            halvings = sizes.halvings(image_shape, halvings)
        elif halvings is not None:
            raise InputError(f"Points are not halved; leave halvings out, got {halvings!r}.")
        latent_size = (2 if points else self.image_latents) if latent_size is None else latent_size
        width = (512 if points else 64) if width is None else width
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        if points:
            generator, critic = _for_points(image_shape, pack, latent_size, width)
        else:
            generator, critic = _for_images(
                image_shape, pack, latent_size, width, halvings, self.normalization
            )
        super().__init__(
            generator, critic, latents=Normal(latent_size), seed=seed, name=name, pack=pack
        )
        self.image_shape = image_shape
        self.latent_size, self.width, self.halvings = latent_size, width, halvings

    @classmethod
    def former_options(cls, config: Config) -> dict[str, Any]:
        return strided.former_halvings(cls, config)

    def defaults(self) -> dict[str, Any]:
        return super().defaults() | {"loss": "wasserstein", "discriminator_steps": 5}

    def observe(self, player: Player, loss: Tensor, turn: Turn) -> None:
        super().observe(player, loss, turn)
        if player.name == "discriminator":
            self.logs.track("distance", ops.mean(turn.real_scores) - ops.mean(turn.fake_scores))

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "width": self.width,
            "halvings": self.halvings,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()


@keras.saving.register_keras_serializable("kgan")
class WGAN(WassersteinGAN):
    """Arjovsky et al. 2017, Wasserstein generative adversarial networks.

    Algorithm 1 with its defaults: five updates of the critic for one of the generator, each on
    fresh samples, and all weights of the critic clipped to [-c, c] after each of its updates;
    RMSprop with 5e-5, batches of 64, c = 0.01. The networks are those of DCGAN (section 4), with
    batch normalization in the critic too, and the latents are 100 standard normal numbers, as in
    the authors' code. RMSprop's decay and epsilon are also those of that code: PyTorch's 0.99 and
    1e-8. PyTorch adds epsilon to the root and Keras under it, hence 1e-16 here. Gradients through
    a clipped critic are small, and Keras's default of 1e-7 slows the generator down.

    The log `distance` is E D(x) - E D(x̂) over the critic's batches, which algorithm 1
    maximises. It estimates K times the Wasserstein-1 distance between the data and the samples,
    with an unknown K that depends on `clip` and the critic. It falls as samples improve (section
    4.2), and can be compared within one training only.

    Clipping restricts critics to very simple functions, and 5e-5 is slow; `WGANGP` gives better
    samples in less time (Gulrajani et al. 2017, sections 3 and 5).

    Args:
        image_shape: (height, width, channels) as in `kgan.models.DCGAN`; or `(dimensions,)` of
            points, for which both networks are perceptrons of three hidden layers (Gulrajani et
            al. 2017, section 3.1 and the authors' code).
        latent_size: length of a latent; 2 for points.
        width: channels of the largest feature maps, 64; for points units of a hidden layer, 512.
        clip: c, the bound of the critic's weights.
        seed, name, pack: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.
        halvings: as in `kgan.models.DCGAN`.

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, another
            shape, or an option out of its range.
    """

    # Ours, for digits; the papers train on larger scenes for hundreds of thousands of steps.
    training_steps = 20_000
    normalization = staticmethod(strided.batch_normalization)

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        latent_size: int | None = None,
        width: int | None = None,
        clip: float = 0.01,
        seed: int | None = None,
        name: str | None = None,
        pack: int = 1,
        precision: str | None = None,
        halvings: int | None = None,
    ):
        constraint = ClipWeights(clip)
        super().__init__(image_shape, latent_size, width, seed, name, pack, precision, halvings)
        self.clip = constraint.clip
        # Any Keras optimizer applies it: `apply` ends with the variables' constraints.
        for weight in self.discriminator.trainable_variables:
            weight.constraint = constraint

    def defaults(self) -> dict[str, Any]:
        rmsprop = {"learning_rate": 5e-5, "rho": 0.99, "epsilon": 1e-16}
        return super().defaults() | {
            "d_optimizer": keras.optimizers.RMSprop(**rmsprop),
            "g_optimizer": keras.optimizers.RMSprop(**rmsprop),
        }

    def get_config(self) -> Config:
        return super().get_config() | {"clip": self.clip}


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

    The preset "narrow" is ours, for trainings of minutes on a CPU: half the width for images, two
    updates of the critic, Adam with 1e-3, which falls to a tenth along a cosine, and an average of
    the generator's weights.

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


def _for_images(image_shape, pack, latent_size, width, halvings, normalization):
    latents = keras.Input((latent_size,), name="latents")
    images = keras.Input(packs.folded_shape(image_shape, pack), name="images")
    fake = strided.generated(
        latents, image_shape, width, strided.batch_normalization, halvings=halvings
    )
    score = strided.score(strided.features(images, width, normalization, halvings=halvings))
    return keras.Model(latents, fake, name="generator"), keras.Model(images, score, name="critic")


def _for_points(shape, pack, latent_size, width):
    def perceptron(size, outputs, name):
        hidden = [
            layers.Dense(width, "relu", kernel_initializer=keras.initializers.HeUniform())
            for _ in range(3)
        ]
        last = layers.Dense(outputs, dtype="float32")
        return keras.Sequential([keras.Input(size), *hidden, last], name=name)

    scored = packs.folded_shape(shape, pack)
    return perceptron((latent_size,), *shape, "generator"), perceptron(scored, 1, "critic")
