"""Reads single images, resizes them and converts their channels."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from kgan.data import depth, formats, memory, orientation, profiles
from kgan.data.orientation import ORIENTATION
from kgan.errors import InputError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
WHITE = (255, 255, 255)

# Decoded samples may fill this share of the free memory, and at most this many bytes.
_CACHE_SHARE = 0.25
_CACHE_LIMIT = 2 * 1024**3

# Bytes that reading takes for each pixel of a file: the file's own image, the converted one and
# the array; with transparency also the image beneath and the two together, or floats of both.
_PER_PIXEL, _PER_LARGE_PIXEL = 12, 48
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


@dataclass(frozen=True)
class Facts:
    """What the header of an image file tells.

    Attributes:
        size: `(height, width)` of the upright image.
        channels: 1 for grey images and 3 for all others.
        deep: whether it has more than 8 bits a channel, all of which can be read.
        shortened: whether it has 16 bits a channel, of which the upper 8 are read.
        moving: whether it holds several pictures, of which the first is read.
        profile_unused: whether it has an ICC profile that is not applied.
    """

    size: tuple[int, int]
    channels: int
    deep: bool = False
    shortened: bool = False
    moving: bool = False
    profile_unused: bool = False


def inspect(path: Path) -> Facts:
    """Returns what the header of an image file tells."""
    with _opened(path) as image:
        # Asking a PNG file for its EXIF data decodes it, and what the decoder was told is lost.
        grey = image.mode in ("1", "L", "LA", "F") or depth.is_grey(image) or _is_grey_16(image)
        deep, shortened = depth.is_deep(image), depth.is_shortened(image)
        width, height = image.size
        # A TIFF file is turned when Pillow decodes it, and its size is that of the upright image.
        if image.format != "TIFF" and image.getexif().get(ORIENTATION, 1) >= 5:
            width, height = height, width
        return Facts(
            size=(height, width),
            channels=1 if grey else 3,
            deep=deep,
            shortened=shortened,
            # The second picture of an MPO file is a part of the first, such as its depth.
            moving=image.format != "MPO" and getattr(image, "is_animated", False),
            profile_unused=deep and not grey and bool(image.info.get("icc_profile")),
        )


def describe(path: Path) -> tuple[tuple[int, int], int]:
    """Returns `((height, width), channels)` of an image file, as `inspect` does."""
    facts = inspect(path)
    return facts.size, facts.channels


def _is_grey_16(image) -> bool:
    return "LA;16" in str(image.tile)


def _opened(path: Path):
    """Opens an image file; the error for another file says what it is, as far as it can tell."""
    try:
        return Image.open(path)
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ValueError(f"it has more than {most:,} pixels: reduce it") from None
    except UnidentifiedImageError:
        raise ValueError(formats.what_it_is(path)) from None


def brightest(path: Path) -> int | None:
    """Returns the highest value in an image file of 16 bits, 0 to 65535; None for other files."""
    with _opened(path) as image:
        # Of colours Pillow keeps the upper bits, and only the decoder's settings tell.
        grey, deep = depth.is_grey(image), ";16" in str(image.tile)
        if not (grey or deep):
            return None
        with _room_for(image, path):
            highest = int(np.asarray(image).max())
    return highest if grey else 256 * highest + 255


def read(
    path: Path,
    channels: int,
    size: tuple[int, int] | None = None,
    *,
    background: tuple[int, int, int] = WHITE,
    deep: bool = False,
) -> np.ndarray:
    """Reads an image file as `(height, width, channels)`, values from 0 to 255.

    The camera's orientation and the file's ICC profile are applied. Of an animation the first
    frame is read. With `size` the image is resized as `scaled` does, with less memory.

    Args:
        path: the file.
        channels: 1, 3, or 4 with opacity.
        size: `(height, width)` to resize to.
        background: the colour that transparent parts are laid on, unless `channels` is 4.
        deep: True returns float32, which holds 16 bits and floats without loss; False returns
            uint8, the upper 8 of 16 bits.

    Raises:
        InputError: if the pixels do not fit into the memory that is free.
        ValueError: if the file is no image, or holds numbers of an unknown range.
    """
    with _opened(path) as opened, _room_for(opened, path):
        if deep and depth.is_deep(opened):
            pixels = depth.fitted(depth.pixels(opened, path), channels, background)
            return pixels if size is None else scaled(pixels, size)
        image = _converted(opened, channels, background)
        if size is not None and (image.height, image.width) != size:
            pixels = _resized(image, size)
        else:
            pixels = np.asarray(image).reshape(image.height, image.width, channels)
        return pixels.astype("float32") if deep else pixels


def _room_for(image, path):
    """A context in which an image is decoded: large ones one at a time, if they do not fit."""
    per_pixel = _PER_PIXEL
    if depth.has_alpha(image) or depth.is_deep(image):
        per_pixel = _PER_LARGE_PIXEL
    size = image.width * image.height * per_pixel
    if size > _SMALL:
        memory.must_fit(
            size,
            f"{path} has {image.height}x{image.width} pixels, height x width, and reading it",
            "Reduce the image, or take it out.",
        )
    return _large_images.take(size)


def _converted(image, channels, background):
    """Returns an upright image of 8 bits with this number of channels; it may change `image`."""
    if image.mode == "F":
        image = Image.fromarray(depth.grey(image).round().astype("uint8"))
    orientation.upright(image)
    if depth.is_grey(image):
        image = Image.fromarray((depth.whole_numbers(image) >> 8).astype("uint8"))
    image = profiles.in_srgb(image)
    if depth.has_alpha(image) and channels != 4:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    mode = _MODES[channels]
    return image if image.mode == mode else image.convert(mode)


def _resized(image, size):
    """Returns the array that `scaled` makes of an image's pixels, without an array of them."""
    if image.mode == "RGBA":
        return scaled(np.asarray(image), size)
    box = _middle(image.height, image.width, size)
    resized = np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC, box=box))
    ends = np.ravel(image.getextrema()).astype("uint8")
    return resized.reshape(*size, -1).clip(ends.min(), ends.max())


def scaled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes pixels of a file as `resize` does; a fourth channel is opacity, from 0 to 255.

    Colours weigh as much as they are opaque, so that what transparent pixels hold does not show
    at the edges. Fully transparent pixels become black.
    """
    if image.shape[-1] != 4 or image.shape[:2] == size:
        return resize(image, size)
    floats = image.astype("float32")
    opacity = floats[..., 3:]
    # Each is resized alone: the clipping of `resize` is to the ends of what it is given.
    weighted = np.concatenate(
        [resize(floats[..., [band]] * opacity, size) for band in range(3)], axis=-1
    )
    opacity = resize(opacity, size)
    visible = opacity > 0.5
    colours = np.where(visible, weighted / np.where(visible, opacity, 1), 0).clip(0, 255)
    result = np.concatenate([colours, np.where(visible, opacity, 0)], axis=-1)
    return result.round().astype("uint8") if image.dtype == np.uint8 else result


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
