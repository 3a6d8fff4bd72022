"""BEGAN (Berthelot et al. 2017): an autoencoder as the discriminator, kept in equilibrium."""

from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from kgan import arguments, replicas
from kgan.errors import InputError
from kgan.game import Recipe
from kgan.gan import GAN
from kgan.latents import Uniform
from kgan.losses import Loss
from kgan.models.blocks import presets
from kgan.models.blocks.sizes import plan
from kgan.terms import Turn
from kgan.training.players import Player
from kgan.typing import Config, Tensor, Tensors


@keras.saving.register_keras_serializable("kgan")
class Equilibrium(Loss):
    """The losses of BEGAN (Berthelot et al. 2017, section 3.4), on reconstruction errors L.

        discriminator:  E L(x) - k E L(x̂)
        generator:      E L(x̂)
        after a step:   k ← k + lambda_k (gamma E L(x) - E L(x̂)),  within [0, 1], initially 0

    k keeps E L(x̂) near gamma E L(x): if generated samples are reconstructed better than that, k
    grows, and the discriminator learns to reconstruct them worse. k is saved with the model.

    Args:
        gamma: the diversity ratio, in (0, 1]. Lower values give sharper but less diverse samples.
        lambda_k: step size of k.
        discriminator_weight: see `kgan.losses.Loss`.
    """

    def __init__(self, gamma=0.5, lambda_k=0.001, discriminator_weight=1.0):
        super().__init__(discriminator_weight)
        self.gamma = arguments.number("gamma", gamma, above=0, most=1)
        self.lambda_k = arguments.number("lambda_k", lambda_k, least=0)
        self.k = keras.Variable(
            0.0, dtype="float32", trainable=False, aggregation="only_first_replica", name="k"
        )

    def discriminator(self, real_scores, fake_scores):
        k = ops.cast(self.k.value, fake_scores.dtype)
        return ops.mean(real_scores) - k * ops.mean(fake_scores)

    def generator(self, fake_scores, real_scores=None):
        return ops.mean(fake_scores)

    def update(self, real_error, fake_error):
        """Updates k after a step; returns the convergence measure (section 3.4.1), a scalar.

        M = L(x) + |gamma L(x) - L(x̂)|. Under `tf.distribute` each replica passes the errors of
        its part of the batch, and k is updated by those of the whole batch.
        """
        balance = self.gamma * real_error - fake_error
        balance = replicas.mean(balance)
        # With `skip_nonfinite=False` errors may be NaN, which k would keep for good.
        step = ops.where(ops.isfinite(balance), self.lambda_k * balance, 0.0)
        self.k.assign(ops.clip(self.k + ops.cast(step, self.k.dtype), 0.0, 1.0))
        return real_error + ops.abs(balance)

    def get_config(self):
        return super().get_config() | {"gamma": self.gamma, "lambda_k": self.lambda_k}


@dataclass(frozen=True)
class Preset(presets.Preset):
    """The sizes and the schedules of one preset.

    Attributes:
        width: filters of the generator and the decoder; the encoder has multiples of it.
        latent_size: length of a latent and of the autoencoder's embedding.
        gamma, lambda_k: the diversity ratio, in (0, 1], and the step size of k; see `Equilibrium`.
        rates: learning rates of the discriminator's and the generator's Adam.
        beta_1: beta_1 of both.
        cosine: final learning rate of a cosine decay over the training, as a fraction of the
            first; None keeps the rates constant.
    """

    width: int
    latent_size: int
    gamma: float
    lambda_k: float
    rates: tuple[float, float]
    beta_1: float
    cosine: float | None


PRESETS = {
    # Sections 3.4 and 4.1. The paper gives neither the number of steps nor the batch size, for
    # which 16 is common in other implementations.
    "paper": Preset(Recipe(16, 200_000), 64, 64, 0.5, 0.001, (1e-4, 1e-4), 0.9, None),
    "narrow": Preset(Recipe(16, 10_000), 16, 32, 1.0, 0.05, (6e-4, 2e-3), 0.5, 0.1),
}
# The settings of a preset that arguments of the model override.
_OPTIONS = ("latent_size", "width", "gamma", "lambda_k")


