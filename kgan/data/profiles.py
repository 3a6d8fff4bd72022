"""Converts images from the colour space that their ICC profile names to sRGB."""

import functools
import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms

# Values that differ by no more are the same colour, rounded twice.
_ROUNDING = 2

# Threads share the transforms, and those of LittleCMS are safe to share without their cache.
_NO_CACHE = 0x0040


def in_srgb(image: Any) -> Any:
    """Returns an image of 8 bits with its colours in sRGB.

    An image is returned as it is if it is grey, has no profile or that of sRGB, or if its profile
    is damaged.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("P", "PA", "RGB", "RGBA", "CMYK"):
        return image
    opacity = None
    if image.mode == "CMYK":
        colours = image
    elif "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        colours, opacity = image.convert("RGB"), image.getchannel("A")
    else:
        colours = image.convert("RGB")
    transform = _transform(profile, colours.mode)
    if transform is None:
        return image
    found = ImageCms.applyTransform(colours, transform)
    if opacity is not None:
        found.putalpha(opacity)
    return found


@functools.lru_cache(64)
def _transform(profile: bytes, mode: str):
    """Returns the transform from a profile to sRGB; None if it would change nothing."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb: Any = ImageCms.createProfile("sRGB")
        flags: Any = _NO_CACHE
        transform = ImageCms.buildTransform(given, srgb, mode, "RGB", flags=flags)
        if mode == "RGB":
            levels = np.arange(0, 256, 17, dtype="uint8")
            colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(16, 256, 3)
            changed = np.asarray(ImageCms.applyTransform(Image.fromarray(colours), transform))
            if abs(changed.astype(int) - colours).max() <= _ROUNDING:
                return None
    except (ImageCms.PyCMSError, ImportError, OSError):  # damaged, or for another kind of image
        return None
    return transform
