"""VAE/GAN (Larsen et al. 2016): an autoencoder that compares images in a discriminator's features.

It has three players: an encoder, the generator, which is also the decoder, and the discriminator.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from kgan import arguments, random, replicas
from kgan.errors import InputError
from kgan.gan import GAN
from kgan.latents import Normal
from kgan.losses import Loss, NonSaturating
from kgan.models.blocks import auxiliary, strided
from kgan.terms import Turn
from kgan.training import feed
from kgan.training.players import Player
from kgan.typing import ArrayLike, Config, Tensor, Tensors

# The number of images that `fit` keeps, to show them and their reconstructions in previews.
EXAMPLES = 32


@keras.saving.register_keras_serializable("kgan")
class ReconstructedAndSampled(NonSaturating):
    """L_GAN of algorithm 1: `NonSaturating` with two kinds of generated samples, both in full.

    With x̃ reconstructions and x_p samples from the prior, equally many of each:

        discriminator:  E ζ(-D(x)) + E ζ(D(x̃)) + E ζ(D(x_p))
        generator:      E ζ(-D(x̃)) + E ζ(-D(x_p))
    """

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        # `fake_scores` holds both kinds, so that its mean is half the sum of their means.
        return super().discriminator(real_scores, fake_scores) + ops.mean(ops.softplus(fake_scores))

    def generator(self, fake_scores: Tensor, real_scores: Tensor = None) -> Tensor:
        return 2 * super().generator(fake_scores)


@keras.saving.register_keras_serializable("kgan")
class VAEGAN(GAN):
    """Larsen et al. 2016, Autoencoding beyond pixels using a learned similarity metric.

    An encoder maps each image to a Gaussian over codes, by its mean and variance. The generator
    decodes codes drawn from it to reconstructions, and codes drawn from the prior to samples. The
    distance of a reconstruction to its image is measured in the features of a layer of the
    discriminator, not in pixels. With x̃ a reconstruction and x_p a sample (algorithm 1)::

        encoder:        L_prior + L_llike
        generator:      γ L_llike + L_GAN's part for x̃ and x_p
        discriminator:  L_GAN, -log D(x) - log(1 - D(x̃)) - log(1 - D(x_p))

        L_prior = KL(N(μ, σ²) ‖ N(0, 1)), summed over the code
        L_llike = ½ ‖D_l(x) - D_l(x̃)‖², a Gaussian of variance 1, summed over the features

    Each player is trained on its own loss alone (section 2.3, "Limiting error signals to relevant
    networks"). The means over the batch of L_llike and L_prior, in nats, are logged in the
    encoder's update as `reconstruction` and `prior`; their sum is `e_loss`.

    RMSProp 3e-4 for all three players and batches of 64 are the settings of section 4; codes of 128
    numbers and 150 epochs of 250 batches are those of the authors' code.

    Deviations: the generator's part of L_GAN is the non-saturating one. The authors' code has the
    saturating one, and skips the updates of a player that is ahead; the non-saturating one needs
    no such rule. The discriminator has layer normalization in place of batch normalization, since
    the features that are compared must not depend on the rest of the batch. Networks are those of
    `kgan.models.DCGAN`, of the paper's kind but with 4x4 kernels, in sizes that fit the image, with
    the paper's dense layers before the code and before the score, scaled by `width`. Players are
    updated one after the other, while algorithm 1 computes all gradients first. γ is ours; the
    paper does not give it.

    Args:
        image_shape: (height, width, channels); see `kgan.models.blocks.sizes.plan` for the sizes.
        latent_size: length of a code.
        width: channels of the largest feature maps, 64 as in the paper; the dense layers scale with
            it. Less is faster.
        gamma: γ, weight of L_llike in the generator's loss, relative to its adversarial loss.
        seed, name: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, or an option
            out of its range.

    Attributes:
        examples: images `(n, height, width, channels)` that previews show with their
            reconstructions. Unless they are set, `fit` takes the first images of its validation
            data, or else of its training data, if that is an array or a `tf.data.Dataset`.

    Example:

    ```python
    gan = kgan.models.VAEGAN((28, 28, 1), width=16)
    gan.compile(optimizers={"encoder": keras.optimizers.RMSprop(3e-4)})  # the default
    gan.fit(kgan.data.load("mnist", batch_size=64), epochs=5)
    codes = gan.encode(images)                     # (n, 128), the means
    again = gan.generate(latents=codes)            # gan.reconstruct(images)
    ```
    """

    # Its reconstructions are compared with their originals by the discriminator's features.
    can_augment = False

    examples: np.ndarray | None = None

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        latent_size: int = 128,
        width: int = 64,
        gamma: float = 0.001,
        seed: int | None = None,
        name: str | None = None,
        precision: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
        image_shape = arguments.image_shape(image_shape)
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        gamma = arguments.number("gamma", gamma, least=0)
        super().__init__(
            _generator(image_shape, latent_size, width),
            _discriminator(image_shape, width),
            latents=Normal(latent_size),
            seed=seed,
            name=name,
        )
        self.encoder = _encoder(image_shape, latent_size, width)
        self.image_shape = image_shape
        self.width = width
        self.gamma = gamma

    synchronized = True
    batch_size = 64
    training_steps = 37_500
    game_logs = ("reconstruction", "prior")

    @property
    def networks(self) -> dict[str, keras.Model]:
        return super().networks | {"encoder": self.encoder}

    def defaults(self) -> dict[str, Any]:
        def rmsprop():
            return keras.optimizers.RMSprop(3e-4)

        return super().defaults() | {
            "e_optimizer": rmsprop(),
            "g_optimizer": rmsprop(),
            "d_optimizer": rmsprop(),
            "loss": ReconstructedAndSampled(),
        }

    def check_loss(self, loss: Loss) -> None:
        if loss.generator_uses_real:
            raise InputError(
                "VAEGAN generates two samples for each real one, a reconstruction and one from the "
                f"prior, and so takes no loss that pairs their scores; got {type(loss).__name__}."
            )

    def make_players(self) -> list[Player]:
        return [
            self.player("encoder", self.encoder_plays),
            self.player("generator", self.generator_plays),
            self.player("discriminator", self.discriminator_plays),
        ]

    def encoder_plays(
        self,
        real: Tensors,
        condition: Tensors,
        generated: Any = None,
        earlier: dict[str, Turn] | None = None,
    ) -> tuple[Tensor, Turn]:
        """Returns the encoder's loss, L_prior + L_llike, and its `Turn`.

        The encoder's outputs, mean and log σ², follow the features in the turn's `real_heads`.
        """
        mean, log_variance = self.encoder(real, training=True)
        codes = drawn(mean, log_variance, self.joint_seed())
        fake = self.forward(codes, condition, training=True)
        real_scores, features = self.judge(real, condition, training=True)
        fake_scores, fake_features = self.judge(fake, condition, training=True)
        loss = divergence(mean, log_variance) + unlikeness(features, fake_features)
        heads = (features, mean, log_variance), fake_features
        turn = Turn(
            self, real, fake, codes, condition, real_scores, fake_scores, *heads, None, earlier
        )
        return loss + self.own_losses("encoder"), turn

    def generator_plays(
        self,
        real: Tensors,
        condition: Tensors,
        generated: Any = None,
        earlier: dict[str, Turn] | None = None,
    ) -> tuple[Tensor, Turn]:
        loss, turn = super().generator_plays(real, condition, generated, earlier)
        turn.real_scores, turn.real_heads = self.judge(real, condition, training=True)
        # The reconstructions are the first half.
        reconstructed = turn.fake_heads[: ops.shape(real)[0]]
        return loss + self.gamma * unlikeness(turn.real_heads, reconstructed), turn

    def produce(self, real: Tensors, condition: Tensors = None) -> tuple[Any, Any]:
        """Returns (codes of the real samples and then as many of the prior, samples from both)."""
        mean, log_variance = self.encoder(real, training=True)
        codes = drawn(mean, log_variance, self.joint_seed())
        codes = ops.concatenate([codes, self.per_sample(ops.shape(real)[0], self.draw)])
        return codes, self.forward(codes, condition, training=True)

    def judge(
        self, samples: Tensors, condition: Tensors = None, training: bool = False
    ) -> tuple[Any, Any]:
        scores, features = self.discriminator(samples, training=training)
        return scores, features

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        return self.judge(samples, training=training)[0]

    def observe(self, player: Player, loss: Tensor, turn: Turn) -> None:
        super().observe(player, loss, turn)
        if player.name == "encoder":
            features, *gaussian = turn.real_heads
            self.logs.track("reconstruction", unlikeness(features, turn.fake_heads))
            self.logs.track("prior", divergence(*gaussian))

    def encode(self, images: ArrayLike, batch_size: int = 256) -> np.ndarray:
        """Returns the means of images' codes, float32 `(n, latent_size)`.

        Args:
            images: `(n, height, width, channels)`, in the data's range.
            batch_size: number of images in a batch.

        Raises:
            InputError: for images of another shape, or no images.
        """
        return auxiliary.in_batches(self, images, lambda batch: self.encoder(batch)[0], batch_size)

    def reconstruct(self, images: ArrayLike, batch_size: int = 256) -> np.ndarray:
        """Returns the generator's reconstructions of images from the means of their codes.

        Args:
            images: `(n, height, width, channels)`, in the data's range.
            batch_size: number of images in a batch.

        Returns:
            A float32 array of the images' shape, in the data's range, from the averaged generator
            if `compile` got an `ema`.

        Raises:
            InputError: for images of another shape, or no images.
        """
        return auxiliary.in_batches(
            self, images, lambda batch: self.sample(self.encoder(batch)[0]), batch_size
        )

    def fit(self, x: Any = None, y: ArrayLike = None, **kwargs: Any) -> keras.callbacks.History:
        """As `kgan.GAN.fit`; it also keeps some images for previews, see `examples`."""
        if self.examples is None:
            shown = kwargs.get("validation_data")
            self.examples = self._first(x if shown is None else shown)
        return super().fit(x, y, **kwargs)

    def _first(self, data):
        if isinstance(data, tf.data.Dataset):
            data = next(iter(feed.rescaled(data, self.data_range).take(1)), None)
        data = data[0] if isinstance(data, (tuple, list)) else data
        if not isinstance(data, (np.ndarray, tf.Tensor)) or not len(data):
            return None
        return np.asarray(data[:EXAMPLES])

    preview_columns = 8

    def preview(self, count: int = 64, seed: int = 0) -> dict[str, np.ndarray]:
        """Returns samples, and `examples` with their reconstructions, for callbacks to draw.

        Args:
            count: number of samples, and maximum number of pictures in "reconstructions", whose
                rows are full.
            seed: seed of the samples.

        Returns:
            {"samples": images, "reconstructions": images}, each `(n, height, width, channels)`;
            in "reconstructions" a row of examples precedes the row of their reconstructions. It
            is left out if there are no `examples`.
        """
        shown = super().preview(count, seed)
        if self.examples is None:
            return shown
        columns = self.preview_columns
        rows = max(1, min(count, 2 * EXAMPLES) // (2 * columns))
        # Too few examples are repeated to fill the rows.
        images = np.resize(self.examples, (rows, columns, *self.image_shape))
        reconstructed = self.reconstruct(images.reshape(-1, *self.image_shape))
        pairs = np.stack([images, reconstructed.reshape(images.shape)], axis=1)
        return shown | {"reconstructions": pairs.reshape(-1, *self.image_shape)}

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "latent_size": self.latents.shape[0],
            "width": self.width,
            "gamma": self.gamma,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()


def drawn(mean: Tensor, log_variance: Tensor, seed: Tensor) -> Tensor:
    """Draws a code from each Gaussian, μ + σ ε, differentiable in μ and σ (section 2.1)."""
    sizes = tf.shape(mean)
    noise = replicas.rows(
        sizes[0], lambda count: random.normal(tf.concat([[count], sizes[1:]], 0), seed)
    )
    return mean + ops.exp(log_variance / 2) * noise


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Returns L_prior: KL(N(μ, σ²) ‖ N(0, 1)), summed over the code, a batch mean in nats."""
    each = ops.square(mean) + ops.exp(log_variance) - 1 - log_variance
    return ops.mean(ops.sum(each, axis=1)) / 2


def unlikeness(features: Tensor, others: Tensor) -> Tensor:
    """Returns L_llike: -log N(D_l(x); D_l(x̃), 1) without its constant, a batch mean in nats."""
    difference = ops.cast(features, "float32") - ops.cast(others, "float32")
    return ops.sum(ops.square(difference)) / ops.cast(2 * ops.shape(features)[0], "float32")


def _dense(x, units, normalization, activation):
    x = layers.Dense(units, use_bias=False, kernel_initializer=strided.weights())(x)
    return activation(normalization(x))


def _encoder(image_shape, latent_size, width):
    """Builds a network from images to the mean and log σ² of their codes."""
    images = keras.Input(image_shape)
    x = layers.Flatten()(strided.features(images, width, strided.batch_normalization))
    x = _dense(x, 16 * width, strided.batch_normalization(), layers.LeakyReLU(negative_slope=0.2))
    outputs = [
        layers.Dense(latent_size, kernel_initializer=strided.weights(), dtype="float32")(x)
        for _ in range(2)
    ]
    return keras.Model(images, outputs, name="encoder")


def _generator(image_shape, latent_size, width):
    codes = keras.Input((latent_size,))
    images = strided.generated(codes, image_shape, width, strided.batch_normalization)
    return keras.Model(codes, images, name="generator")


def _discriminator(image_shape, width):
    """Builds a network from images to scores and the features in which images are compared."""
    images = keras.Input(image_shape)
    features = strided.features(images, width, strided.layer_normalization)
    if strided.plan(image_shape).doublings == 1:
        # The only convolution is not normalized, but a variance of 1 assumes a scale of features.
        features = strided.layer_normalization()(features)
    x = layers.Flatten()(features)
    x = _dense(
        x, 8 * width, layers.LayerNormalization(epsilon=1e-5), layers.LeakyReLU(negative_slope=0.2)
    )
    score = layers.Dense(1, kernel_initializer=strided.weights(), dtype="float32")(x)
    return keras.Model(images, [score, features], name="discriminator")
