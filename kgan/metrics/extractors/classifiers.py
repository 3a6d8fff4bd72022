"""Two small classifiers whose weights are part of kgan: of digits, and of CIFAR-10.

They work offline. `benchmarks/classifiers.py` in the repository trains them.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
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
from kgan.metrics.extractors.shipped import weights_path
from kgan.typing import Range, Shape, Tensor, Tensors


class _Classifier(Extractor):
    """An extractor over a network whose weights are part of kgan.

    Attributes:
        accuracy: the network's accuracy on the test split of its data set, 0 to 1.
    """

    _channels: int
    # What the network reads, for messages.
    _reads: str
    # The largest ratio of the longer side to the shorter one.
    _widest: float
    # Resizes images to the network's input.
    _frame: Callable[[Any], Any]

    def __init__(self) -> None:
        self._range: tuple[float, float] | None = None

    @property
    def accuracy(self) -> float:
        return facts(self.name)["accuracy"]

    def prepare(self, sample_shape: Shape, value_range: Range | None) -> None:
        need_images(self.name, sample_shape, (self._channels,), self._reads)
        height, width = sample_shape[:2]
        if min(height, width) < LEAST_SIDE or max(height, width) > self._widest * min(
            height, width
        ):
            raise InputError(
                f"The extractor {self.name!r} cannot read images of {height}x{width} pixels: it "
                f"needs sides of {LEAST_SIDE} or more, the longer one at most {self._widest} times "
                "the shorter. Resize them, or choose another extractor."
            )
        self._range = need_range(self.name, value_range)
        _shipped(self.name)

    def __call__(self, samples: Tensors) -> Features:
        images = self._frame(to_range(samples, self._range, (0.0, 1.0)))
        features, logits = _shipped(self.name)(images, training=False)
        return Features(propagate_nan(images, features), propagate_nan(images, logits))

    def strangeness(self, found: Features) -> Tensor | None:
        """Returns the mean squared distance of features from the mean of the predicted class.

        The unit is the variance within classes: about 1 for test images of the network's data
        set.
        """
        means, spread = _usual(self.name)
        means = ops.take(means, ops.argmax(found.logits, axis=1), axis=0)
        return ops.mean(ops.square((found.features - means) / spread), axis=1)


@keras.saving.register_keras_serializable("kgan")
class Digits(_Classifier):
    """A classifier of handwritten digits, trained on the 60,000 images of MNIST's training split.

    Features `(batch, 128)`, all at least 0, and logits `(batch, 10)`. It reads grey images of
    light strokes on a dark background: 28x28 pixels as in MNIST, 8x8 as in scikit-learn, and
    other sizes, which are resized. A third of the training images were MNIST's, reduced to look
    like scikit-learn's; none were scikit-learn's own. The classifier may be certain of images
    that show no digit at all: `strangeness` detects them.

    Source of the data: LeCun et al. 1998, Gradient-based learning applied to document
    recognition.
    """

    name = "digits"
    description = "kgan's own classifier of handwritten digits, trained on MNIST"
    _channels = 1
    _widest = 1.5
    _reads = (
        "the digit classifier reads grey images (height, width, 1) of handwritten digits; for "
        "colour images choose extractor='colour' or 'inception'"
    )

    def _frame(self, images):
        return digit_frame(images)


@keras.saving.register_keras_serializable("kgan")
class Cifar10(_Classifier):
    """A classifier of the ten classes of CIFAR-10: a small stand-in for Inception.

    Features `(batch, 128)`, all at least 0, and logits `(batch, 10)`. It reads colour images,
    which are resized to 32x32. It was trained on 10,000 photographs; `accuracy` is its accuracy
    on others. Its `strangeness` hardly detects noise, so look at the samples as well.

    Source of the data: Krizhevsky 2009, Learning multiple layers of features from tiny images.
    """

    name = "cifar10"
    description = "kgan's own classifier of CIFAR-10's photographs, trained on 10,000 of them"
    _channels = 3
    _widest = 4
    _reads = (
        "the CIFAR-10 classifier reads colour images (height, width, 3); for grey images of "
        "handwritten digits choose extractor='digits', for other grey images 'colour'"
    )

    def _frame(self, images):
        return ops.image.resize(images, (32, 32), antialias=True)


def digit_frame(images):
    """Resizes grey images `(batch, h, w, 1)` in [0, 1] to the digit network's `(28, 28, 1)`.

    MNIST's digits fill the middle 20x20 of 28x28 pixels. In images of at most 16 pixels a side the
    digit is assumed to fill the whole image, as in scikit-learn's 8x8: such images are resized to
    20x20 and padded.
    """
    if max(images.shape[1:3]) > 16:
        return ops.image.resize(images, (28, 28), antialias=True)
    middle = ops.image.resize(images, (20, 20))
    return ops.pad(middle, ((0, 0), (4, 4), (4, 4), (0, 0)))


def save(model: keras.Model, path, facts: dict, means, spread) -> None:
    """Writes the weights of a classifier, rounded to float16, with facts about it.

    Args:
        model: a network that `network` returned.
        path: path of the `.npz` file.
        facts: a dictionary for JSON, with "accuracy".
        means: means of the features of each class, `(classes, width)`.
        spread: standard deviations of the features within the classes, `(width,)`.
    """
    shipped.write(path, model, facts, means=means, spread=spread)


def load(name: str, path=None) -> keras.Model:
    """Returns the classifier `name`, from images in [0, 1] to (features, logits).

    Args:
        name: "digits" or "cifar10".
        path: the file of its weights; None takes those of kgan.

    Raises:
        InputError: if the file is missing, damaged, or of another network.
    """
    return shipped.load(path or weights_path(name), functools.partial(network, name))


@functools.cache
def facts(name: str) -> dict:
    """Returns facts about kgan's weights of a classifier: how they were trained, and accuracy."""
    return shipped.read(weights_path(name))["facts"]


@functools.cache
def _usual(name: str):
    """Returns means and spread of the features of the classes."""
    file = shipped.read(weights_path(name))
    # The constant keeps features that hardly vary from dominating the distance.
    return file["means"], file["spread"] + 0.1 * np.median(file["spread"])


_shipped = functools.cache(load)


def network(name: str) -> keras.Model:
    """Returns the untrained classifier `name`, from images in [0, 1] to (features, logits)."""
    return {"digits": _digits, "cifar10": _cifar10}[name]()


def _digits():
    x = inputs = keras.Input((28, 28, 1), dtype="float32")
    x = layers.MaxPooling2D()(_conv(x, 32))
    x = layers.MaxPooling2D()(_conv(_conv(x, 48), 48))
    x = layers.GlobalAveragePooling2D()(_conv(_conv(x, 96), 96))
    x = layers.BatchNormalization()(layers.Dense(128, use_bias=False)(x))
    features = layers.ReLU()(x)
    return keras.Model(inputs, [features, layers.Dense(10)(features)], name="digits")


def _cifar10():
    inputs = keras.Input((32, 32, 3), dtype="float32")
    x = _conv(layers.Rescaling(2.0, -1.0)(inputs), 32)
    x = _block(_block(_block(x, 32, 1), 64, 2), 128, 2)
    features = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, [features, layers.Dense(10)(features)], name="cifar10")


def _block(x, width, strides):
    """A residual block of two convolutions (He et al. 2016)."""
    short = x
    if strides > 1:
        short = layers.Conv2D(width, 1, use_bias=False)(layers.AveragePooling2D(strides)(x))
    x = _conv(x, width, strides)
    x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.Add()([layers.BatchNormalization()(x), short]))


def _conv(x, width, strides=1):
    x = layers.Conv2D(width, 3, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))
