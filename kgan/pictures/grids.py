"""Grids of images."""

import math

import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.pictures.checks import checked_columns, checked_range, checked_size, drawable
from kgan.typing import Colour

# The width in pixels of the space between images, and its grey level.
GUTTER = 4
PAPER = 40
# The largest zoom: in larger squares the shape of a small image is hard to recognise.
LARGEST_PIXEL = 5
# What transparent parts are laid on so that they are told from white ones: squares of an eighth of
# the shorter side, white and grey in turns.
CHECKERBOARD = "checkerboard"
_SQUARE_GREY = 204


def grid(
    images: np.ndarray,
    value_range: tuple[float, float] | None = None,
    columns: int | None = None,
    size: int = 640,
) -> np.ndarray:
    """Arranges images in rows, separated by a dark gutter.

    Args:
        images: `(n, height, width, channels)`; see `to_rgb` for the channels. Transparent parts
            show a checkerboard.
        value_range: `(low, high)`, black and white; see `draw`.
        columns: Images in a row; None makes the grid about square.
        size: Intended width of the grid in pixels. Small images are enlarged by a whole factor,
            at most 5, to come near it. Large images keep their size.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        InputError: if there are no images, or `columns` is not a positive integer.
    """
    columns, size = checked_columns(columns), checked_size(size)
    images = to_rgb(images, value_range, CHECKERBOARD)
    count, height, width, _ = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    zoom = round(((size - GUTTER) / columns - GUTTER) / width)
    zoom = min(max(1, zoom), LARGEST_PIXEL)
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    height, width = height * zoom, width * zoom

    # The gutter lies above and to the left of each image; one more ends the grid.
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


def to_rgb(
    images: np.ndarray,
    value_range: tuple[float, float] | None = None,
    background: Colour = "white",
) -> np.ndarray:
    """Converts images with any number of channels to 8-bit RGB.

    One channel is grey; two are red and green; three are RGB; four are RGB with opacity, laid on
    the background. Of more channels, the first three are taken as RGB.

    Args:
        images: `(n, height, width, channels)`, any real dtype.
        value_range: `(low, high)`, black and white; None takes the full range of an
            integer dtype, and otherwise the range that the images span. Values outside it are
            clipped; NaN is drawn as `low`.
        background: A name, "#rrggbb" or (red, green, blue) in 0..255; or "checkerboard".

    Returns:
        uint8 array `(n, height, width, 3)`.

    Raises:
        InputError: if `images` is no such array, or `background` no colour.
    """
    unit = _unit(images, value_range)
    ground = _ground(background, *unit.shape[1:3])
    channels = unit.shape[-1]
    if channels == 1:
        unit = unit.repeat(3, axis=-1)
    elif channels == 2:
        unit = np.concatenate([unit, np.zeros_like(unit[..., :1])], axis=-1)
    elif channels == 4:
        colour, opacity = unit[..., :3], unit[..., 3:]
        unit = colour * opacity + ground * (1.0 - opacity)
    return np.round(unit[..., :3] * 255.0).astype(np.uint8)


def to_rgba(images: np.ndarray, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Converts images of four channels, colours and opacity, to 8 bits.

    Args:
        images: `(n, height, width, 4)`, any real dtype.
        value_range: As in `to_rgb`; for opacity `low` is transparent and `high` opaque.

    Returns:
        uint8 array `(n, height, width, 4)`, which `save_png` writes image by image.

    Raises:
        InputError: if `images` is no such array.
    """
    unit = _unit(images, value_range)
    if unit.shape[-1] != 4:
        raise InputError(
            f"images must have four channels, red, green, blue and opacity; got {unit.shape[-1]}."
        )
    return np.round(unit * 255.0).astype(np.uint8)


def _unit(images, value_range) -> np.ndarray:
    """Returns images as float32 in [0, 1]."""
    images, value_range = drawable("images", images, (4,)), checked_range(value_range)
    low, high = value_range or _span(images)
    unit = (np.asarray(images, np.float32) - low) / max(high - low, 1e-12)
    return np.clip(np.nan_to_num(unit, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)


def _ground(background: Colour, height: int, width: int) -> np.ndarray:
    """Returns what transparent images are laid on, in [0, 1]."""
    if isinstance(background, str) and background == CHECKERBOARD:
        side = max(1, round(min(height, width) / 8))
        squares = (np.arange(height)[:, None] // side + np.arange(width) // side) % 2
        return np.where(squares, _SQUARE_GREY, 255)[..., None].astype(np.float32) / 255
    return np.array(arguments.colour("background", background), np.float32) / 255


def _span(images: np.ndarray) -> tuple[float, float]:
    """Returns the range of images whose range is not given."""
    if images.dtype == bool:
        return 0.0, 1.0
    if images.dtype.kind in "iu":
        limits = np.iinfo(images.dtype)
        # Integers of more than 8 bits usually hold 8-bit pixels, 0..255.
        return (float(limits.min), float(limits.max)) if limits.bits == 8 else (0.0, 255.0)
    finite = images[np.isfinite(images)]
    if finite.size == 0:
        return 0.0, 1.0
    return float(finite.min()), float(finite.max())
