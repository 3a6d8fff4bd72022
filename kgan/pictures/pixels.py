"""Single images as files that keep their channels: grey, colour, or colour with opacity."""

from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from kgan.disk import marks
from kgan.errors import InputError
from kgan.pictures.checks import checked_range, drawable

# Grey, RGB, and RGB with opacity.
_CHANNELS = (1, 3, 4)


def to_pixels(images: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Converts images to 8 bits, with the channels that they have.

    Args:
        images: `(n, height, width, channels)` with 1, 3 or 4 channels.
        value_range: `(low, high)`, which become 0 and 255. Values outside it are clipped.

    Returns:
        uint8 array of the same shape.

    Raises:
        InputError: if `images` is no such array.
    """
    images = drawable("images", images, (4,))
    if images.shape[-1] not in _CHANNELS:
        raise InputError(
            f"Image files have 1, 3 or 4 channels; these samples have {images.shape[-1]}. Take an "
            ".npz file."
        )
    low, high = checked_range(value_range)
    unit = (np.asarray(images, "float32") - low) / (high - low)
    return np.round(np.clip(np.nan_to_num(unit), 0.0, 1.0) * 255.0).astype("uint8")


def write_pixels(path: Path, pixels: np.ndarray, command: str) -> None:
    """Writes a PNG file that names the command of kgan that wrote it.

    Args:
        path: the file to write.
        pixels: uint8 array `(height, width, channels)` with 1, 3 or 4 channels.
        command: the command, such as "balance".

    Raises:
        OSError: if it cannot be written.
    """
    mark = PngImagePlugin.PngInfo()
    mark.add_text("Software", f"{marks.PROGRAM} {command}")
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.save(path, "PNG", pnginfo=mark)
