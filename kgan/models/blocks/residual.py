"""Residual networks like those of SNGAN, on which several papers build."""

import math
from dataclasses import dataclass

import keras
from keras import layers, ops

from kgan.layers import ConditionalBatchNormalization, SelfAttention, SpectralNormalization
from kgan.models.blocks.sizes import plan
from kgan.models.blocks.strided import batch_normalization


@dataclass(frozen=True)
class Parts:
    """Makes the layers of the networks.

    Attributes:
        spectral: whether every kernel is divided by its spectral norm.
        gain: scale of the initial weights of the blocks' 3x3 convolutions; other layers have 1.
            Weights are uniform, of variance gain² · 2 / (fan-in + fan-out) (Glorot & Bengio
            2010).
        classes: number of classes that the networks are conditioned on, or 0.
    """

    spectral: bool
    gain: float = 1.0
    classes: int = 0

    def convolution(self, channels, size, gain=1.0, dtype=None):
        """Returns a convolution that keeps the size of its input."""
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
        """Returns a dense layer."""
        return self._normalized(
            layers.Dense(units, use_bias=use_bias, kernel_initializer=_glorot(), dtype=dtype)
        )

    def embedding(self, size, dtype=None):
        """Returns an embedding with a vector for each class."""
        return self._normalized(
            layers.Embedding(self.classes, size, embeddings_initializer=_glorot(), dtype=dtype)
        )

    def batch_normalization(self, x, labels):
        """Applies batch normalization, conditional if there are labels."""
        if labels is None:
            return batch_normalization()(x)
        return ConditionalBatchNormalization(self.classes)([x, labels])

    def attention(self, x):
        """Applies self-attention over the positions of feature maps."""
        return SelfAttention(spectral_normalization=self.spectral)(x)

    def _normalized(self, layer):
        return SpectralNormalization(layer) if self.spectral else layer


def generator(image_shape, widths, latent_size, parts, attention=None) -> keras.Model:
    """Builds a network from latents, and labels if there are classes, to images in [-1, 1].

    Miyato et al. 2018, tables 4 to 6: a dense layer to the base, blocks that double it, batch
    normalization, ReLU, a 3x3 convolution and tanh. The normalization within the blocks is
    conditional if there are classes (Miyato & Koyama 2018).

    Args:
        image_shape: (height, width, channels).
        widths: channels of the base and of the maps after each doubling.
        latent_size: length of a latent.
        parts: makes the layers.
        attention: height of the maps that get self-attention; None leaves it out.
    """
    sizes = plan(image_shape)
    latents = keras.Input((latent_size,), name="latents")
    labels = keras.Input((), dtype="int32", name="labels") if parts.classes else None
    x = parts.dense(math.prod(sizes.base) * widths[0])(latents)
    x = layers.Reshape((*sizes.base, widths[0]))(x)
    if x.shape[1] == attention:
        x = parts.attention(x)
    for width in widths[1:]:
        x = block_up(x, labels, width, parts)
        if x.shape[1] == attention:
            x = parts.attention(x)
    x = layers.ReLU()(batch_normalization()(x))
    x = parts.convolution(sizes.channels, 3, dtype="float32")(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(latents if labels is None else [latents, labels], images, name="generator")


def discriminator(image_shape, widths, plain, parts, use_bias=True, attention=None) -> keras.Model:
    """Builds a network from images, and labels if there are classes, to scores `(batch, 1)`.

    Miyato et al. 2018, tables 4 to 6: blocks that halve the maps, blocks that keep their size,
    ReLU, the sum over all positions and a dense layer. If there are classes, the score is that of
    the projection discriminator (Miyato & Koyama 2018, equation 3)::

        D(x, y) = <embedding(y), φ(x)> + ψ(φ(x)),    φ(x) the sum, ψ the dense layer

    Args:
        image_shape: (height, width, channels).
        widths: channels of the maps after each halving.
        plain: number of further blocks, of the last width, that keep the size.
        parts, attention: as in `generator`.
        use_bias: whether the dense layer has a bias.
    """
    images = keras.Input(image_shape, name="images")
    labels = keras.Input((), dtype="int32", name="labels") if parts.classes else None
    x = images
    for index, width in enumerate(widths):
        x = block_down(x, width, parts, first=index == 0)
        if x.shape[1] == attention:
            x = parts.attention(x)
    for _ in range(plain):
        x = block_down(x, widths[-1], parts, halve=False)
    features = ops.sum(layers.ReLU(dtype="float32")(x), axis=(1, 2))
    score = parts.dense(1, use_bias, dtype="float32")(features)
    if labels is None:
        return keras.Model(images, score, name="discriminator")
    embedding = parts.embedding(features.shape[-1], dtype="float32")(labels)
    projection = layers.Dot(axes=1, dtype="float32")([features, embedding])
    score = layers.Add(dtype="float32")([score, projection])
    return keras.Model([images, labels], score, name="discriminator")


def block_up(x, labels, width, parts):
    """Doubles the size by nearest neighbours and applies two 3x3 convolutions, with a shortcut."""
    y = layers.ReLU()(parts.batch_normalization(x, labels))
    y = parts.convolution(width, 3, parts.gain)(layers.UpSampling2D()(y))
    y = layers.ReLU()(parts.batch_normalization(y, labels))
    y = parts.convolution(width, 3, parts.gain)(y)
    # A 1x1 convolution before the upsampling equals one after it, at a quarter of the cost.
    shortcut = layers.UpSampling2D()(parts.convolution(width, 1)(x))
    return layers.Add()([y, shortcut])


def block_down(x, width, parts, first=False, halve=True):
    """Applies two 3x3 convolutions and halves the size by 2x2 average pooling, with a shortcut.

    The first block of a network leaves out the ReLU before its first convolution. A block that
    changes neither size nor width adds its input as it is.
    """
    y = x if first else layers.ReLU()(x)
    y = parts.convolution(width, 3, parts.gain)(y)
    y = parts.convolution(width, 3, parts.gain)(layers.ReLU()(y))
    shortcut = x
    if halve:
        # A 1x1 convolution after the pooling equals one before it, at a quarter of the cost.
        y, shortcut = layers.AveragePooling2D(2)(y), layers.AveragePooling2D(2)(x)
    if halve or x.shape[-1] != width:
        shortcut = parts.convolution(width, 1)(shortcut)
    return layers.Add()([y, shortcut])


def _glorot(gain=1.0):
    # One object per layer: an initializer draws the same values each time it is called.
    return keras.initializers.VarianceScaling(gain**2, "fan_avg", "uniform")
