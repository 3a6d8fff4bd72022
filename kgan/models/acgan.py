"""The auxiliary classifier GAN of Odena et al. 2017: the discriminator also names the class."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kgan import arguments
from kgan.gan import GAN
from kgan.latents import Normal
from kgan.models.blocks import auxiliary, strided
from kgan.terms import Term, Turn
from kgan.training.players import Player
from kgan.typing import ArrayLike, Config, Tensor, Tensors


@keras.saving.register_keras_serializable("kgan")
class ACGAN(GAN):
    """Odena et al. 2017, Conditional image synthesis with auxiliary classifier GANs.

    The generator is told the class; the discriminator sees the sample alone and says, beside its
    score, which class it takes it for. Both players want the class to be seen.

    Networks and settings are those of its appendix for CIFAR-10, carried over to other sizes: a
    generator of 384, 192 and 96 channels over 110 numbers, noise and the label's one-hot vector;
    a discriminator of 3x3 convolutions, from 16 channels on twice as many at each, every other one
    of stride 2, with leaky ReLU of slope 0.2, dropout of 0.5 and batch normalization but on the
    first; weights N(0, 0.02); Adam 2e-4 with beta_1 0.5; batches of 100, 50,000 steps. The noise
    on activations that the table lists as another choice is left out. The generator's kernels are
    4x4, which the stride divides, in place of 5x5, as in `kgan.models.DCGAN`.

    Args:
        image_shape: (height, width, channels); see `kgan.models.strided.plan` for what sizes.
        classes: how many classes the data has.
        latent_size: length of the noise.
        width: channels of the generator's last hidden feature map. The others go by it, and the
            discriminator begins with a sixth of it; less is faster.
        dropout: in the discriminator.
        seed, name: as in `kgan.GAN`.

    Raises:
        InputError: for a size that no doublings of 4 to 7 make, or an option out of its range.

    Example:

    ```python
    gan = kgan.models.ACGAN((28, 28, 1), width=48)
    gan.compile()
    gan.fit(kgan.data.load("mnist", batch_size=100), epochs=10)
    threes = gan.generate(16, labels=3)
    gan.classify(threes).argmax(1)  # array([3, 3, ...])
    ```
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        classes: int = 10,
        latent_size: int = 100,
        width: int = 96,
        dropout: float = 0.5,
        seed: int | None = None,
        name: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        image_shape = arguments.image_shape(image_shape)
        classes = arguments.classes(classes, needed=True)
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        dropout = arguments.fraction("dropout", dropout)
        super().__init__(
            _generator(image_shape, classes, latent_size, width),
            _discriminator(image_shape, classes, width, dropout),
            latents=Normal(latent_size),
            classes=classes,
            seed=seed,
            name=name,
        )
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.width = width
        self.dropout = dropout

    batch_size = 100
    training_steps = 50_000
    needs_labels = True
    # Share of real and of generated samples whose class the discriminator names rightly.
    game_logs = ("real_accuracy", "fake_accuracy")

    def game_terms(self) -> list[Term]:
        return [
            auxiliary.Classification(name="d_class", player="discriminator"),
            auxiliary.Classification(name="g_class", player="generator"),
        ]

    def judge(
        self, samples: Tensors, condition: Tensors = None, training: bool = False
    ) -> tuple[Any, Any]:
        scores, logits = self.discriminator(samples, training=training)
        return scores, logits

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        return self.judge(samples, training=training)[0]

    def observe(self, player: Player, loss: Tensor, turn: Turn) -> None:
        super().observe(player, loss, turn)
        if player.name == "discriminator":
            for name, logits in zip(
                self.game_logs, (turn.real_heads, turn.fake_heads), strict=True
            ):
                named = ops.cast(ops.argmax(logits, axis=1), turn.condition.dtype)
                self.logs.track(name, ops.mean(ops.cast(named == turn.condition, "float32")))

    def classify(self, images: ArrayLike, batch_size: int = 256) -> np.ndarray:
        """How probable the discriminator holds each class, for images in the data's range.

        Args:
            images: `(n, height, width, channels)`.
            batch_size: images looked at in one go.

        Returns:
            Probabilities `(n, classes)`, float32.
        """
        return auxiliary.read(self, images, lambda logits: ops.softmax(logits), batch_size)

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "classes": self.classes,
            "latent_size": self.latent_size,
            "width": self.width,
            "dropout": self.dropout,
            "seed": self.seed,
            "name": self.name,
        }


def _generator(image_shape, classes, latent_size, width):
    noise, label = keras.Input((latent_size,)), keras.Input((), dtype="int32")
    told = layers.Concatenate()([noise, ops.one_hot(label, classes)])
    images = strided.generated(told, image_shape, width, strided.batch_normalization)
    return keras.Model([noise, label], images, name="generator")


def _discriminator(image_shape, classes, width, dropout):
    x = images = keras.Input(image_shape)
    channels = max(1, width // 6)
    for place in range(2 * strided.plan(image_shape).doublings):
        x = layers.Conv2D(
            channels * 2**place,
            3,
            strides=1 if place % 2 else 2,
            padding="same",
            use_bias=place == 0,
            kernel_initializer=strided.weights(),
        )(x)
        if place:
            x = strided.batch_normalization()(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        x = layers.Dropout(dropout)(x)
    x = layers.Flatten()(x)
    score = layers.Dense(1, kernel_initializer=strided.weights(), dtype="float32")(x)
    logits = layers.Dense(classes, kernel_initializer=strided.weights(), dtype="float32")(x)
    return keras.Model(images, [score, logits], name="discriminator")