@keras.saving.register_keras_serializable("kgan")
class BEGAN(presets.WithPresets, GAN):
    """Berthelot et al. 2017, BEGAN: boundary equilibrium generative adversarial networks.

    The discriminator is an autoencoder. A score is the mean absolute error with which it
    reconstructs a sample, so raw scores are errors: positive, and low for real samples. `d_real`
    and `d_fake` in the logs are their means. Further logs are

    - `convergence`: the paper's convergence measure, which falls as samples improve;
    - `equilibrium_k`: k, see `Equilibrium`;
    - `diversity`: the root mean square distance between the generated samples of a batch divided
      by that between the real ones, computed from variances summed over pixels. It falls to 0
      under mode collapse. The metric of that name uses mean distances between many more samples.

    Networks are those of section 3.5 and figure 1: 3x3 convolutions with ELU, two at each size;
    the encoder's filters grow as n, 2n, 3n, the decoder and the generator have n throughout; dense
    layers to and from the embedding have no activation. The smallest feature map is 8x8 as in the
    paper, or the nearest size below: 7x7 for 28x28 images. The output is linear, so `generate`
    clips it to [-1, 1]. The paper's optional skip connections and vanishing residuals are left
    out.

    ========  ====  ======  ===============  ===================  ====================
    preset    n     latent  gamma; lambda_k  Adam                 rates
    ========  ====  ======  ===============  ===================  ====================
    paper     64    64      0.5; 0.001       beta_1 0.9           1e-4
    narrow    16    32      1; 0.05          beta_1 0.5           D 6e-4, G 2e-3, down
                                                                  to a tenth
    ========  ====  ======  ===============  ===================  ====================

    The paper halves the learning rates when the convergence measure stalls; the callback
    `keras.callbacks.ReduceLROnPlateau("convergence", factor=0.5)` does so in `fit`. `narrow` is
    ours, for trainings of minutes on a CPU. In that time the paper's settings give a single blob:
    with so small a lambda_k, k hardly grows, and the generator stays with samples that are easiest
    to reconstruct. With a larger lambda_k, the largest gamma and a generator that learns faster
    than the discriminator, digits stay distinct; decaying rates make more of them recognizable.

    Args:
        image_shape: (height, width, channels).
        latent_size: length of a latent and of the autoencoder's embedding.
        width: n, 64 to 128 in the paper.
        gamma, lambda_k: the diversity ratio, in (0, 1], and the step size of k; see `Equilibrium`.
        preset: "paper" or "narrow"; the source of options that are None.
        seed, name: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, or an option
            out of its range.
    """

    presets, usual = PRESETS, "paper"
    batch_size, training_steps = PRESETS[usual].recipe
    game_logs = ("convergence", "equilibrium_k", "diversity")

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        latent_size: int | None = None,
        width: int | None = None,
        gamma: float | None = None,
        lambda_k: float | None = None,
        preset: str = "paper",
        seed: int | None = None,
        name: str | None = None,
        precision: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
        preset = self.named(preset)
        settings = PRESETS[preset]
        given = zip(_OPTIONS, (latent_size, width, gamma, lambda_k), strict=True)
        overrides: dict[str, Any] = {name: v for name, v in given if v is not None}
        settings = replace(settings, **overrides)
        image_shape = arguments.image_shape(image_shape)
        for option in ("latent_size", "width"):
            arguments.integer(option, getattr(settings, option))
        Equilibrium(settings.gamma, settings.lambda_k)
        super().__init__(
            _generator(image_shape, settings),
            _autoencoder(image_shape, settings),
            latents=Uniform(settings.latent_size),
            data_range=(-1.0, 1.0),
            seed=seed,
            name=name,
        )
        self.image_shape = image_shape
        self.preset = preset
        self.train_as(settings)

    def defaults(self) -> dict[str, Any]:
        """Returns the settings of the preset: Adam (section 4.1) and `Equilibrium`."""
        settings = self.settings
        d_rate, g_rate = settings.rates
        common = settings.beta_1, self.training_steps, settings.cosine
        return super().defaults() | {
            "d_optimizer": presets.adam(d_rate, *common),
            "g_optimizer": presets.adam(g_rate, *common),
            "loss": Equilibrium(settings.gamma, settings.lambda_k),
        }

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        """Returns reconstruction errors, `(batch, 1)`: means over absolute pixel errors."""
        reconstructed = self.discriminator(samples, training=training)
        dtype = keras.backend.result_type(reconstructed.dtype, "float32")
        error = ops.abs(ops.cast(samples, dtype) - ops.cast(reconstructed, dtype))
        return ops.mean(error, axis=(1, 2, 3))[:, None]

    def check_loss(self, loss: Loss) -> None:
        if not isinstance(loss, Equilibrium):
            raise InputError(
                "BEGAN's scores are reconstruction errors, which only its own loss can use; "
                f"got {type(loss).__name__}. Leave `loss` out, or give an Equilibrium."
            )

    def observe(self, player: Player, loss: Tensor, turn: Turn) -> None:
        super().observe(player, loss, turn)
        if player.name != "generator":
            return
        # The paper updates k by L(x) of the discriminator's update and L(x̂) of the generator's.
        real_error = ops.mean(turn.earlier["discriminator"].real_scores)
        measure = self.loss.update(real_error, ops.mean(turn.fake_scores))
        self.logs.track("convergence", measure)
        self.logs.track("equilibrium_k", self.loss.k)
        self.logs.track("diversity", _spread(ops.clip(turn.fake, -1, 1), turn.real))

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            **{name: getattr(self.settings, name) for name in _OPTIONS},
            "preset": self.preset,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()


