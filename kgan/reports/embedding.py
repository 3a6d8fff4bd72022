"""Pictures within a page: PNG and WebP files as `data:` addresses."""

import base64
import dataclasses
import io
from pathlib import Path

import numpy as np
from PIL import Image

# What a compressed picture looks like: at this quality WebP shows no seams on small digits.
_QUALITY = 80


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes:
        source: its `data:` address.
        alt: what it shows, for whoever does not see it.
        caption: what stands below it; "" for nothing.
        width: its width in pixels.
        height: its height in pixels.
    """

    source: str
    alt: str
    caption: str
    width: int
    height: int


def of_array(pixels: np.ndarray, alt: str, caption: str = "") -> Picture:
    """Returns a picture of pixels, uint8 `(height, width, 3)`, without loss."""
    return _encoded(Image.fromarray(pixels), alt, caption, "PNG")


def of_file(path: Path, alt: str, caption: str = "", most: int | None = None) -> Picture:
    """Returns the picture in a PNG file: its own bytes, or, where those are too many, as WebP.

    Args:
        path: the file.
        alt, caption: see `Picture`.
        most: the most bytes of the file to take it as it is; None takes it always.

    Raises:
        OSError: if it cannot be read, or is no picture.
    """
    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        if most is None or len(content) <= most:
            return Picture(_address(content, "png"), alt, caption, *image.size)
        return _encoded(image.convert("RGB"), alt, caption, "WEBP", quality=_QUALITY)


def _encoded(image, alt, caption, kind, **options) -> Picture:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return Picture(_address(stream.getvalue(), kind.lower()), alt, caption, *image.size)


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
