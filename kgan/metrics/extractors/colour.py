"""A small network for pictures of any content, whose weights are part of kgan.

It works offline. `benchmarks/colour.py` in the repository trains it, and
`benchmarks/corruptions.py` judges it.
"""

import functools

import keras
from keras import layers, ops

from kgan.errors import InputError
from kgan.metrics.extractors import shipped
from kgan.metrics.extractors.base import Extractor, Features
from kgan.metrics.extractors.images import (
    LEAST_SIDE,
    need_images,
    need_range,
    propagate_nan,
    to_range,
)
from kgan.typing import Range, Shape, Tensors

# Height and width of the network's input, and the number of its features.
SIDE = 64
WIDTH = 128


@keras.saving.register_keras_serializable("kgan")
class Colour(Extractor):
    """Features of pictures of any content, from a small network that needs no download.

    Features `(batch, 128)`, without class scores. Pictures of any size from 8 pixels a side are
    resized to 64x64 (bilinear, antialiased; another proportion is squeezed), so that detail finer
    than a 64th of the side is not seen. Colour pictures are read as they are, grey ones as three
    equal channels, and those with alpha are laid on white.

    It was trained on 10,000 photographs of CIFAR-10, squares cut out of 80 photographs of BSD100,
    1,715 emoji and coloured noise: to find which two views show the same picture (Chen et al. 2020,
    A simple framework for contrastive learning of visual representations), where blurred, noisy and
    tinted copies count as other pictures, and to name the classes of CIFAR-10. It is no Inception:
    figures do not compare with published ones, and it knows textures and colours better than
    objects. docs/extractors.md has its trials.
    """

    name = "colour"
    description = "kgan's own network for pictures of any content; needs no download"

    def __init__(self) -> None:
        self._range: tuple[float, float] | None = None

    def prepare(self, sample_shape: Shape, value_range: Range | None) -> None:
        need_images(
            self.name,
            sample_shape,
            (1, 3, 4),
            "it reads pictures (height, width, channels) that are grey, in colour, or in colour "
            "with alpha; for anything else choose extractor='values' or a keras.Model that takes "
            "such samples",
        )
        height, width = sample_shape[:2]
        if min(height, width) < LEAST_SIDE:
            raise InputError(
                f"The extractor {self.name!r} cannot read pictures of {height}x{width} pixels: it "
                f"needs sides of {LEAST_SIDE} or more. Resize them, or choose extractor='values'."
            )
        self._range = need_range(self.name, value_range)
        _shipped()

    def __call__(self, samples: Tensors) -> Features:
        images = to_range(samples, self._range, (0.0, 1.0))
        found = _shipped()(frame(in_colour(images)), training=False)
        return Features(propagate_nan(images, found))


def in_colour(images):
    """Returns images `(batch, height, width, 1, 3 or 4)` in [0, 1] with three channels.

    Grey is repeated; colours with alpha are laid on white.
    """
    channels = images.shape[-1]
    if channels == 1:
        return ops.repeat(images, 3, axis=-1)
    if channels == 4:
        alpha = images[..., 3:]
        return images[..., :3] * alpha + (1.0 - alpha)
    return images


def frame(images):
    """Resizes images `(batch, height, width, 3)` to the network's 64x64: bilinear, antialiased."""
    if tuple(images.shape[1:3]) == (SIDE, SIDE):
        return images
    return ops.image.resize(images, (SIDE, SIDE), antialias=True)


def load(path=None) -> keras.Model:
    """Returns the trained network.

    Args:
        path: the file of its weights; None takes those of kgan.

    Raises:
        InputError: if the file is missing, damaged, or of another network.
    """
    return shipped.load(path or shipped.weights_path("colour"), network)


def facts() -> dict:
    """Returns facts about kgan's weights: how they were trained, and on what."""
    return shipped.read(shipped.weights_path("colour"))["facts"]


_shipped = functools.cache(load)


def network() -> keras.Model:
    """Returns the untrained network, from images `(batch, 64, 64, 3)` in [0, 1] to features.

    Features `(batch, 128)` are a linear function of the means over the picture of the outputs of
    three stages, so that fine texture counts as well as content. Over the training pictures each
    has mean 0 and variance 1.
    """
    inputs = keras.Input((SIDE, SIDE, 3), dtype="float32")
    x = layers.Rescaling(2.0, -1.0)(inputs)
    x = _conv(x, 24, kernel=5, strides=2)
    stages = []
    for width, strides in ((48, 2), (96, 2), (192, 2)):
        x = _block(x, width, strides)
        stages.append(layers.GlobalAveragePooling2D()(x))
    x = layers.Dense(WIDTH, use_bias=False)(layers.Concatenate()(stages))
    features = layers.BatchNormalization(center=False, scale=False, momentum=0.98)(x)
    return keras.Model(inputs, features, name="colour")


def _block(x, width, strides):
    """A residual block of two convolutions (He et al. 2016)."""
    short = layers.AveragePooling2D(strides)(x)
    short = layers.Conv2D(width, 1, use_bias=False)(short)
    x = _conv(x, width, strides=strides)
    x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.ReLU()(layers.Add()([x, short]))


def _conv(x, width, kernel=3, strides=1):
    x = layers.Conv2D(width, kernel, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))