def _spread(fake, real):
    """Returns the root mean square distance within `fake` over that within `real`."""
    variances = [replicas.moments(tf.cast(part, tf.float32), [0])[1] for part in (fake, real)]
    spread = [tf.reduce_sum(variance) for variance in variances]
    return ops.sqrt(spread[0] / ops.maximum(spread[1], keras.config.epsilon()))


def _sizes(image_shape):
    """Returns ((height, width) of the smallest feature map, doublings)."""
    sizes = plan(image_shape)
    # The paper's smallest feature map is 8x8.
    if min(sizes.base) == 4 and sizes.doublings > 1:
        return (2 * sizes.base[0], 2 * sizes.base[1]), sizes.doublings - 1
    return sizes.base, sizes.doublings


def _convolution(filters, strides=1):
    return layers.Conv2D(filters, 3, strides=strides, padding="same", activation="elu")


def _decoded(x, image_shape, width):
    base, doublings = _sizes(image_shape)
    x = layers.Dense(base[0] * base[1] * width)(x)
    x = layers.Reshape((*base, width))(x)
    for level in range(doublings + 1):
        if level:
            x = layers.UpSampling2D(interpolation="nearest")(x)
        x = _convolution(width)(_convolution(width)(x))
    return layers.Conv2D(image_shape[-1], 3, padding="same", dtype="float32")(x)


def _generator(image_shape, settings):
    latents = keras.Input((settings.latent_size,))
    return keras.Model(latents, _decoded(latents, image_shape, settings.width), name="generator")


def _autoencoder(image_shape, settings):
    images = keras.Input(image_shape)
    doublings = _sizes(image_shape)[1]
    x = _convolution(settings.width)(images)
    for level in range(1, doublings + 2):
        x = _convolution(level * settings.width)(x)
        # The paper's subsampling: a stride of 2 in the last convolution of each size.
        x = _convolution(level * settings.width, strides=2 if level <= doublings else 1)(x)
    embedding = layers.Dense(settings.latent_size)(layers.Flatten()(x))
    decoded = _decoded(embedding, image_shape, settings.width)
    return keras.Model(images, decoded, name="discriminator")
