"""Single images: read, bring to a size, bring to a number of channels."""

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kgan.errors import InputError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 lie on their side

# What share of the memory that is free now, and how much at most, decoded samples may fill.
_CACHE_SHARE = 0.25
_CACHE_LIMIT = 2 * 1024**3


def fits_in_memory(size_in_bytes: int) -> bool:
    """Whether decoded samples are small enough to be kept: 2 GiB and a quarter of what is free."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on every system
        free = math.inf
    return size_in_bytes <= min(_CACHE_LIMIT, _CACHE_SHARE * free)


def parallel(function: Callable, items: Iterable) -> list:
    """`[function(item) for item in items]`, on threads: Pillow works outside Python's lock."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def describe(path: Path) -> tuple[tuple[int, int], int]:
    """`((height, width), channels)` of an image file, from its header only."""
    with Image.open(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION, 1) >= 5:
            width, height = height, width
        grey = image.mode in ("1", "L", "LA", "I", "F") or image.mode.startswith("I;16")
        return (height, width), 1 if grey else 3


def read(path: Path, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """An image file as uint8 `(height, width, channels)`.

    The camera's orientation is applied, transparent parts become white (unless four
    channels are wanted), 16-bit greys keep their upper 8 bits, and of an animation the
    first frame is taken.
    """
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode == "I" or image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image).astype("uint32") >> 8).astype("uint8"))
        transparent = "A" in image.mode or "transparency" in image.info
        if transparent and channels != 4:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert(_MODES[channels])
        values = np.asarray(image).reshape(image.height, image.width, channels)
    return values if size is None else resize(values, size)


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image `(height, width, channels)` at another size, bicubic and antialiased.

    Where the proportions differ the middle is cut out first: nothing is stretched.
    """
    height, width, channels = image.shape
    if (height, width) == size:
        return image
    factor = min(height / size[0], width / size[1])
    tall, wide = size[0] * factor, size[1] * factor
    top, left = (height - tall) / 2, (width - wide) / 2
    box = (left, top, left + wide, top + tall)
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(image[..., channel])).resize(
                size[::-1], Image.Resampling.BICUBIC, box=box
            )
        )
        for channel in range(channels)
    ]
    # Bicubic curves overshoot at edges; Pillow clips bytes, floats are left to us.
    return np.stack(planes, axis=-1).clip(image.min(), image.max())


def resize_all(images: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """`resize` for an array `(samples, height, width, channels)`."""
    if size is None or images.shape[1:3] == size:
        return images
    if images.dtype != np.uint8:
        images = images.astype("float32", copy=False)
    return np.stack(parallel(lambda image: resize(image, size), images))


def to_channels(images: np.ndarray, channels: int | None) -> np.ndarray:
    """Images `(..., height, width, channels)` as grey (ITU-R 601 luma) or as three channels."""
    given = images.shape[-1]
    if channels is None or channels == given:
        return images
    if (given, channels) == (1, 3):
        return np.repeat(images, 3, axis=-1)
    if (given, channels) == (3, 1):
        luma = images.astype("float32") @ np.array([[0.299], [0.587], [0.114]], "float32")
        return luma.round().astype("uint8") if images.dtype == np.uint8 else luma
    raise InputError(
        f"Images with {given} channels cannot be turned into {channels}: only 1 (grey) and "
        "3 (colour) are exchanged."
    )
