"""Large images worked through in overlapping tiles."""

import math
from collections.abc import Callable

import numpy as np

from kgan.errors import InputError


def in_tiles(run: Callable, images: np.ndarray, tile: int, overlap: int, scale: int) -> np.ndarray:
    """What a network makes of images, a tile at a time.

    Args:
        run: from images `(n, height, width, channels)` to images `scale` times larger.
        images: `(n, height, width, channels)`.
        tile: side of a tile.
        overlap: pixels that a tile sees beyond its own part, on each side.
        scale: how many times larger what is made is.

    Raises:
        InputError: for an overlap that leaves a tile no part of its own.
    """
    if not 0 <= overlap < tile // 2:
        raise InputError(
            f"overlap is at least 0 and less than half a tile; got {overlap} with tile={tile}."
        )
    made = None
    count, height, width = images.shape[:3]
    for top in _starts(height, tile, overlap):
        for left in _starts(width, tile, overlap):
            part = images[:, top : top + tile, left : left + tile]
            large = run(part)
            if made is None:
                shape = (count, height * scale, width * scale, large.shape[-1])
                made = np.empty(shape, large.dtype)
            # The border of a tile is left out, save at the image's own border.
            up, side = (overlap if start else 0 for start in (top, left))
            rows = slice((top + up) * scale, (top + part.shape[1]) * scale)
            columns = slice((left + side) * scale, (left + part.shape[2]) * scale)
            made[:, rows, columns] = large[:, up * scale :, side * scale :]
    return made


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin, the last one ending with the image."""
    if length <= tile:
        return [0]
    step = tile - 2 * overlap
    count = math.ceil((length - tile) / step)
    return [*(step * place for place in range(count)), length - tile]
