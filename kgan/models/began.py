"""BEGAN (Berthelot et al. 2017): an autoencoder as the discriminator, and a balance to keep."""

import threading

import keras
import tensorflow as tf
from keras import layers, ops

from kgan import checks
from kgan.errors import InputError
from kgan.gan import GAN
from kgan.latents import Uniform
from kgan.losses import Loss
from kgan.models.strided import checked_image_shape, plan


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
        self.gamma, self.lambda_k = float(gamma), float(lambda_k)
        if not 0 < self.gamma <= 1:
            raise InputError(f"gamma must be in (0, 1]; got {gamma}.")
        if not 0 <= self.lambda_k < float("inf"):
            raise InputError(f"lambda_k must be a number from 0; got {lambda_k}.")
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
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            balance = replica.all_reduce(tf.distribute.ReduceOp.MEAN, balance)
        # One bad batch, whose update of the networks is left out, must not undo k for good.
        step = ops.where(ops.isfinite(balance), self.lambda_k * balance, 0.0)
        self.k.assign(ops.clip(self.k + ops.cast(step, self.k.dtype), 0.0, 1.0))
        return real_error + ops.abs(balance)

    def get_config(self):
        return super().get_config() | {"gamma": self.gamma, "lambda_k": self.lambda_k}


@keras.saving.register_keras_serializable("kgan")
class BEGAN(GAN):
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

    The paper halves the learning rate when the measure stalls, which is
    `keras.callbacks.ReduceLROnPlateau("convergence", factor=0.5)` in `fit`.

    Networks are those of section 3.5 and figure 1: 3x3 convolutions with ELU, two at each size;
    the encoder's filters grow as `width`, 2 `width`, 3 `width`, the decoder and the generator
    have `width` throughout; dense layers to and from the embedding have no activation. The
    smallest feature map is 8x8 as in the paper, or what is nearest below: 7x7 for 28x28 images.
    The output is linear, so `generate` clips it to [-1, 1]. Its optional skip connections and
    vanishing residuals are left out.

    Args:
        image_shape: (height, width, channels).
        latent_size: length of a latent and of the autoencoder's embedding.
        width: n in the paper, 64 to 128 there; 16 draws digits on a CPU.
        gamma, lambda_k: see `Equilibrium`.
        seed, name: as in `kgan.GAN`.

    Raises:
        InputError: for a size that doublings cannot make, or options out of range.
    """

    # Of neither does the paper tell; these are common in others' implementations.
    batch_size = 16
    training_steps = 100_000
    game_logs = ("convergence", "equilibrium_k", "diversity")

    def __init__(
        self,
        image_shape=(28, 28, 1),
        latent_size=64,
        width=64,
        gamma=0.5,
        lambda_k=0.001,
        seed=None,
        name=None,
    ):
        image_shape = checked_image_shape(image_shape)
        latent_size = checks.positive("latent_size", latent_size)
        width = checks.positive("width", width)
        self.equilibrium = {"gamma": gamma, "lambda_k": lambda_k}
        Equilibrium(**self.equilibrium)
        super().__init__(
            _generator(image_shape, latent_size, width),
            _autoencoder(image_shape, latent_size, width),
            latents=Uniform(latent_size),
            data_range=(-1.0, 1.0),
            seed=seed,
            name=name,
        )
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.width = width
        self._real_errors = {}

    def defaults(self):
        """Section 4.1: Adam at 1e-4."""
        return super().defaults() | {
            "d_optimizer": keras.optimizers.Adam(1e-4),
            "g_optimizer": keras.optimizers.Adam(1e-4),
            "loss": Equilibrium(**self.equilibrium),
        }

    def score(self, samples, condition=None, training=False):
        """Reconstruction errors, `(batch, 1)`: mean absolute ones over a sample's pixels."""
        reconstructed = self.discriminator(samples, training=training)
        dtype = keras.backend.result_type(reconstructed.dtype, "float32")
        error = ops.abs(ops.cast(samples, dtype) - ops.cast(reconstructed, dtype))
        return ops.mean(error, axis=(1, 2, 3))[:, None]

    def observe(self, phase, loss, turn):
        super().observe(phase, loss, turn)
        if not isinstance(self.loss, Equilibrium):
            raise InputError(
                "BEGAN's scores are reconstruction errors, which only its own loss understands; "
                f"got {type(self.loss).__name__}. Leave `loss` out, or give an Equilibrium."
            )
        if phase.player == "discriminator":
            # Kept from turn to turn of one step: the paper moves k by L(x) of the
            # discriminator's turn and L(x̂) of the generator's.
            # Replicas are traced in threads of their own that take turns within a step.
            self._real_errors[threading.get_ident()] = ops.mean(turn.real_scores)
            return
        real_error = self._real_errors.pop(threading.get_ident())
        measure = self.loss.update(real_error, ops.mean(turn.fake_scores))
        self.logs.track("convergence", measure)
        self.logs.track("equilibrium_k", self.loss.k)
        self.logs.track("diversity", _spread(ops.clip(turn.fake, -1, 1), turn.real))

    def get_config(self):
        return {
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "width": self.width,
            **self.equilibrium,
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


def _generator(image_shape, latent_size, width):
    latents = keras.Input((latent_size,))
    return keras.Model(latents, _decoded(latents, image_shape, width), name="generator")


def _autoencoder(image_shape, latent_size, width):
    images = keras.Input(image_shape)
    doublings = _sizes(image_shape)[1]
    x = _convolution(width)(images)
    for place in range(1, doublings + 2):
        x = _convolution(place * width)(x)
        # Subsampling: of the last convolution at a size every other value is computed.
        x = _convolution(place * width, strides=2 if place <= doublings else 1)(x)
    embedding = layers.Dense(latent_size)(layers.Flatten()(x))
    decoded = _decoded(embedding, image_shape, width)
    return keras.Model(images, decoded, name="discriminator")
