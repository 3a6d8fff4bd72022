"""Functions that extractors over images share."""

import contextlib
import os
import random
from pathlib import Path

import keras
import numpy as np
from keras import ops

from kgan.errors import InputError

# Images with fewer pixels a side show nothing that kgan's own networks recognise.
LEAST_SIDE = 8

# For messages: what networks trained on photographs read, and what to use in their place.
READS = (
    "it reads images (height, width, channels) with 1 or 3 channels; for anything else choose "
    "extractor='values' or a keras.Model that takes such samples"
)
ALTERNATIVES = (
    "Or take another extractor: 'digits' for handwritten digits, 'colour' for other pictures (a "
    "stand-in: its figures don't compare with published ones), or any keras.Model."
)


def keras_home() -> Path:
    """Returns the folder of Keras's files: `$KERAS_HOME`, else `~/.keras`, else `/tmp/.keras`."""
    home = os.path.expanduser("~")
    home = home if os.access(home, os.W_OK) else "/tmp"
    return Path(os.environ.get("KERAS_HOME") or Path(home, ".keras"))


def propagate_nan(images, outputs):
    """Returns outputs `(batch, width)` with NaN for images that hold NaN or Inf.

    ReLU, pooling and rounding can turn NaN into numbers, which would hide a diverged generator.
    """
    finite = ops.all(ops.isfinite(images), axis=(1, 2, 3))
    return ops.where(finite[:, None], outputs, np.nan)


def need_range(name: str, value_range) -> tuple[float, float]:
    """Returns the range, for an extractor that needs one.

    Raises:
        InputError: if it is None.
    """
    if value_range is None:
        raise InputError(
            f"The extractor {name!r} must know the range of the images. Give the metric "
            "value_range=(low, high), such as (-1, 1); a GAN whose data_range is set tells it."
        )
    return value_range


def need_images(name: str, sample_shape, channels: tuple[int, ...], reads: str) -> None:
    """Checks that samples are images that an extractor can read.

    Args:
        name: name of the extractor.
        sample_shape: shape of one sample.
        channels: the numbers of channels that the extractor can read.
        reads: what the extractor reads and what to use instead, for the message.

    Raises:
        InputError: if samples are not images, or have another number of channels.
    """
    if len(sample_shape) != 3 or sample_shape[-1] not in channels:
        raise InputError(
            f"The extractor {name!r} cannot read samples of shape {tuple(sample_shape)}: {reads}."
        )


def to_range(samples, given, wanted):
    """Scales samples from the (low, high) range `given` to the range `wanted`, as float32."""
    scale = (wanted[1] - wanted[0]) / (given[1] - given[0])
    return (ops.cast(samples, "float32") - given[0]) * scale + wanted[0]


@contextlib.contextmanager
def isolated():
    """A context in which new layers are float32 and do not change the user's random numbers.

    Keras draws the seeds of layers from Python's `random`, and their dtype is that of the global
    policy.
    """
    state, policy = random.getstate(), keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        random.setstate(state)
