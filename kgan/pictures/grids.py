"""Grids of images."""

import math

import numpy as np

GUTTER = 4
PAPER = 40
# Squares larger than this are seen one by one, and the picture they make is not.
LARGEST_PIXEL = 5


def grid(
    images: np.ndarray,
    value_range: tuple[float, float] | None = None,
    columns: int | None = None,
    size: int = 640,
) -> np.ndarray:
    """Lays images out in rows, with a dark gutter.

    Args:
        images: `(n, height, width, channels)`; see `to_rgb` for the channels.
        value_range: What is black and what is white; see `draw`.
        columns: Images a row; None makes the grid about square.
        size: Small images are repeated by a whole factor, pixel by pixel, so that the
            grid comes near this width, at most five times: an 8x8 digit in larger squares is
            hard to read. Larger images keep their size.

    Returns:
        uint8 array `(rows, columns, 3)` of pixels.
    """
    images = to_rgb(images, value_range)
    count, height, width, _ = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    zoom = round(((size - GUTTER) / columns - GUTTER) / width)
    zoom = min(max(1, zoom), LARGEST_PIXEL)
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    height, width = height * zoom, width * zoom

    # Each image brings the gutter above and to the left of it; one more closes the grid.
    picture = np.full(
        (rows * (height + GUTTER) + GUTTER, columns * (width + GUTTER) + GUTTER, 3),
        PAPER,
        np.uint8,
    )
    for place, image in enumerate(images):
        top = GUTTER + (place // columns) * (height + GUTTER)
        left = GUTTER + (place % columns) * (width + GUTTER)
        picture[top : top + height, left : left + width] = image
    return picture


def to_rgb(images: np.ndarray, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Brings images of any number of channels to 8-bit colour.

    One channel is grey; two are red and green; three are colour; four are colour with
    opacity, seen on white paper; of more, the first three are shown as colour.

    Args:
        images: `(n, height, width, channels)`, any real dtype.
        value_range: `(low, high)`, black and white; None takes the full range of an
            integer dtype and the range the images span otherwise. What lies outside is
            clipped; NaN is drawn as `low`.

    Returns:
        uint8 array `(n, height, width, 3)`.
    """
    low, high = value_range or _span(images)
    unit = (np.asarray(images, np.float32) - low) / max(high - low, 1e-12)
    unit = np.clip(np.nan_to_num(unit, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    channels = unit.shape[-1]
    if channels == 1:
        unit = unit.repeat(3, axis=-1)
    elif channels == 2:
        unit = np.concatenate([unit, np.zeros_like(unit[..., :1])], axis=-1)
    elif channels == 4:
        colour, opacity = unit[..., :3], unit[..., 3:]
        unit = colour * opacity + (1.0 - opacity)
    return np.round(unit[..., :3] * 255.0).astype(np.uint8)


def _span(images: np.ndarray) -> tuple[float, float]:
    if images.dtype == bool:
        return 0.0, 1.0
    if images.dtype.kind in "iu":
        limits = np.iinfo(images.dtype)
        # Pixels that were widened to int32 or int64 are still 0..255.
        return (float(limits.min), float(limits.max)) if limits.bits == 8 else (0.0, 255.0)
    finite = images[np.isfinite(images)]
    if finite.size == 0:
        return 0.0, 1.0
    return float(finite.min()), float(finite.max())
