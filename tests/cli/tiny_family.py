"""A small conditional family, for the catalogue of the tests."""

import math

import keras
from keras import layers, ops

import kgan
from kgan.models import Family

TINY = Family("tiny", "TinyConditional", "tiny_family", "Nobody", "labelled images")


@keras.saving.register_keras_serializable("test")
class TinyConditional(kgan.GAN):
    batch_size = 100
    training_steps = 4
    needs_labels = True

    def __init__(self, image_shape, classes=10, width=8, seed=None, name=None):
        pixels = math.prod(image_shape)
        latents, labels = keras.Input((4,)), keras.Input((), dtype="int32")
        told = layers.Concatenate()([latents, ops.one_hot(labels, classes)])
        drawn = layers.Dense(pixels, "tanh")(layers.Dense(width, "relu")(told))
        generator = keras.Model([latents, labels], layers.Reshape(image_shape)(drawn))
        images, labels = keras.Input(image_shape), keras.Input((), dtype="int32")
        seen = layers.Dense(width, "relu")(layers.Flatten()(images))
        told = layers.Concatenate()([seen, ops.one_hot(labels, classes)])
        discriminator = keras.Model([images, labels], layers.Dense(1)(told))
        super().__init__(generator, discriminator, classes=classes, seed=seed, name=name)
        self.arguments = {"image_shape": image_shape, "classes": classes, "width": width}

    def get_config(self):
        return {**self.arguments, "seed": self.seed, "name": self.name}
