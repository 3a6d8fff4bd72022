"""BEGAN (Berthelot et al. 2017): an autoencoder as the discriminator, and a balance to keep."""

from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import layers, ops

from kgan import arguments, replicas
from kgan.errors import InputError
from kgan.gan import GAN, Recipe
from kgan.latents import Uniform
from kgan.losses import Loss
from kgan.models.blocks import presets
from kgan.models.blocks.strided import plan
from kgan.terms import Turn
from kgan.training.players import Player
from kgan.typing import Config, Tensor, Tensors


@keras.saving.register_keras_serializable("kgan")
class Equilibrium(Loss):
    """The losses of BEGAN (Berthelot et al. 2017, section 3.4), over reconstruction errors L.

    ::

        discriminator:  E L(x) - k E L(x̂)
        generator:      E L(x̂)
        after a step:   k ← k + lambda_k (gamma E L(x) - E L(x̂)),  within [0, 1], at first 0

    It keeps E L(x̂) at gamma E L(x): where generated samples are reconstructed too well for that,
    the discriminator is made to reconstruct them worse. k is saved with the model.

    Args:
        gamma: the diversity ratio, in (0, 1]. Lower means finer samples, and fewer kinds.
        lambda_k: how fast k moves.
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
        """Moves k after a step; returns the measure of convergence (section 3.4.1), a scalar.

        M = L(x) + |gamma L(x) - L(x̂)|. Under `tf.distribute` each replica gives the errors of
        its part of the batch, and k moves by those of the whole.
        """
        balance = self.gamma * real_error - fake_error
        balance = replicas.mean(balance)
        # With `skip_nonfinite=False` a bad batch comes through; it must not undo k for good.
        step = ops.where(ops.isfinite(balance), self.lambda_k * balance, 0.0)
        self.k.assign(ops.clip(self.k + ops.cast(step, self.k.dtype), 0.0, 1.0))
        return real_error + ops.abs(balance)

    def get_config(self):
        return super().get_config() | {"gamma": self.gamma, "lambda_k": self.lambda_k}


@dataclass(frozen=True)
class Preset(presets.Preset):
    """The sizes and the schedules of one setting.

    Attributes:
        width: filters of the generator and the decoder; the encoder has multiples of it.
        latent_size: length of a latent and of the autoencoder's embedding.
        gamma, lambda_k: see `Equilibrium`.
        rates: of the discriminator's Adam and the generator's.
        beta_1: of both.
        cosine: where a cosine over the training leads the rates, as a part of them; None keeps
            them constant.
    """

    width: int
    latent_size: int
    gamma: float
    lambda_k: float
    rates: tuple[float, float]
    beta_1: float
    cosine: float | None


PRESETS = {
    # Sections 3.4 and 4.1; neither the number of steps is told nor the batch size, of which 16 is
    # common in others' implementations.
    "paper": Preset(Recipe(16, 200_000), 64, 64, 0.5, 0.001, (1e-4, 1e-4), 0.9, None),
    "narrow": Preset(Recipe(16, 10_000), 16, 32, 1.0, 0.05, (6e-4, 2e-3), 0.5, 0.1),
}
# What of a preset may be set one by one.
_OPTIONS = ("latent_size", "width", "gamma", "lambda_k")


@keras.saving.register_keras_serializable("kgan")
class BEGAN(presets.WithPresets, GAN):
    """Berthelot et al. 2017, BEGAN: boundary equilibrium generative adversarial networks.

    The discriminator is an autoencoder. A score is the mean absolute error with which it
    reconstructs a sample, so raw scores are errors: positive, and low for real samples. `d_real`
    and `d_fake` in the logs are their means. Beside them stand

    - `convergence`: the paper's measure of it, which falls as training goes well;
    - `equilibrium_k`: k, see `Equilibrium`;
    - `diversity`: how far apart the generated samples of a batch are over how far the real ones
      are: the root of the ratio of mean squared distances, which is that of variances summed over
      pixels. It falls to 0 under collapse. The metric of that name takes mean distances between
      many more samples.

    Networks are those of section 3.5 and figure 1: 3x3 convolutions with ELU, two at each size;
    the encoder's filters grow as n, 2n, 3n, the decoder and the generator have n throughout; dense
    layers to and from the embedding have no activation. The smallest feature map is 8x8 as in the
    paper, or what is nearest below: 7x7 for 28x28 images. The output is linear, so `generate`
    clips it to [-1, 1]. The paper's optional skip connections and vanishing residuals are left
    out.

    ========  ====  ======  ===============  ===================  ====================
    preset    n     latent  gamma; lambda_k  Adam                 rates
    ========  ====  ======  ===============  ===================  ====================
    paper     64    64      0.5; 0.001       beta_1 0.9           1e-4
    narrow    16    32      1; 0.05          beta_1 0.5           D 6e-4, G 2e-3, down
                                                                  to a tenth
    ========  ====  ======  ===============  ===================  ====================

    The paper halves the rates when the measure stalls:
    `keras.callbacks.ReduceLROnPlateau("convergence", factor=0.5)` in `fit`. `narrow` is ours, for
    minutes on a CPU, where the paper's settings draw one blot: k has no time to rise at so small a
    lambda_k, and the generator rests with what is easiest to reconstruct. A faster k, the largest
    gamma and a generator that learns faster than the discriminator keep digits apart, and a
    falling rate brings out more of them.

    Args:
        image_shape: (height, width, channels).
        latent_size: length of a latent and of the autoencoder's embedding.
        width: n, 64 to 128 in the paper.
        gamma, lambda_k: see `Equilibrium`.
        preset: "paper" or "narrow": what the options that are None are.
        seed, name: as in `kgan.GAN`.

    Raises:
        InputError: for a size that doublings cannot make, or options out of range.
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
    ):
        arguments.seed_and_name(seed, name)
        preset = self.named(preset)
        settings = PRESETS[preset]
        given = zip(_OPTIONS, (latent_size, width, gamma, lambda_k), strict=True)
        told: dict[str, Any] = {name: v for name, v in given if v is not None}
        settings = replace(settings, **told)
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
        """Section 4.1: Adam."""
        settings = self.settings

        def adam(rate):
            if settings.cosine is not None:
                rate = keras.optimizers.schedules.CosineDecay(
                    rate, self.training_steps, alpha=settings.cosine
                )
            return keras.optimizers.Adam(rate, beta_1=settings.beta_1)

        d_rate, g_rate = settings.rates
        return super().defaults() | {
            "d_optimizer": adam(d_rate),
            "g_optimizer": adam(g_rate),
            "loss": Equilibrium(settings.gamma, settings.lambda_k),
        }

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        """Reconstruction errors, `(batch, 1)`: mean absolute ones over a sample's pixels."""
        reconstructed = self.discriminator(samples, training=training)
        dtype = keras.backend.result_type(reconstructed.dtype, "float32")
        error = ops.abs(ops.cast(samples, dtype) - ops.cast(reconstructed, dtype))
        return ops.mean(error, axis=(1, 2, 3))[:, None]

    def check_loss(self, loss: Loss) -> None:
        if not isinstance(loss, Equilibrium):
            raise InputError(
                "BEGAN's scores are reconstruction errors, which only its own loss understands; "
                f"got {type(loss).__name__}. Leave `loss` out, or give an Equilibrium."
            )

    def observe(self, player: Player, loss: Tensor, turn: Turn) -> None:
        super().observe(player, loss, turn)
        if player.name != "generator":
            return
        # The paper moves k by L(x) of the discriminator's turn and L(x̂) of the generator's.
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
        }


