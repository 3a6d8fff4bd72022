"""The conditional GAN of Mirza & Osindero 2014: both players are told the class."""

import math
from typing import Any

import keras
from keras import layers, ops

from kgan import arguments
from kgan.gan import GAN, Recipe
from kgan.latents import Normal, Uniform
from kgan.models.blocks import strided
from kgan.models.blocks.presets import Preset, WithPresets
from kgan.typing import Config

PRESETS = {
    # 20 epochs of MNIST.
    "convolutional": Preset(Recipe(64, 18_740)),
    # As many steps as the paper's learning rate takes to its end.
    "paper": Preset(Recipe(100, 288_000)),
}
# What they were called before.
VARIANTS = PRESETS


@keras.saving.register_keras_serializable("kgan")
class ConditionalGAN(WithPresets, GAN):
    """Mirza & Osindero 2014, Conditional generative adversarial nets.

    The label, as a one-hot vector, goes into both networks: beside the noise in the generator, and
    in the discriminator beside what was seen of the sample, before they meet in a joint layer.

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

    `convolutional` is the default, for it draws digits within minutes. `paper` is slow to begin:
    the authors train for some hundred epochs. What section 4.1 leaves open is as in the code of
    Goodfellow et al. 2014, on which theirs builds: weights uniform in ±0.05 and, in the
    discriminator, ±0.005, and dropout of 0.2 on its image. Momentum stays at 0.5 where theirs
    rises to 0.7, for Keras's SGD has no schedule of it.

    Args:
        image_shape: (height, width, channels). For `convolutional` see `kgan.models.strided.plan`.
        classes: how many classes the data has.
        preset: one of the names above; None means "convolutional".
        latent_size: length of the noise, standard normal or, in `paper`, uniform in [0, 1).
        width: of `convolutional`: channels of the largest feature maps. Less is faster.
        seed, name: as in `kgan.GAN`.
        variant: another word for `preset`.

    Raises:
        InputError: for an unknown preset, or a size that no doublings of 4 to 7 make.

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
    ):
        arguments.seed_and_name(seed, name)
        preset = self.named(preset, variant)
        image_shape = arguments.image_shape(image_shape)
        classes = arguments.classes(classes, needed=True)
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        noise = keras.Input((latent_size,), name="noise")
        image = keras.Input(image_shape, name="image")
        label = keras.Input((), dtype="int32", name="label")
        known = ops.one_hot(label, classes)
        if preset == "paper":
            made, score = _generated(noise, known, image_shape), _score(image, known)
        else:
            told = layers.Concatenate()([noise, _embedded(known, latent_size)])
            made = strided.generated(told, image_shape, width, strided.batch_normalization)
            score = _convolutional_score(image, known, width)
        super().__init__(
            keras.Model([noise, label], made, name="generator"),
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
    batch_size, training_steps = PRESETS[usual].recipe
    needs_labels = True

    @property
    def variant(self) -> str:
        """The name of the preset."""
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
        }


def _dense(x, units, reach, activation=None, dtype=None):
    initializer = keras.initializers.RandomUniform(-reach, reach)
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
    # Of the size of the noise and of what is seen: with smaller weights the label goes unheard for
    # long.
    initializer = keras.initializers.RandomNormal(stddev=1.0)
    return layers.Dense(units, use_bias=False, kernel_initializer=initializer)(label)


def _convolutional_score(image, label, width):
    features = strided.features(image, width, strided.batch_normalization)
    seen = layers.Dense(8 * width, use_bias=False, kernel_initializer=strided.weights())(
        layers.Flatten()(features)
    )
    seen = layers.LeakyReLU(negative_slope=0.2)(strided.batch_normalization()(seen))
    told = layers.LeakyReLU(negative_slope=0.2)(_embedded(label, 8 * width))
    joint = layers.Dense(8 * width)(layers.Concatenate()([seen, told]))
    joint = layers.LeakyReLU(negative_slope=0.2)(joint)
    return layers.Dense(1, kernel_initializer=strided.weights(), dtype="float32")(joint)
