"""The conditional GAN of Mirza & Osindero 2014: both networks are conditioned on the class."""

import math
from typing import Any

import keras
from keras import layers, ops

from kgan import arguments
from kgan.game import Recipe
from kgan.gan import GAN
from kgan.latents import Normal, Uniform
from kgan.models.blocks import strided
from kgan.models.blocks.presets import Preset, WithPresets
from kgan.typing import Config

PRESETS = {
    # 20 epochs of MNIST.
    "convolutional": Preset(Recipe(64, 18_740)),
    # The steps after which the paper's learning rate reaches its last value.
    "paper": Preset(Recipe(100, 288_000)),
}
# The former name of the presets.
VARIANTS = PRESETS


@keras.saving.register_keras_serializable("kgan")
class ConditionalGAN(WithPresets, GAN):
    """Mirza & Osindero 2014, Conditional generative adversarial nets.

    Both networks take the label as a one-hot vector: the generator beside the noise, and the
    discriminator beside the features of the sample, with which a joint layer combines it.

    ==============  =================================================  ========================
    preset          networks                                           training
    ==============  =================================================  ========================
    convolutional   those of DCGAN, with a dense layer for the label;  Adam 2e-4, beta_1 0.5;
                    in the discriminator one for the features, too,    batch 64
                    and a joint one
    paper           section 4.1, for MNIST: noise to 200 and label to  SGD 0.1, which decays
                    1,000 ReLU units, joint 1,200, sigmoid; image to   by 1.00004 a step,
                    240 maxout units of 5 pieces and label to 50 of    momentum 0.5; batch 100
                    5, joint 240 of 4; dropout 0.5 in both
    ==============  =================================================  ========================

    `convolutional` is the default, because it learns to draw digits within minutes. `paper` is
    slow at first: the authors train for some hundred epochs. Settings that section 4.1 leaves open
    are those of the code of Goodfellow et al. 2014, on which the authors' code builds: weights
    uniform in ±0.05 and, in the discriminator, ±0.005, and dropout of 0.2 on its image. Momentum
    stays at 0.5, while theirs rises to 0.7, because Keras's SGD has no schedule for it.

    Args:
        image_shape: (height, width, channels). For `convolutional` see
            `kgan.models.blocks.sizes.plan`.
        classes: number of classes in the data.
        preset: one of the names above; None means "convolutional".
        latent_size: length of the noise, standard normal or, in `paper`, uniform in [0, 1).
        width: channels of the largest feature maps of `convolutional`. Less is faster.
        seed, name: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.
        variant: former name of `preset`.

    Raises:
        InputError: for an unknown preset, an option out of its range, or, for `convolutional`, a
            size that cannot be made by doubling a base of 4 to 7 pixels.

    Example:

    ```python
    gan = kgan.models.ConditionalGAN((28, 28, 1), classes=10)
    gan.compile()
    gan.fit(kgan.data.load("mnist", batch_size=gan.batch_size), epochs=10)
    sevens = gan.generate(16, labels=7)
    ```
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        classes: int = 10,
        preset: str | None = None,
        latent_size: int = 100,
        width: int = 32,
        seed: int | None = None,
        name: str | None = None,
        variant: str | None = None,
        precision: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
        preset = self.named(preset, variant)
        image_shape = arguments.image_shape(image_shape)
        classes = arguments.classes(classes, needed=True)
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        noise = keras.Input((latent_size,), name="noise")
        image = keras.Input(image_shape, name="image")
        label = keras.Input((), dtype="int32", name="label")
        one_hot = ops.one_hot(label, classes)
        if preset == "paper":
            fake, score = _generated(noise, one_hot, image_shape), _score(image, one_hot)
        else:
            latents = layers.Concatenate()([noise, _embedded(one_hot, latent_size)])
            fake = strided.generated(latents, image_shape, width, strided.batch_normalization)
            score = _convolutional_score(image, one_hot, width)
        super().__init__(
            keras.Model([noise, label], fake, name="generator"),
            keras.Model([image, label], score, name="discriminator"),
            latents=Uniform(latent_size, 0, 1) if preset == "paper" else Normal(latent_size),
            classes=classes,
            seed=seed,
            name=name,
        )
        self.preset = preset
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.width = width
        self.train_as(PRESETS[preset])

    presets, usual = PRESETS, "convolutional"
    synchronized = True
    batch_size, training_steps = PRESETS[usual].recipe
    needs_labels = True

    @property
    def variant(self) -> str:
        """The name of the preset, under the argument's former name."""
        return self.preset

    def defaults(self) -> dict[str, Any]:
        if self.preset != "paper":
            return super().defaults()
        # 1.00004^288,000 = 10^5: from 0.1 to the paper's last rate of 10^-6.
        steps = PRESETS["paper"].steps
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, steps, 1e-5)
        return super().defaults() | {
            "d_optimizer": keras.optimizers.SGD(rate, momentum=0.5),
            "g_optimizer": keras.optimizers.SGD(rate, momentum=0.5),
        }

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "classes": self.classes,
            "preset": self.preset,
            "latent_size": self.latent_size,
            "width": self.width,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()


def _dense(x, units, bound, activation=None, dtype=None):
    initializer = keras.initializers.RandomUniform(-bound, bound)
    return layers.Dense(units, activation, kernel_initializer=initializer, dtype=dtype)(x)


def _generated(noise, label, image_shape):
    hidden = [_dense(noise, 200, 0.05, "relu"), _dense(label, 1000, 0.05, "relu")]
    hidden = layers.Dropout(0.5)(layers.Concatenate()(hidden))
    hidden = layers.Dropout(0.5)(_dense(hidden, 1200, 0.05, "relu"))
    pixels = _dense(hidden, math.prod(image_shape), 0.05, "sigmoid", dtype="float32")
    return layers.Reshape(image_shape)(pixels)


def _score(image, label):
    image = layers.Dropout(0.2)(layers.Flatten()(image))
    hidden = layers.Concatenate()([_maxout(image, 240, 5), _maxout(label, 50, 5)])
    hidden = _maxout(layers.Dropout(0.5)(hidden), 240, 4)
    return _dense(layers.Dropout(0.5)(hidden), 1, 0.005, dtype="float32")


def _maxout(x, units, pieces):
    x = layers.Reshape((units, pieces))(_dense(x, units * pieces, 0.005))
    return ops.max(x, axis=-1)


def _embedded(label, units):
    # Unit variance, like the noise and the image's features: with smaller weights the networks
    # ignore the label for a long time.
    initializer = keras.initializers.RandomNormal(stddev=1.0)
    return layers.Dense(units, use_bias=False, kernel_initializer=initializer)(label)


def _convolutional_score(image, label, width):
    features = strided.features(image, width, strided.batch_normalization)
    features = layers.Dense(8 * width, use_bias=False, kernel_initializer=strided.weights())(
        layers.Flatten()(features)
    )
    features = layers.LeakyReLU(negative_slope=0.2)(strided.batch_normalization()(features))
    embedding = layers.LeakyReLU(negative_slope=0.2)(_embedded(label, 8 * width))
    joint = layers.Dense(8 * width)(layers.Concatenate()([features, embedding]))
    joint = layers.LeakyReLU(negative_slope=0.2)(joint)
    return layers.Dense(1, kernel_initializer=strided.weights(), dtype="float32")(joint)