def _spread(fake, real):
    """Root mean square distance within `fake` over that within `real`."""
    spread = [ops.sum(ops.var(ops.cast(samples, "float32"), axis=0)) for samples in (fake, real)]
    return ops.sqrt(spread[0] / ops.maximum(spread[1], keras.config.epsilon()))


def _sizes(image_shape):
    """((height, width) of the smallest feature map, doublings)."""
    to = plan(image_shape)
    # The paper's is 8x8.
    if min(to.base) == 4 and to.doublings > 1:
        return (2 * to.base[0], 2 * to.base[1]), to.doublings - 1
    return to.base, to.doublings


def _convolution(filters, strides=1):
    return layers.Conv2D(filters, 3, strides=strides, padding="same", activation="elu")


def _decoded(x, image_shape, width):
    (height, across), doublings = _sizes(image_shape)
    x = layers.Dense(height * across * width)(x)
    x = layers.Reshape((height, across, width))(x)
    for place in range(doublings + 1):
        if place:
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
    for place in range(1, doublings + 2):
        x = _convolution(place * settings.width)(x)
        # Subsampling: of the last convolution at a size every other value is computed.
        x = _convolution(place * settings.width, strides=2 if place <= doublings else 1)(x)
    embedding = layers.Dense(settings.latent_size)(layers.Flatten()(x))
    decoded = _decoded(embedding, image_shape, settings.width)
    return keras.Model(images, decoded, name="discriminator")
