"""The auxiliary classifier GAN of Odena et al. 2017: the discriminator also predicts the class."""

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

    The generator is conditioned on the class. The discriminator takes the sample alone and returns
    its score and the logits of its class. Both players minimise the cross-entropy of the class.

    Networks and settings are those of its appendix for CIFAR-10, adapted to other sizes: a
    generator of 384, 192 and 96 channels over 110 numbers, noise and the label's one-hot vector;
    a discriminator of 3x3 convolutions, whose channels start at 16 and double at each, every other
    one of stride 2, with leaky ReLU of slope 0.2, dropout of 0.5 and, except on the first, batch
    normalization; weights N(0, 0.02); Adam 2e-4 with beta_1 0.5; batches of 100, 50,000 steps. The
    optional activation noise of the paper's table is left out. The generator's kernels are 4x4,
    which the stride divides, rather than 5x5, as in `kgan.models.DCGAN`.

    Args:
        image_shape: (height, width, channels); see `kgan.models.blocks.sizes.plan` for the sizes.
        classes: number of classes in the data.
        latent_size: length of the noise.
        width: channels of the generator's last hidden feature map. Other layers scale with it, and
            the discriminator starts with a sixth of it; less is faster.
        dropout: rate of the discriminator's dropout.
        seed, name: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, or an option
            out of its range.

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
        precision: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
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

    synchronized = True
    batch_size = 100
    training_steps = 50_000
    needs_labels = True
    # The accuracy of the discriminator's classes on real and on generated samples.
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
                predicted = ops.cast(ops.argmax(logits, axis=1), turn.condition.dtype)
                correct = ops.cast(predicted == turn.condition, "float32")
                self.logs.track(name, ops.mean(correct))

    def classify(self, images: ArrayLike, batch_size: int = 256) -> np.ndarray:
        """Returns the class probabilities that the discriminator predicts for images.

        Args:
            images: `(n, height, width, channels)`, in the data's range.
            batch_size: number of images in a batch.

        Returns:
            Probabilities `(n, classes)`, float32.

        Raises:
            InputError: for images of another shape, or no images.
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
        } | self._shared_config()


def _generator(image_shape, classes, latent_size, width):
    noise, label = keras.Input((latent_size,)), keras.Input((), dtype="int32")
    latents = layers.Concatenate()([noise, ops.one_hot(label, classes)])
    images = strided.generated(latents, image_shape, width, strided.batch_normalization)
    return keras.Model([noise, label], images, name="generator")


def _discriminator(image_shape, classes, width, dropout):
    x = images = keras.Input(image_shape)
    channels = max(1, width // 6)
    for index in range(2 * strided.plan(image_shape).doublings):
        x = layers.Conv2D(
            channels * 2**index,
            3,
            strides=1 if index % 2 else 2,
            padding="same",
            use_bias=index == 0,
            kernel_initializer=strided.weights(),
        )(x)
        if index:
            x = strided.batch_normalization()(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        x = layers.Dropout(dropout)(x)
    x = layers.Flatten()(x)
    score = layers.Dense(1, kernel_initializer=strided.weights(), dtype="float32")(x)
    logits = layers.Dense(classes, kernel_initializer=strided.weights(), dtype="float32")(x)
    return keras.Model(images, [score, logits], name="discriminator")
