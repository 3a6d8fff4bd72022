"""Strided convolutional networks like those of DCGAN, on which several papers build."""

from collections.abc import Callable

import keras
from keras import layers

from kgan.models.blocks.sizes import plan


def generated(
    latents,
    image_shape,
    width: int,
    normalization: Callable[[], keras.layers.Layer] | None,
    output: str = "tanh",
    initializer: Callable[[], keras.initializers.Initializer] | None = None,
):
    """Maps a tensor `(batch, n)` to images: a dense layer to the base, transposed convolutions.

    Radford et al. 2016, section 3: 4x4 kernels of stride 2 in place of pooling, ReLU, no hidden
    dense layer. The base has `width` · 2^(doublings - 1) channels, which halve at each doubling.

    Args:
        latents: a symbolic tensor `(batch, n)`.
        image_shape: (height, width, channels).
        width: channels of the last hidden feature map.
        normalization: returns the layer after each convolution but the last; None leaves it out.
        output: activation of the last layer, which sets the range of the images.
        initializer: returns a kernel initializer; by default N(0, 0.02), as in section 4.

    Returns:
        A symbolic tensor `(batch, height, width, channels)`.
    """
    sizes = plan(image_shape)
    initializer = initializer or weights
    channels = width * 2 ** (sizes.doublings - 1)
    x = layers.Dense(
        sizes.base[0] * sizes.base[1] * channels,
        use_bias=normalization is None,
        kernel_initializer=initializer(),
    )(latents)
    x = layers.Reshape((*sizes.base, channels))(x)
    for _ in range(sizes.doublings - 1):
        x = _active(x, normalization, layers.ReLU())
        channels //= 2
        x = layers.Conv2DTranspose(
            channels,
            4,
            strides=2,
            padding="same",
            use_bias=normalization is None,
            kernel_initializer=initializer(),
        )(x)
    x = _active(x, normalization, layers.ReLU())
    return layers.Conv2DTranspose(
        sizes.channels,
        4,
        strides=2,
        padding="same",
        activation=output,
        dtype="float32",
        kernel_initializer=initializer(),
    )(x)


def features(
    images,
    width: int,
    normalization: Callable[[], keras.layers.Layer] | None,
    initializer: Callable[[], keras.initializers.Initializer] | None = None,
    dropout: float = 0.0,
):
    """Maps images to feature maps of the base's size, by 4x4 convolutions of stride 2.

    Radford et al. 2016, section 3: leaky ReLU of slope 0.2; no normalization on the first layer.

    Args:
        images: a symbolic tensor `(batch, height, width, channels)`.
        width: channels after the first convolution; they double at each further one.
        normalization, initializer: as in `generated`.
        dropout: rate of the dropout after each activation; 0 leaves it out.

    Returns:
        A symbolic tensor `(batch, *base, channels)`.
    """
    initializer = initializer or weights
    x = images
    for level in range(plan(images.shape[1:]).doublings):
        norm = normalization if level else None
        x = layers.Conv2D(
            width * 2**level,
            4,
            strides=2,
            padding="same",
            use_bias=norm is None,
            kernel_initializer=initializer(),
        )(x)
        x = _active(x, norm, layers.LeakyReLU(negative_slope=0.2))
        if dropout:
            x = layers.Dropout(dropout)(x)
    return x


def score(features):
    """Maps feature maps to a raw score `(batch, 1)`: flattened, and a dense layer (section 3)."""
    x = layers.Flatten()(features)
    return layers.Dense(1, kernel_initializer=weights(), dtype="float32")(x)


def weights() -> keras.initializers.Initializer:
    """Returns a new initializer N(0, 0.02) (Radford et al. 2016, section 4)."""
    return keras.initializers.RandomNormal(stddev=0.02)


def batch_normalization() -> keras.layers.Layer:
    """Returns batch normalization whose moving averages adapt within a few dozen steps."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


def layer_normalization() -> keras.layers.Layer:
    """Returns layer normalization over a whole sample, with a gain and a bias for each channel.

    A sample does not depend on the rest of the batch (Ba et al. 2016, section 3).
    """
    return layers.GroupNormalization(groups=1, epsilon=1e-5)


def _active(x, normalization, activation):
    if normalization is not None:
        x = normalization()(x)
    return activation(x)
