"""Reads single images, resizes them and converts their channels."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kgan.data import memory
from kgan.errors import InputError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_ORIENTATION = 0x0112  # the EXIF tag; its values 5 to 8 exchange height and width

# Decoded samples may fill this share of the free memory, and at most this many bytes.
_CACHE_SHARE = 0.25
_CACHE_LIMIT = 2 * 1024**3

# Bytes that reading takes for each pixel of a file: the file's own image, the converted one and
# the array; with transparency also the white image beneath and the two together.
_PER_PIXEL, _PER_TRANSPARENT_PIXEL = 12, 20
# Images that take less are read without asking for the free memory, which takes a while.
_SMALL = 64 * 1024**2
_large_images = memory.Turns()


def fits_in_memory(size_in_bytes: int) -> bool:
    """Whether samples take at most 2 GiB and at most a quarter of the memory that is free."""
    return size_in_bytes <= min(_CACHE_LIMIT, _CACHE_SHARE * memory.free())


def parallel(function: Callable, items: Iterable) -> list:
    """Returns `[function(item) for item in items]`, computed by threads.

    Threads help because Pillow releases Python's global interpreter lock.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def describe(path: Path) -> tuple[tuple[int, int], int]:
    """Returns `((height, width), channels)` of an image file, read from its header only.

    `channels` is 1 for grey images and 3 for all others.
    """
    with Image.open(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION, 1) >= 5:
            width, height = height, width
        grey = image.mode in ("1", "L", "LA", "I", "F") or image.mode.startswith("I;16")
        return (height, width), 1 if grey else 3


def _is_grey_of_16_bits(image) -> bool:
    return image.mode == "I" or image.mode.startswith("I;16")


def brightest(path: Path) -> int | None:
    """Returns the highest value in an image file of 16 bits, 0 to 65535; None for other files."""
    with Image.open(path) as image:
        # Of colours Pillow keeps the upper bits, and only the decoder's settings tell.
        grey, deep = _is_grey_of_16_bits(image), ";16" in str(image.tile)
        if not (grey or deep):
            return None
        with _room_for(image, path):
            highest = int(np.asarray(image).max())
    return highest if grey else 256 * highest + 255


def read(path: Path, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Reads an image file as uint8 `(height, width, channels)`.

    The camera's orientation is applied. Transparent parts become white, unless `channels` is 4.
    16-bit grey images keep their upper 8 bits. Of an animation the first frame is read. With
    `size` the image is resized as `resize` does, with less memory.

    Raises:
        InputError: if the pixels do not fit into the memory that is free.
    """
    with Image.open(path) as opened, _room_for(opened, path):
        image = _converted(opened, channels)
        if size is not None and (image.height, image.width) != size:
            return _resized(image, size)
        return np.asarray(image).reshape(image.height, image.width, channels)


def _room_for(image, path):
    """A context in which an image is decoded: large ones one at a time, if they do not fit."""
    size = (
        image.width
        * image.height
        * (_PER_TRANSPARENT_PIXEL if _is_transparent(image) else _PER_PIXEL)
    )
    if size > _SMALL:
        memory.must_fit(
            size,
            f"{path} has {image.height}x{image.width} pixels, height x width, and reading it",
            "Reduce the image, or take it out.",
        )
    return _large_images.take(size)


def _is_transparent(image) -> bool:
    return "A" in image.mode or "transparency" in image.info


def _converted(image, channels):
    """Returns an upright image of 8 bits with this number of channels; it may change `image`."""
    ImageOps.exif_transpose(image, in_place=True)
    if _is_grey_of_16_bits(image):
        image = Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
    if _is_transparent(image) and channels != 4:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = _MODES[channels]
    return image if image.mode == mode else image.convert(mode)


def _resized(image, size):
    """Returns the array that `resize` makes of an image's pixels, without an array of them."""
    # Pillow weighs the colours of transparent images by their opacity, unless it sees one band.
    bands = image.split() if image.mode == "RGBA" else [image]
    box = _middle(image.height, image.width, size)
    parts = [
        np.asarray(band.resize(size[::-1], Image.Resampling.BICUBIC, box=box)).reshape(*size, -1)
        for band in bands
    ]
    ends = np.ravel(image.getextrema()).astype("uint8")
    return np.concatenate(parts, axis=-1).clip(ends.min(), ends.max())


def _middle(height, width, size):
    """Returns the largest part of an image that has the proportions of `size`, as Pillow's box."""
    factor = min(height / size[0], width / size[1])
    # Rounding must not make the box larger than the image, which Pillow refuses.
    tall, wide = min(height, size[0] * factor), min(width, size[1] * factor)
    top, left = (height - tall) / 2, (width - wide) / 2
    return left, top, min(width, left + wide), min(height, top + tall)


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes an image `(height, width, channels)`, bicubic and antialiased.

    If the proportions differ, the middle is cut out first, so that nothing is stretched.
    """
    height, width, channels = image.shape
    if (height, width) == size:
        return image
    box = _middle(height, width, size)
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(image[..., channel])).resize(
                size[::-1], Image.Resampling.BICUBIC, box=box
            )
        )
        for channel in range(channels)
    ]
    # Bicubic interpolation overshoots at edges; Pillow clips bytes, but not floats.
    return np.stack(planes, axis=-1).clip(image.min(), image.max())


def resize_all(images: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Resizes images `(samples, height, width, channels)` as `resize` does; None keeps them."""
    if size is None or images.shape[1:3] == size:
        return images
    if images.dtype != np.uint8:
        images = images.astype("float32", copy=False)
    memory.must_fit(
        2 * len(images) * size[0] * size[1] * images.shape[3] * images.itemsize,
        f"Resizing {len(images)} images to {size[0]}x{size[1]} pixels",
        "Give a smaller size.",
    )
    return np.stack(parallel(lambda image: resize(image, size), images))


def to_channels(images: np.ndarray, channels: int | None) -> np.ndarray:
    """Converts images `(..., height, width, channels)` to one channel or to three.

    Grey is the luma of ITU-R BT.601. None keeps the channels.

    Raises:
        InputError: for any other change of the number of channels.
    """
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
