"""The GAN of Goodfellow et al. 2014 with fully connected networks, in well-known variants."""

import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from kgan import arguments, latents, losses, packs, penalties
from kgan.data.info import DataInfo
from kgan.game import Recipe
from kgan.gan import GAN
from kgan.models.blocks.presets import Preset, WithPresets
from kgan.typing import Config, Self


@dataclass(frozen=True)
class Form(Preset):
    """The settings of one preset.

    Attributes:
        units: width of each hidden layer.
        activation: of the hidden layers; "leaky_relu" has slope 0.2.
        output: activation of the generator's last layer.
        latents: class of the latents.
        loss: the loss and its settings.
        learning_rate, beta_1: settings of both players' Adam.
        recipe: batch size and training steps, as in its tutorials for MNIST.
        stddev: standard deviation of the truncated normal weights; None means Keras's default
            initializer.
        joint_batch: whether real and generated samples are scored in one batch.
        latent_size: length of a latent.
        beta_2: setting of both players' Adam.
        gamma: strength of R1 and R2; 0 leaves them out.
        ema: decay of the generator's average, or None.
        cosine: whether the learning rate falls to 0 along a cosine over the training steps.
    """

    units: tuple[int, ...]
    activation: str
    output: str
    latents: type
    loss: losses.Loss
    learning_rate: float
    beta_1: float
    stddev: float | None = None
    joint_batch: bool = False
    latent_size: int = 100
    beta_2: float = 0.999
    gamma: float = 0.0
    ema: float | None = None
    cosine: bool = False


PRESETS = {
    "relu": Form(
        Recipe(100, 60_000), (128, 128), "relu", "tanh", latents.Uniform,
        losses.NonSaturating(real_label=0.9), 1e-3, 0.9,
    ),
    "leaky_relu": Form(
        Recipe(100, 300_000), (128, 128), "leaky_relu", "tanh", latents.Uniform,
        losses.NonSaturating(real_label=0.9), 1e-3, 0.9,
    ),
    # Half the sum of two means is the mean over the joint batch.
    "joint_batch": Form(
        Recipe(128, 46_800), (256, 256), "leaky_relu", "tanh", latents.Normal,
        losses.NonSaturating(real_label=0.9, discriminator_weight=0.5), 2e-4, 0.5,
        joint_batch=True,
    ),
    "minimax": Form(
        Recipe(32, 100_000), (128,), "relu", "sigmoid", latents.Normal,
        losses.Minimax(), 1e-3, 0.9,
        stddev=0.01,
    ),
    # From no tutorial: the same kind of networks trained with the loss, penalties and Adam momenta
    # of Huang et al. 2024 and the average of Karras et al. 2018.
    "stable": Form(
        Recipe(64, 12_000), (512, 512), "leaky_relu", "tanh", latents.Normal,
        losses.Relativistic(), 5e-4, 0.0,
        latent_size=64, beta_2=0.99, gamma=0.3, ema=0.999,
    ),
    # The same for points in the plane: narrow modes need deeper networks, a weaker penalty, a
    # learning rate that decays to 0, and latents of the points' dimension.
    "points": Form(
        Recipe(256, 10_000), (256, 256, 256), "leaky_relu", "linear", latents.Normal,
        losses.Relativistic(), 1e-3, 0.0,
        latent_size=2, beta_2=0.99, gamma=0.1, ema=0.999, cosine=True,
    ),
}  # fmt: skip
# The former name of the presets.
VARIANTS = PRESETS


