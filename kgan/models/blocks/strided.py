"""Strided convolutional networks like those of DCGAN, on which several papers build."""

import inspect
from collections.abc import Callable

import keras
from keras import layers

from kgan.models.blocks.sizes import halved, plan
from kgan.typing import Config


def generated(
    latents,
    image_shape,
    width: int,
    normalization: Callable[[], keras.layers.Layer] | None,
    output: str = "tanh",
    initializer: Callable[[], keras.initializers.Initializer] | None = None,
    halvings: int | None = None,
):
    """Maps a tensor `(batch, n)` to images: a dense layer to the base, transposed convolutions.

    Radford et al. 2016, section 3: 4x4 kernels of stride 2 in place of pooling, ReLU, no hidden
    dense layer. The base has `width` · 2^(halvings - 1) channels, which halve at each doubling.
    Where a map of 4 pixels would grow to 8 and the image needs 7, the last row and column go, as
    in the code of Gulrajani et al. 2017 for MNIST.

    Args:
        latents: a symbolic tensor `(batch, n)`.
        image_shape: (height, width, channels).
        width: channels of the last hidden feature map.
        normalization: returns the layer after each convolution but the last; None leaves it out.
        output: activation of the last layer, which sets the range of the images.
        initializer: returns a kernel initializer; by default N(0, 0.02), as in section 4.
        halvings: how much smaller the base is than the image; None takes `plan`'s doublings.

    Returns:
        A symbolic tensor `(batch, height, width, channels)`.
    """
    sizes = plan(image_shape)
    initializer = initializer or weights
    steps = halved(image_shape, sizes.doublings if halvings is None else halvings)
    channels = width * 2 ** (len(steps) - 2)
    base = steps[-1]
    x = layers.Dense(
        base[0] * base[1] * channels,
        use_bias=normalization is None,
        kernel_initializer=initializer(),
    )(latents)
    x = layers.Reshape((*base, channels))(x)
    for size in reversed(steps[1:-1]):
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
        over = [made - wanted for made, wanted in zip(x.shape[1:3], size, strict=True)]
        if any(over):
            x = layers.Cropping2D([(0, side) for side in over])(x)
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
    halvings: int | None = None,
):
    """Maps images to small feature maps, by 4x4 convolutions of stride 2.

    Radford et al. 2016, section 3: leaky ReLU of slope 0.2; no normalization on the first layer.

    Args:
        images: a symbolic tensor `(batch, height, width, channels)`.
        width: channels after the first convolution; they double at each further one.
        normalization, initializer: as in `generated`.
        dropout: rate of the dropout after each activation; 0 leaves it out.
        halvings: number of convolutions; None takes `plan`'s doublings.

    Returns:
        A symbolic tensor `(batch, *base, channels)`.
    """
    initializer = initializer or weights
    x = images
    levels = plan(images.shape[1:]).doublings if halvings is None else halvings
    for level in range(levels):
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


def former_halvings(family: type[keras.Model], config: Config) -> dict[str, int]:
    """Returns the number of halvings that a model's config stands for, as an option.

    Before there was a choice there were as many as `plan`'s doublings, and no word of it. A family
    whose own constructor takes no such option gets none.
    """
    takes = inspect.signature(family.__init__).parameters.values()
    known = any(each.name == "halvings" or each.kind is each.VAR_KEYWORD for each in takes)
    shape = config.get("image_shape", ())
    if not known or len(shape) == 1 or not {"halvings", "image_shape"} & config.keys():
        return {}
    return {"halvings": config["halvings"] if "halvings" in config else plan(shape).doublings}


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
