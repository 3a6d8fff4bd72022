"""What extractors over images have in common."""

import contextlib
import os
import random
from pathlib import Path

import keras
import numpy as np
from keras import ops

from kgan.errors import InputError

# For messages: what a network of photographs reads, and what there is where it cannot be had.
READS = (
    "it reads images (height, width, channels) with 1 or 3 channels; for anything else choose "
    "extractor='values' or a keras.Model that takes such samples"
)
INSTEAD = (
    "Or take another extractor: 'digits' for handwritten digits, 'cifar10' for small colour "
    "photographs (a stand-in: its figures don't compare with published ones), or any keras.Model."
)


def keras_home() -> Path:
    """The folder of Keras's downloads: `$KERAS_HOME`, else `~/.keras`, else `/tmp/.keras`."""
    home = os.path.expanduser("~")
    home = home if os.access(home, os.W_OK) else "/tmp"
    return Path(os.environ.get("KERAS_HOME") or Path(home, ".keras"))


def unbroken(images, outputs):
    """Outputs `(batch, width)`, NaN for images with NaN or Inf.

    ReLU, pooling and rounding make numbers of them, and a broken generator would look sound.
    """
    finite = ops.all(ops.isfinite(images), axis=(1, 2, 3))
    return ops.where(finite[:, None], outputs, np.nan)


def need_range(name: str, value_range) -> tuple[float, float]:
    """The range, for an extractor that cannot do without.

    Raises:
        InputError: where it is unknown.
    """
    if value_range is None:
        raise InputError(
            f"The extractor {name!r} must know the range of the images. Give the metric "
            "value_range=(low, high), such as (-1, 1); a GAN whose data_range is set tells it."
        )
    return value_range


def need_images(name: str, sample_shape, channels: tuple[int, ...], reads: str) -> None:
    """Refuses samples that are not images with so many channels.

    Args:
        name: of the extractor.
        sample_shape: of one sample.
        channels: numbers of channels it can read.
        reads: what it does read and what to take instead, for the message.

    Raises:
        InputError: where the shape does not fit.
    """
    if len(sample_shape) != 3 or sample_shape[-1] not in channels:
        raise InputError(
            f"The extractor {name!r} cannot read samples of shape {tuple(sample_shape)}: {reads}."
        )


def to_range(samples, given, wanted):
    """Samples brought from one (low, high) range to another."""
    scale = (wanted[1] - wanted[0]) / (given[1] - given[0])
    return (ops.cast(samples, "float32") - given[0]) * scale + wanted[0]


@contextlib.contextmanager
def apart():
    """Layers made here leave the user's random numbers alone and heed no policy of theirs."""
    state, policy = random.getstate(), keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        random.setstate(state)
