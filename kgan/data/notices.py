"""Warns of what images lose when they are read, and of images that look as if they had lost it."""

import warnings
from collections.abc import Callable
from pathlib import Path

from kgan.data import images

# Files that are looked at to tell whether images of 16 bits use them.
_LOOKED_AT = 64


def warn(
    facts: list[images.Facts], paths: list[Path], folder: Path, in_bytes: bool = False
) -> None:
    """Warns of images of which only a part is read.

    Args:
        facts: of each image.
        paths: their files.
        folder: the folder of the files, for the message.
        in_bytes: whether all images are read as 8 bits, also those that could be read in full.
    """
    for name, what in (
        ("moving", "hold several pictures (animations or pages), and the first of each is read"),
        (
            "shortened",
            "have 16 bits a channel, of which the upper 8 are read. Save them as PNG of 16 bits to "
            "keep all",
        ),
        *([("deep", "have more than 8 bits a channel, of which the upper 8 are read")] * in_bytes),
        (
            "profile_unused",
            "have more than 8 bits and a colour profile, which is not applied. Convert them to "
            "sRGB, if colours matter",
        ),
    ):
        found = [path for path, fact in zip(paths, facts, strict=True) if getattr(fact, name)]
        if found:
            warnings.warn(
                f"{len(found)} of {len(paths)} images in {folder} (like {found[0].name}) {what}.",
                stacklevel=5,
            )


def warn_of_dark(paths: list[Path], folder: Path, map_files: Callable) -> None:
    """Warns if images of 16 bits use few of them, for example 12: they are nearly black."""
    chosen = paths[:: -(-len(paths) // _LOOKED_AT)]
    found = [value for value in map_files(images.brightest, chosen, folder) if value is not None]
    bits = max(found, default=0).bit_length()
    if found and bits <= 14:
        warnings.warn(
            f"The highest value in {len(found)} images of {folder} that have 16 bits is "
            f"{max(found)}, which takes {bits}: they are nearly black, since white is 65535. If "
            f"the camera has {max(bits, 9)} bits, multiply the values by "
            f"{2 ** (16 - max(bits, 9))} and write the files anew.",
            stacklevel=5,
        )
