"""Residual networks in the manner of SNGAN, which several papers build on."""

import math
from dataclasses import dataclass

import keras
from keras import layers, ops

from kgan.layers import ConditionalBatchNormalization, SelfAttention, SpectralNormalization
from kgan.models.blocks.strided import batch_normalization, plan


@dataclass(frozen=True)
class Parts:
    """The layers that the networks are made of.

    Attributes:
        spectral: whether every kernel is divided by its spectral norm.
        gain: of the 3x3 convolutions of the blocks at the start; all else has 1. Weights are
            uniform, of variance gain² · 2 / (fan-in + fan-out) (Glorot & Bengio 2010).
        classes: how many classes the networks are told apart, or 0.
    """

    spectral: bool
    gain: float = 1.0
    classes: int = 0

    def convolution(self, channels, size, gain=1.0, dtype=None):
        """A convolution that keeps the size of its input."""
        return self._normalized(
            layers.Conv2D(
                channels,
                size,
                padding="same",
                kernel_initializer=_glorot(gain),
                dtype=dtype,
            )
        )

    def dense(self, units, use_bias=True, dtype=None):
        """A dense layer."""
        return self._normalized(
            layers.Dense(units, use_bias=use_bias, kernel_initializer=_glorot(), dtype=dtype)
        )

    def embedding(self, size, dtype=None):
        """A vector for each class."""
        return self._normalized(
            layers.Embedding(self.classes, size, embeddings_initializer=_glorot(), dtype=dtype)
        )

    def batch_normalization(self, x, labels):
        """Conditional where there are labels."""
        if labels is None:
            return batch_normalization()(x)
        return ConditionalBatchNormalization(self.classes)([x, labels])

    def attention(self, x):
        """Self-attention over the places of feature maps."""
        return SelfAttention(spectral_normalization=self.spectral)(x)

    def _normalized(self, layer):
        return SpectralNormalization(layer) if self.spectral else layer


def generator(image_shape, widths, latent_size, parts, attention=None) -> keras.Model:
    """Latents, and labels where there are classes, to images in [-1, 1].

    Miyato et al. 2018, tables 4 to 6: a dense layer to the base, blocks that double it, batch
    normalization, ReLU, a 3x3 convolution and tanh. The normalization within the blocks is
    conditional where there are classes (Miyato & Koyama 2018).

    Args:
        image_shape: (height, width, channels).
        widths: channels of the base and of the maps after each doubling.
        latent_size: length of a latent.
        parts: the layers to make it of.
        attention: height of the maps that get self-attention; None leaves it out.
    """
    to = plan(image_shape)
    latents = keras.Input((latent_size,), name="latents")
    labels = keras.Input((), dtype="int32", name="labels") if parts.classes else None
    x = parts.dense(math.prod(to.base) * widths[0])(latents)
    x = layers.Reshape((*to.base, widths[0]))(x)
    if x.shape[1] == attention:
        x = parts.attention(x)
    for width in widths[1:]:
        x = block_up(x, labels, width, parts)
        if x.shape[1] == attention:
            x = parts.attention(x)
    x = layers.ReLU()(batch_normalization()(x))
    x = parts.convolution(to.channels, 3, dtype="float32")(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(latents if labels is None else [latents, labels], images, name="generator")


def discriminator(image_shape, widths, plain, parts, use_bias=True, attention=None) -> keras.Model:
    """Images, and labels where there are classes, to scores.

    Miyato et al. 2018, tables 4 to 6: blocks that halve the maps, blocks that keep their size,
    ReLU, the sum over all places and a dense layer. Where there are classes, the score is that of
    the projection discriminator (Miyato & Koyama 2018, equation 3)::

        D(x, y) = <embedding(y), φ(x)> + ψ(φ(x)),    φ(x) the sum, ψ the dense layer

    Args:
        image_shape: (height, width, channels).
        widths: channels of the maps after each halving.
        plain: how many blocks of the last width follow.
        parts, attention: as in `generator`.
        use_bias: of the dense layer.
    """
    images = keras.Input(image_shape, name="images")
    labels = keras.Input((), dtype="int32", name="labels") if parts.classes else None
    x = images
    for place, width in enumerate(widths):
        x = block_down(x, width, parts, first=not place)
        if x.shape[1] == attention:
            x = parts.attention(x)
    for _ in range(plain):
        x = block_down(x, widths[-1], parts, halve=False)
    features = ops.sum(layers.ReLU(dtype="float32")(x), axis=(1, 2))
    score = parts.dense(1, use_bias, dtype="float32")(features)
    if labels is None:
        return keras.Model(images, score, name="discriminator")
    direction = parts.embedding(features.shape[-1], dtype="float32")(labels)
    projection = layers.Dot(axes=1, dtype="float32")([features, direction])
    score = layers.Add(dtype="float32")([score, projection])
    return keras.Model([images, labels], score, name="discriminator")


def block_up(x, labels, width, parts):
    """Twice the size by nearest neighbours, and two 3x3 convolutions."""
    y = layers.ReLU()(parts.batch_normalization(x, labels))
    y = parts.convolution(width, 3, parts.gain)(layers.UpSampling2D()(y))
    y = layers.ReLU()(parts.batch_normalization(y, labels))
    y = parts.convolution(width, 3, parts.gain)(y)
    # A 1x1 convolution before the upsampling is one after it, at a quarter of the cost.
    shortcut = layers.UpSampling2D()(parts.convolution(width, 1)(x))
    return layers.Add()([y, shortcut])


def block_down(x, width, parts, first=False, halve=True):
    """Two 3x3 convolutions, then half the size by means of 2x2.

    The first block of a network leaves out the ReLU before its first convolution. A block that
    changes neither size nor width adds its input as it is.
    """
    y = x if first else layers.ReLU()(x)
    y = parts.convolution(width, 3, parts.gain)(y)
    y = parts.convolution(width, 3, parts.gain)(layers.ReLU()(y))
    shortcut = x
    if halve:
        # The mean before a 1x1 convolution is that after it, at a quarter of the cost.
        y, shortcut = layers.AveragePooling2D(2)(y), layers.AveragePooling2D(2)(x)
    if halve or x.shape[-1] != width:
        shortcut = parts.convolution(width, 1)(shortcut)
    return layers.Add()([y, shortcut])


def _glorot(gain=1.0):
    # One object a layer: an initializer draws the same values each time it is called.
    return keras.initializers.VarianceScaling(gain**2, "fan_avg", "uniform")
