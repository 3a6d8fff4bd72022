"""Networks from images to images, and discriminators of patches (Isola et al., Zhu et al. 2017)."""

import keras
from keras import layers

from kgan.layers import ReflectionPadding2D


def weights():
    """Returns the initializer N(0, 0.02), as in both papers."""
    return keras.initializers.RandomNormal(stddev=0.02)


def normalization():
    """Returns instance normalization (Ulyanov et al. 2016): a group for every channel."""
    return layers.GroupNormalization(groups=-1, epsilon=1e-5)


def halvings(height: int, width: int, most: int = 8) -> int:
    """Returns how often both sides can be halved, at most `most` times."""
    count = 0
    while count < most and height % 2 == width % 2 == 0:
        height, width, count = height // 2, width // 2, count + 1
    return count


def unet(channels: int, output_channels: int, width: int, depth: int) -> keras.Model:
    """Builds the U-Net of Isola et al. 2017, appendix 6.1.1: C64-C128-...-C512, mirrored.

    Skip connections join levels of equal size. The output is in [-1, 1].

    Args:
        channels, output_channels: channels of the input and the output images.
        width: channels of the first level; they double up to 8 times as many.
        depth: how often the image is halved; the sides of an input are multiples of 2^depth.
    """
    x = images = keras.Input((None, None, channels))
    skips = []
    for level in range(depth):
        if level:
            x = layers.LeakyReLU(negative_slope=0.2)(x)
        x = layers.Conv2D(width * 2 ** min(level, 3), 4, 2, "same", kernel_initializer=weights())(x)
        # The innermost level may have one pixel per channel, which has no variance.
        if 0 < level < depth - 1:
            x = normalization()(x)
        skips.append(x)
    skips.pop()
    for level in reversed(range(depth)):
        x = layers.ReLU()(x)
        last = level == 0
        filters = output_channels if last else width * 2 ** min(level - 1, 3)
        x = layers.Conv2DTranspose(filters, 4, 2, "same", kernel_initializer=weights())(x)
        if last:
            break
        x = normalization()(x)
        if depth >= 7 and level >= depth - 3:
            # The only noise of the model (section 3.2).
            x = layers.Dropout(0.5)(x)
        x = layers.Concatenate()([x, skips.pop()])
    return keras.Model(images, layers.Activation("tanh", dtype="float32")(x))


def resnet(channels: int, output_channels: int, width: int, blocks: int) -> keras.Model:
    """Builds the generator of Zhu et al. 2017, appendix 7.2.

    Its layers are c7s1-64, d128, d256, R256, ..., u128, u64, c7s1-3; the output is in [-1, 1].

    Args:
        channels, output_channels: channels of the input and the output images.
        width: channels of the first layer.
        blocks: residual blocks; 6 for 128x128, 9 for 256x256 and more.
    """

    def convolution(x, filters, size, strides=1):
        x = layers.Conv2D(
            filters,
            size,
            strides,
            padding="valid" if strides == 1 else "same",
            kernel_initializer=weights(),
        )(x)
        return normalization()(x)

    x = images = keras.Input((None, None, channels))
    x = layers.ReLU()(convolution(ReflectionPadding2D(3)(x), width, 7))
    for filters in (2 * width, 4 * width):
        x = layers.ReLU()(convolution(x, filters, 3, 2))
    for _ in range(blocks):
        y = layers.ReLU()(convolution(ReflectionPadding2D(1)(x), 4 * width, 3))
        y = convolution(ReflectionPadding2D(1)(y), 4 * width, 3)
        x = layers.Add()([x, y])
    for filters in (2 * width, width):
        x = layers.Conv2DTranspose(filters, 3, 2, "same", kernel_initializer=weights())(x)
        x = layers.ReLU()(normalization()(x))
    x = ReflectionPadding2D(3)(x)
    x = layers.Conv2D(output_channels, 7, kernel_initializer=weights())(x)
    return keras.Model(images, layers.Activation("tanh", dtype="float32")(x))


def patch_scores(x, width: int, depth: int):
    """Returns scores of overlapping patches, `(batch, height, width, 1)`: C64-C128-C256-C512.

    Args:
        x: images `(batch, height, width, channels)`, or several concatenated along the channels.
        width: channels of the first layer; they double up to 8 times as many.
        depth: layers of stride 2: 3 for patches of 70x70 pixels, 2 for 34x34, 1 for 16x16.
    """
    for level in range(depth + 1):
        strides = 2 if level < depth else 1
        filters = width * 2 ** min(level, 3)
        x = layers.Conv2D(filters, 4, strides, "same", kernel_initializer=weights())(x)
        if level:
            x = normalization()(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    return layers.Conv2D(1, 4, padding="same", kernel_initializer=weights(), dtype="float32")(x)


def patch_depth(height: int, width: int) -> int:
    """Returns a `depth` of `patch_scores` for an image size: the papers' 3 from 128 pixels on."""
    side = min(height, width)
    return 3 if side >= 128 else 2 if side >= 64 else 1
