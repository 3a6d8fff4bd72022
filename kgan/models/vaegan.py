"""VAE/GAN (Larsen et al. 2016): an autoencoder that compares images as a discriminator sees them.

A game of three: an encoder beside the generator, which is the decoder, and the discriminator.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from kgan import arguments, random
from kgan.errors import InputError
from kgan.gan import GAN
from kgan.latents import Normal
from kgan.losses import Loss, NonSaturating
from kgan.models.blocks import auxiliary, strided
from kgan.terms import Turn
from kgan.training import feed
from kgan.training.players import Player
from kgan.typing import ArrayLike, Config, Tensor, Tensors

# Images that a preview shows beside their reconstructions, and that `fit` therefore keeps.
EXAMPLES = 32


@keras.saving.register_keras_serializable("kgan")
class ReconstructedAndSampled(NonSaturating):
    """L_GAN of algorithm 1: as `NonSaturating`, and both kinds of generated samples count in full.

    With x̃ reconstructions and x_p samples from the prior, as many of the one as of the other::

        discriminator:  E ζ(-D(x)) + E ζ(D(x̃)) + E ζ(D(x_p))
        generator:      E ζ(-D(x̃)) + E ζ(-D(x_p))
    """

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        # The scores of both kinds come together, so that their mean is half the sum of two means.
        return super().discriminator(real_scores, fake_scores) + ops.mean(ops.softplus(fake_scores))

    def generator(self, fake_scores: Tensor, real_scores: Tensor = None) -> Tensor:
        return 2 * super().generator(fake_scores)


@keras.saving.register_keras_serializable("kgan")
class VAEGAN(GAN):
    """Larsen et al. 2016, Autoencoding beyond pixels using a learned similarity metric.

    An encoder says of each image where its code lies: a Gaussian, mean and variance. The generator
    decodes codes drawn from it to reconstructions, and others drawn from the prior to samples. How
    far a reconstruction is from its image is measured in the features of a layer of the
    discriminator, in place of pixels. With x̃ a reconstruction and x_p a sample (algorithm 1)::

        encoder:        L_prior + L_llike
        generator:      γ L_llike + L_GAN's part for x̃ and x_p
        discriminator:  L_GAN, -log D(x) - log(1 - D(x̃)) - log(1 - D(x_p))

        L_prior = KL(N(μ, σ²) ‖ N(0, 1)), summed over the code
        L_llike = ½ ‖D_l(x) - D_l(x̃)‖², a Gaussian of variance 1, summed over the features

    Each player learns by its own alone (section 2.3, "Limiting error signals to relevant
    networks"). Means over the batch of L_llike and of L_prior, in nats, are logged in the encoder's
    turn as `reconstruction` and `prior`; their sum is `e_loss`.

    RMSProp 3e-4 for all three and batches of 64 are those of section 4, and codes of 128 numbers
    those of the authors' code, as are 150 epochs of 250 batches.

    Deviations: the generator's part of L_GAN is the non-saturating one, for the authors' code,
    which has the saturating one, leaves out the turns of a player that is ahead, and this needs no
    such rule. The discriminator has layer normalization where the paper has batch normalization:
    features that are compared must not depend on what else is in the batch. Networks are those of
    `kgan.models.DCGAN`, of the paper's kind but with 4x4 kernels, in sizes that fit the image, with
    the paper's dense layers before the code and before the score, by `width`. Players take their
    turns one after the other, where algorithm 1 finds all gradients first. γ is ours; the paper
    does not tell it.

    Args:
        image_shape: (height, width, channels); see `kgan.models.strided.plan` for what sizes.
        latent_size: length of a code.
        width: channels of the largest feature maps, 64 as in the paper; the dense layers go by it.
            Less is faster.
        gamma: γ, what a likeness in features counts for the generator beside its adversarial loss.
        seed, name: as in `kgan.GAN`.

    Raises:
        InputError: for a size that no doublings of 4 to 7 make, or an option out of its range.

    Attributes:
        examples: images `(n, height, width, channels)` that previews show with their
            reconstructions. `fit` takes the first of its data, validation data first, where that is
            an array or a `tf.data.Dataset`, unless they are set.

    Example:

    ```python
    gan = kgan.models.VAEGAN((28, 28, 1), width=16)
    gan.compile(optimizers={"encoder": keras.optimizers.RMSprop(3e-4)})  # the default
    gan.fit(kgan.data.load("mnist", batch_size=64), epochs=5)
    codes = gan.encode(images)                     # (n, 128), the means
    again = gan.generate(latents=codes)            # gan.reconstruct(images)
    ```
    """

    examples: np.ndarray | None = None

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        latent_size: int = 128,
        width: int = 64,
        gamma: float = 0.001,
        seed: int | None = None,
        name: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
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
                "VAEGAN makes two samples of each real one, a reconstruction and one of the prior, "
                f"and so takes no loss that pairs their scores; got {type(loss).__name__}."
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
        """Says where codes lie, near the prior and such that they can be decoded.

        What it says, mean and log σ², stands in the turn's `real_heads` behind the features.
        """
        mean, log_variance = self.encoder(real, training=True)
        codes = drawn(mean, log_variance, self.next_seed())
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
        # The first half are the reconstructions.
        reconstructed = turn.fake_heads[: ops.shape(real)[0]]
        return loss + self.gamma * unlikeness(turn.real_heads, reconstructed), turn

    def produce(self, real: Tensors, condition: Tensors = None) -> tuple[Any, Any]:
        """Codes of the real samples and as many of the prior, and what is made of both."""
        mean, log_variance = self.encoder(real, training=True)
        codes = drawn(mean, log_variance, self.next_seed())
        codes = ops.concatenate([codes, self.draw(ops.shape(real)[0], self.next_seed())])
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
            features, *said = turn.real_heads
            self.logs.track("reconstruction", unlikeness(features, turn.fake_heads))
            self.logs.track("prior", divergence(*said))

    def encode(self, images: ArrayLike, batch_size: int = 256) -> np.ndarray:
        """The means of images' codes, float32 `(n, latent_size)`.

        Args:
            images: `(n, height, width, channels)`, in the data's range.
            batch_size: images looked at in one go.
        """
        return auxiliary.in_batches(self, images, lambda batch: self.encoder(batch)[0], batch_size)

    def reconstruct(self, images: ArrayLike, batch_size: int = 256) -> np.ndarray:
        """What the generator makes of the means of images' codes, in the data's range.

        Args:
            images: `(n, height, width, channels)`, in the data's range.
            batch_size: images in one go.

        Returns:
            A float32 array of the images' shape, made by the averaged generator where
            `compile(ema=...)` asked for one.
        """
        return auxiliary.in_batches(
            self, images, lambda batch: self.sample(self.encoder(batch)[0]), batch_size
        )

    def fit(self, x: Any = None, y: ArrayLike = None, **kwargs: Any) -> keras.callbacks.History:
        """As `kgan.GAN.fit`; of images at hand it keeps some for previews, see `examples`."""
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
        """Samples, and rows of `examples` above their reconstructions, for callbacks to draw.

        Args:
            count: of the samples, and of the pictures in the second sheet; full rows there.
            seed: of the samples.
        """
        shown = super().preview(count, seed)
        if self.examples is None:
            return shown
        columns = self.preview_columns
        rows = max(1, min(count, 2 * EXAMPLES) // (2 * columns))
        # Where there are fewer they come again, for rows to be full.
        images = np.resize(self.examples, (rows, columns, *self.image_shape))
        again = self.reconstruct(images.reshape(-1, *self.image_shape)).reshape(images.shape)
        pairs = np.stack([images, again], axis=1)
        return shown | {"reconstructions": pairs.reshape(-1, *self.image_shape)}

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "latent_size": self.latents.shape[0],
            "width": self.width,
            "gamma": self.gamma,
            "seed": self.seed,
            "name": self.name,
        }


def drawn(mean: Tensor, log_variance: Tensor, seed: Tensor) -> Tensor:
    """A code of each Gaussian, differentiable in what it is told (section 2.1): μ + σ ε."""
    return mean + ops.exp(log_variance / 2) * random.normal(tf.shape(mean), seed)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """L_prior: KL(N(μ, σ²) ‖ N(0, 1)), summed over the code, mean over the batch, in nats."""
    each = ops.square(mean) + ops.exp(log_variance) - 1 - log_variance
    return ops.mean(ops.sum(each, axis=1)) / 2


def unlikeness(features: Tensor, others: Tensor) -> Tensor:
    """L_llike: -log N(D_l(x); D_l(x̃), 1) without its constant, mean over the batch, in nats."""
    difference = ops.cast(features, "float32") - ops.cast(others, "float32")
    return ops.sum(ops.square(difference)) / ops.cast(2 * ops.shape(features)[0], "float32")


def _dense(x, units, normalization, activation):
    x = layers.Dense(units, use_bias=False, kernel_initializer=strided.weights())(x)
    return activation(normalization(x))


def _encoder(image_shape, latent_size, width):
    """Mean and log σ² of the codes of images."""
    images = keras.Input(image_shape)
    x = layers.Flatten()(strided.features(images, width, strided.batch_normalization))
    x = _dense(x, 16 * width, strided.batch_normalization(), layers.LeakyReLU(negative_slope=0.2))
    said = [
        layers.Dense(latent_size, kernel_initializer=strided.weights(), dtype="float32")(x)
        for _ in range(2)
    ]
    return keras.Model(images, said, name="encoder")


def _generator(image_shape, latent_size, width):
    codes = keras.Input((latent_size,))
    images = strided.generated(codes, image_shape, width, strided.batch_normalization)
    return keras.Model(codes, images, name="generator")


def _discriminator(image_shape, width):
    """Scores, and the features in which images are compared."""
    images = keras.Input(image_shape)
    features = strided.features(images, width, strided.layer_normalization)
    if strided.plan(image_shape).doublings == 1:
        # A first convolution is not normalized, and a variance of 1 means little without a scale.
        features = strided.layer_normalization()(features)
    x = layers.Flatten()(features)
    x = _dense(
        x, 8 * width, layers.LayerNormalization(epsilon=1e-5), layers.LeakyReLU(negative_slope=0.2)
    )
    score = layers.Dense(1, kernel_initializer=strided.weights(), dtype="float32")(x)
    return keras.Model(images, [score, features], name="discriminator")
