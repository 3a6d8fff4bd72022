"""Processing of large images in overlapping tiles."""

import math
from collections.abc import Callable

import numpy as np

from kgan import arguments
from kgan.errors import InputError


def tile_sizes(tile, overlap, reach: int) -> tuple[int | None, int]:
    """Returns the sides of a tile, which may be None, and of its overlap, at least 0.

    An overlap of None means `reach`, and the tile is enlarged to three times that.
    """
    if tile is not None:
        tile = arguments.integer("tile", tile, or_else="None")
    if overlap is not None:
        return tile, arguments.integer("overlap", overlap, least=0, or_else="None")
    # A tile needs a part of its own between the overlaps.
    return tile and max(tile, 3 * reach), reach


def in_tiles(run: Callable, images: np.ndarray, tile: int, overlap: int, scale: int) -> np.ndarray:
    """Applies a network to images, one tile at a time.

    Args:
        run: from images `(n, height, width, channels)` to images `scale` times larger.
        images: `(n, height, width, channels)`.
        tile: the side of a tile, in pixels.
        overlap: the border of a tile, in pixels, whose output is discarded, except at the borders
            of the image.
        scale: the factor by which `run` enlarges images.

    Returns:
        An array `(n, scale * height, scale * width, channels of the output)`.

    Raises:
        InputError: if `overlap` is negative, or at least half a tile.
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
            up, side = (overlap if start else 0 for start in (top, left))
            rows = slice((top + up) * scale, (top + part.shape[1]) * scale)
            columns = slice((left + side) * scale, (left + part.shape[2]) * scale)
            made[:, rows, columns] = large[:, up * scale :, side * scale :]
    return made


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Returns the starts of the tiles along an axis; the last tile ends with the image."""
    if length <= tile:
        return [0]
    step = tile - 2 * overlap
    count = math.ceil((length - tile) / step)
    return [*(step * place for place in range(count)), length - tile]