@keras.saving.register_keras_serializable("kgan")
class VanillaGAN(WithPresets, GAN):
    """Goodfellow et al. 2014, Generative adversarial nets, for small images.

    Four presets are those of classic MNIST tutorials, with all their settings. On MNIST
    `joint_batch` and `minimax` learn to draw digits within minutes; `relu` draws some digits and
    misses many, and `leaky_relu` drew none in 500 epochs here, which shows why other settings are
    needed. `stable`, the default, trains networks of this kind by later methods, and `points` is
    the same for 2-D mixtures. Both keep an exponential moving average of the generator, of decay
    0.999.

    ===========  ===============================  =======================  ==================
    preset       networks, hidden layers          latents, loss            Adam, batch
    ===========  ===============================  =======================  ==================
    relu         2x128 ReLU, tanh output          100, uniform(-1, 1);     1e-3; 100
                                                  non-saturating, 0.9
    leaky_relu   2x128 leaky ReLU 0.2, tanh       the same                 1e-3; 100
    joint_batch  2x256 leaky ReLU 0.2, tanh;      100, normal; binary      2e-4, beta_1 0.5;
                 one joint batch for the          cross-entropy, 0.9       128
                 discriminator
    minimax      1x128 ReLU, sigmoid output,      100, normal; saturating  1e-3; 32
                 truncated normal weights 0.01    minimax (eq. 1)
    ===========  ===============================  =======================  ==================

    0.9 is the label of real samples (one-sided label smoothing). The sigmoid makes images in
    [0, 1], the tanh in [-1, 1]: `gan.data_range` holds the range, to which `fit` rescales
    datasets of `kgan.data`.

    Args:
        image_shape: (height, width, channels), or any other shape of a sample.
        preset: one of the names above; None means "stable".
        latent_size: length of a latent; None means the preset's.
        output: activation of the generator's last layer, for samples that are not images:
            "linear" for points and signals of any size. None means the preset's.
        seed, name, pack: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.
        variant: former name of `preset`.

    Raises:
        InputError: for an unknown preset, an invalid shape, or an option out of its range.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        preset: str | None = None,
        latent_size: int | None = None,
        output: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        variant: str | None = None,
        pack: int = 1,
        precision: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
        pack = arguments.integer("pack", pack)
        preset = self.named(preset, variant)
        settings = self.presets[preset]
        image_shape = arguments.shape("image_shape", image_shape, "(height, width, channels)")
        latent_size = settings.latent_size if latent_size is None else latent_size
        latent_size = arguments.integer("latent_size", latent_size)
        if output is not None:
            arguments.choice("output", output, ("tanh", "sigmoid", "linear"), of="VanillaGAN")
        super().__init__(
            _generator(settings, image_shape, latent_size, output or settings.output),
            _discriminator(settings, packs.folded_shape(image_shape, pack)),
            latents=settings.latents(latent_size),
            seed=seed,
            name=name,
            pack=pack,
        )
        self.preset = preset
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.output_activation = output
        self.train_as(settings)

    presets, usual = PRESETS, "stable"
    batch_size, training_steps = PRESETS[usual].recipe

    @classmethod
    def for_data(cls, info: DataInfo, **options: Any) -> Self:
        # Points and signals have no fixed range, which a tanh would need.
        output = {} if info.value_range else {"output": "linear"}
        return super().for_data(info, **output | options)

    @property
    def variant(self) -> str:
        """The name of the preset, under the argument's former name."""
        return self.preset

    def defaults(self) -> dict[str, Any]:
        settings = self.settings
        rate = settings.learning_rate
        if settings.cosine:
            rate = keras.optimizers.schedules.CosineDecay(rate, self.training_steps)
        adam = {
            "learning_rate": rate,
            "beta_1": settings.beta_1,
            "beta_2": settings.beta_2,
        }
        gamma = settings.gamma
        return super().defaults() | {
            "d_optimizer": keras.optimizers.Adam(**adam),
            "g_optimizer": keras.optimizers.Adam(**adam),
            "loss": settings.loss,
            "penalties": [penalties.R1(gamma), penalties.R2(gamma)] if gamma else [],
            "joint_batch": settings.joint_batch,
            "ema": settings.ema,
        }

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "preset": self.preset,
            "latent_size": self.latent_size,
            "output": self.output_activation,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()


def _hidden(settings, units):
    activation = (
        layers.LeakyReLU(negative_slope=0.2)
        if settings.activation == "leaky_relu"
        else layers.ReLU()
    )
    return [layers.Dense(units, kernel_initializer=_initializer(settings)), activation]


def _initializer(settings):
    # One object per layer: an initializer draws the same values each time it is called.
    if settings.stddev is None:
        return keras.initializers.GlorotUniform()
    return keras.initializers.TruncatedNormal(stddev=settings.stddev)


def _generator(settings, image_shape, latent_size, output):
    hidden = [layer for units in settings.units for layer in _hidden(settings, units)]
    last = layers.Dense(
        math.prod(image_shape),
        activation=output,
        kernel_initializer=_initializer(settings),
        dtype="float32",
    )
    shaped = layers.Reshape(image_shape, dtype="float32")
    return keras.Sequential([keras.Input((latent_size,)), *hidden, last, shaped], name="generator")


def _discriminator(settings, image_shape):
    hidden = [layer for units in settings.units for layer in _hidden(settings, units)]
    score = layers.Dense(1, kernel_initializer=_initializer(settings), dtype="float32")
    return keras.Sequential(
        [keras.Input(image_shape), layers.Flatten(), *hidden, score], name="discriminator"
    )
