"""The conditional GAN of Mirza & Osindero 2014: both players are told the class."""

import math

import keras
from keras import layers, ops

from kgan import checks, latents
from kgan.errors import unknown
from kgan.gan import GAN
from kgan.models import strided

VARIANTS = ("convolutional", "mlp", "paper")


@keras.saving.register_keras_serializable("kgan")
class ConditionalGAN(GAN):
    def __init__(
        self,
        image_shape=(28, 28, 1),
        classes=10,
        variant="convolutional",
        latent_size=100,
        width=32,
        seed=None,
        name=None,
    ):
        if variant not in VARIANTS:
            raise unknown("variant of the conditional GAN", variant, VARIANTS)
        image_shape = strided.checked_image_shape(image_shape)
        latent_size = checks.positive("latent_size", latent_size)
        width = checks.positive("width", width)
        classes = checks.class_count(classes)
        if variant == "convolutional":
            networks = (
                _convolutional_generator(image_shape, classes, latent_size, width),
                _convolutional_discriminator(image_shape, classes, width),
            )
            noise = latents.Normal(latent_size)
        else:
            networks = (
                _generator(image_shape, classes, latent_size),
                _discriminator(image_shape, classes),
            )
            noise = latents.Uniform(latent_size, 0.0, 1.0)
        super().__init__(*networks, latents=noise, classes=classes, seed=seed, name=name)
        self.variant = variant
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.width = width

    batch_size = 100
    needs_labels = True

    def defaults(self):
        if self.variant != "paper":
            return super().defaults()
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 288_000, 1e-5)
        return super().defaults() | {
            "d_optimizer": keras.optimizers.SGD(rate, momentum=0.5),
            "g_optimizer": keras.optimizers.SGD(rate, momentum=0.5),
        }

    def get_config(self):
        return {
            "image_shape": self.image_shape,
            "classes": self.classes,
            "variant": self.variant,
            "latent_size": self.latent_size,
            "width": self.width,
            "seed": self.seed,
            "name": self.name,
        }


def _told(shape, classes):
    inputs = keras.Input(shape)
    label = keras.Input((), dtype="int32")
    return [inputs, label], inputs, ops.one_hot(label, classes)


def _generator(image_shape, classes, latent_size):
    inputs, noise, label = _told((latent_size,), classes)
    hidden = layers.Concatenate()(
        [layers.Dense(200, activation="relu")(noise), layers.Dense(1000, activation="relu")(label)]
    )
    hidden = layers.Dropout(0.5)(hidden)
    hidden = layers.Dense(1200, activation="relu")(hidden)
    hidden = layers.Dropout(0.5)(hidden)
    pixels = layers.Dense(math.prod(image_shape), activation="sigmoid", dtype="float32")(hidden)
    return keras.Model(inputs, layers.Reshape(image_shape)(pixels), name="generator")


def _discriminator(image_shape, classes):
    inputs, image, label = _told(image_shape, classes)
    hidden = layers.Concatenate()([_maxout(layers.Flatten()(image), 240, 5), _maxout(label, 50, 5)])
    hidden = layers.Dropout(0.5)(hidden)
    hidden = _maxout(hidden, 240, 4)
    hidden = layers.Dropout(0.5)(hidden)
    return keras.Model(inputs, layers.Dense(1, dtype="float32")(hidden), name="discriminator")


def _maxout(x, units, pieces):
    x = layers.Dense(units * pieces)(x)
    return ops.max(layers.Reshape((units, pieces))(x), axis=-1)


def _convolutional_generator(image_shape, classes, latent_size, width):
    inputs, noise, label = _told((latent_size,), classes)
    joint = layers.Concatenate()([noise, label])
    images = strided.generated(joint, image_shape, width, strided.batch_normalization)
    return keras.Model(inputs, images, name="generator")


def _convolutional_discriminator(image_shape, classes, width):
    inputs, image, label = _told(image_shape, classes)
    seen = layers.Flatten()(strided.features(image, width, strided.batch_normalization))
    told = layers.Dense(4 * width)(label)
    joint = layers.Dense(4 * width)(layers.Concatenate()([seen, told]))
    joint = layers.LeakyReLU(negative_slope=0.2)(joint)
    return keras.Model(inputs, layers.Dense(1, dtype="float32")(joint), name="discriminator")
