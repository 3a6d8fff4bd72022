"""Reads images of more than 8 bits a channel without losing any: 16 bits, and floats."""

from pathlib import Path
from typing import Any

import numpy as np

from kgan.data.orientation import ORIENTATION, turned, upright

# What a value of 16 bits is divided by so that the highest becomes 255.
_PER_STEP = 257
_MOST = 65535

# Floats that a program has scaled may lie outside 0..1 by a rounding error.
_TOLERANCE = 1e-4


def is_grey(image: Any) -> bool:
    """Whether Pillow holds an image in whole numbers of more than 8 bits, which are grey."""
    return image.mode == "I" or image.mode.startswith("I;16")


def is_deep(image: Any) -> bool:
    """Whether an image, opened and not yet decoded, is one that `pixels` reads without loss."""
    return is_grey(image) or image.mode == "F" or _is_deep_png(image)


def is_shortened(image: Any) -> bool:
    """Whether Pillow keeps 8 of an image's 16 bits and nothing else reads it: colours in TIFF."""
    return ";16" in str(image.tile) and not is_deep(image)


def _is_deep_png(image) -> bool:
    # Of colours Pillow keeps the upper 8 bits, and only the decoder's settings tell.
    return image.format == "PNG" and ";16" in str(image.tile)


def has_alpha(image: Any) -> bool:
    """Whether an image has transparent parts, or could have."""
    return "A" in image.mode or "transparency" in image.info


def pixels(image: Any, path: Path) -> np.ndarray:
    """Decodes an image for which `is_deep` holds.

    Args:
        image: the image as Pillow has opened it.
        path: its file.

    Returns:
        Upright float32 array `(height, width, channels)` in 0..255, with fractions: grey, or
        colours and opacity.

    Raises:
        ValueError: for values that are neither 16 bits nor floats from 0 to 1.
    """
    if _is_deep_png(image) and (has_alpha(image) or not is_grey(image)):
        encoded, orientation = Path(path).read_bytes(), image.getexif().get(ORIENTATION, 1)
        return turned(_png(encoded), orientation)
    return grey(image)[..., np.newaxis]


def grey(image: Any) -> np.ndarray:
    """Decodes a grey image of 16 bits or floats as upright float32 `(height, width)` in 0..255.

    Raises:
        ValueError: as `pixels` does.
    """
    if image.mode != "F":
        return whole_numbers(image).astype("float32") / _PER_STEP
    values = np.asarray(upright(image))
    low, high = values.min(), values.max()
    # NaN is in no range.
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ValueError(
            f"its floats run from {low:g} to {high:g}, and those from 0 to 1 are read: scale them, "
            "or save the pictures as one .npy file and give its source_range"
        )
    return np.clip(values, 0, 1).astype("float32") * 255


def whole_numbers(image: Any) -> np.ndarray:
    """Decodes a grey image of 16 bits as upright whole numbers `(height, width)`, 0 to 65535.

    Raises:
        ValueError: for other numbers.
    """
    values = np.asarray(upright(image))
    low, high = values.min(), values.max()
    if low < 0 or high > _MOST:
        raise ValueError(
            f"its whole numbers run from {low} to {high}, and those of 16 bits, 0 to {_MOST}, are "
            "read: scale them"
        )
    return values


def _png(encoded: bytes) -> np.ndarray:
    """Decodes a PNG file of 16 bits as float32 `(height, width, 4)` in 0..255."""
    import tensorflow as tf

    with tf.device("CPU:0"):
        values = tf.io.decode_png(encoded, channels=4, dtype=tf.uint16)
    return values.numpy().astype("float32") / _PER_STEP


def fitted(values: np.ndarray, channels: int, background: tuple[int, int, int]) -> np.ndarray:
    """Converts what `pixels` returns to a number of channels.

    Args:
        values: float32 `(height, width, 1, 2, 3 or 4)` in 0..255; the last of an even number of
            channels is opacity.
        channels: 1, 3, or 4 with opacity.
        background: the colour, 0 to 255, that transparent parts are laid on.
    """
    colours, opacity = values, None
    if values.shape[-1] in (2, 4):
        colours, opacity = values[..., :-1], values[..., -1:]
    if colours.shape[-1] == 1 and (channels != 1 or opacity is not None):
        colours = np.repeat(colours, 3, axis=-1)
    if channels == 4:
        if opacity is None:
            opacity = np.full_like(colours[..., :1], 255)
        return np.concatenate([colours, opacity], axis=-1)
    if opacity is not None:
        share = opacity / 255
        colours = colours * share + np.array(background, "float32") * (1 - share)
    if channels == 1 and colours.shape[-1] == 3:
        colours = colours @ np.array([[0.299], [0.587], [0.114]], "float32")
    return colours
