"""Rows of pictures that belong together."""

import numpy as np

from kgan.errors import InputError
from kgan.pictures.checks import checked_size, drawable
from kgan.pictures.grids import GUTTER, LARGEST_PIXEL, PAPER, to_rgb

# The width in pixels of the light bar beside the first column, and its grey level.
_BAR, _LIGHT = 6, 230


def neighbours(
    samples: np.ndarray,
    nearest: np.ndarray,
    value_range: tuple[float, float] | None = None,
    size: int = 640,
) -> np.ndarray:
    """Draws generated images, each with its nearest training images in a row to its right.

    A light bar divides the two. A generated image that looks like the first one beside it was
    memorised. `kgan.metrics.nearest` finds the nearest images.

    Args:
        samples: the generated images, `(n, height, width, channels)`; see `to_rgb` for the
            channels.
        nearest: the training images, `(n, k, height, width, channels)`, the nearest first.
        value_range: `(low, high)`, black and white; see `draw`.
        size: intended width of the picture in pixels, as in `grid`.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        InputError: if the arrays are empty or do not fit together.
    """
    size = checked_size(size)
    samples, nearest = drawable("samples", samples, (4,)), drawable("nearest", nearest, (5,))
    if nearest.shape[:1] + nearest.shape[2:] != samples.shape:
        raise InputError(
            "nearest holds k images for each sample, (n, k, height, width, channels); got "
            f"{nearest.shape} for samples of shape {samples.shape}."
        )
    count, k, height, width = nearest.shape[:4]
    # Together, so that both have one range if none is given.
    together = np.concatenate([samples[:, None], nearest], axis=1)
    images = to_rgb(together.reshape(-1, *samples.shape[1:]), value_range)
    zoom = round(((size - 2 * GUTTER - _BAR) / (k + 1) - GUTTER) / width)
    zoom = min(max(1, zoom), LARGEST_PIXEL)
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    height, width = height * zoom, width * zoom
    images = images.reshape(count, k + 1, height, width, 3)
    picture = np.full(
        (
            count * (height + GUTTER) + GUTTER,
            (k + 1) * (width + GUTTER) + 2 * GUTTER + _BAR,
            3,
        ),
        PAPER,
        np.uint8,
    )
    picture[:, 2 * GUTTER + width : 2 * GUTTER + width + _BAR] = _LIGHT
    for row in range(count):
        top = GUTTER + row * (height + GUTTER)
        for column in range(k + 1):
            left = GUTTER + column * (width + GUTTER) + (GUTTER + _BAR if column else 0)
            picture[top : top + height, left : left + width] = images[row, column]
    return picture
