"""A folder of images; its sub-folders are classes."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from kgan.data import images
from kgan.data.info import Source
from kgan.data.splits import bounds, parse
from kgan.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")

# Bad files named in one message.
_NAMED = 5


def read(
    folder: Path,
    split: str = "train",
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    labels: bool = True,
    cache: bool | str = "auto",
) -> Source:
    """The images below `folder`, as uint8 `(height, width, channels)`.

    Sub-folders are classes, in alphabetical order; images in deeper folders belong to
    the class at the top. A single sub-folder tells nothing apart: then there are no
    labels. If `folder` has a sub-folder named like the split ("train", "test"), that one
    is read. A slice ("train[:90%]") is taken from a fixed mixed order, so that both
    sides of it hold all classes.

    Every image is decoded once before this returns, also where they are then streamed,
    so that a damaged file is found now and not in the third hour of training.

    Args:
        folder: an existing folder.
        split: see above.
        size: `(height, width)` to resize to; without it all images need the same size.
            The middle is cut out where proportions differ.
        channels: 1, 3 or 4; without it what most of the images have (3 for a tie).
        labels: False also accepts loose images beside class folders.
        cache: True keeps decoded images in memory, False reads them again each epoch,
            "auto" decides by their size.

    Raises:
        InputError: no images; damaged ones, by name; mixed sizes; loose images beside
            class folders; an unknown split.
    """
    folder, name = part(folder, parse(split)[0]), str(folder)
    paths = find(folder)
    if not paths:
        raise InputError(
            f"No images in the folder {folder} or below it. Expected files ending in "
            f"{', '.join(SUFFIXES)}."
        )
    numbers, class_names = _classes(folder, paths) if labels else (None, ())
    if parse(split)[1:] != (None, None):
        kept = np.random.RandomState(0).permutation(len(paths))[bounds(split, len(paths))]
        paths = [paths[index] for index in kept]
        numbers = None if numbers is None else numbers[kept]

    source = decoded(
        paths, folder, split, size=size, channels=channels, cache=cache, labels=numbers
    )
    source.name, source.class_names = name, class_names
    return source


def decoded(
    paths: list[Path],
    folder: Path,
    split: str,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    cache: bool | str = True,
    labels: np.ndarray | None = None,
    half: int | None = None,
) -> Source:
    """The images of these files; the other arguments and what is raised as in `read`.

    With `half` it is their left (0) or right (1) half, cut out before anything is resized.
    """
    headers = each(images.describe, paths, folder)
    if size is None:
        height, width = _common_size(folder, paths, [header[0] for header in headers])
        size = (height, width if half is None else width // 2)
    if channels is None:
        channels = 3 if 2 * sum(header[1] == 3 for header in headers) >= len(paths) else 1
    shape = (*size, channels)
    if cache == "auto":
        cache = images.fits_in_memory(len(paths) * int(np.prod(shape)))

    common: dict[str, Any] = {"name": str(folder), "split": split, "range": (0.0, 255.0)}

    def one(index):
        if half is None:
            return images.read(paths[index], channels, size)
        whole = images.read(paths[index], channels)
        middle = whole.shape[1] // 2
        return images.resize(whole[:, middle * half : middle * (half + 1)], size)

    if cache:
        values = np.empty((len(paths), *shape), "uint8")

        def fill(index):
            values[index] = one(index)

        each(fill, range(len(paths)), folder, paths)
        return Source(values=values, labels=labels, **common)

    each(lambda path: images.read(path, channels) is None, paths, folder)

    def open_store(labelled):
        from kgan.data.stores import Files

        return Files(one, shape, labels if labelled else None)

    return Source(open=open_store, size=len(paths), shape=shape, labels=labels, **common)


def part(folder: Path, split: str) -> Path:
    """The folder of the split, or `folder` itself where "train" and "all" are not told apart."""
    if split != "all" and (folder / split).is_dir():
        return folder / split
    if split in ("train", "all"):
        return folder
    raise InputError(
        f"The folder {folder} has no sub-folder {split!r} to be split {split!r}. Make one, or take "
        'a slice: split="train[:90%]" to train on and split="train[90%:]" to test with.'
    )


def find(folder: Path) -> list[Path]:
    """All images below the folder, sorted; hidden files and folders are passed over."""
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        found += [
            Path(parent, name)
            for name in files
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(found)


def _classes(folder: Path, paths: list[Path]):
    """`(int32 labels, class names)` from the sub-folders, or `(None, ())`."""
    parts = [path.relative_to(folder).parts for path in paths]
    loose = [path for path, part in zip(paths, parts, strict=True) if len(part) == 1]
    names = sorted({part[0] for part in parts if len(part) > 1})
    if loose and names:
        raise InputError(
            f"The folder {folder} holds {len(loose)} loose images (like {loose[0].name}) beside "
            f"the sub-folders {', '.join(names[:_NAMED])}. Sub-folders are classes: move the loose "
            "images into one, or load without labels."
        )
    if len(names) < 2:
        return None, ()
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[part[0]] for part in parts], "int32"), tuple(names)


def each(function, items, folder: Path, paths: list[Path] | None = None) -> list:
    """`function` of every item, on threads; the files that cannot be read are named together."""

    def attempt(item):
        try:
            return function(item), None
        except Exception as error:  # Pillow's decoders raise errors of many kinds
            return None, str(error) or type(error).__name__

    outcomes = images.parallel(attempt, items)
    paths = paths or items
    bad = [(path, why) for path, (_, why) in zip(paths, outcomes, strict=True) if why is not None]
    if bad:
        named = "; ".join(f"{path} ({why})" for path, why in bad[:_NAMED])
        more = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        raise InputError(
            f"{len(bad)} of {len(paths)} images in {folder} cannot be read (damaged or cut "
            f"short?): {named}{more}. Replace or remove them."
        )
    return [value for value, _ in outcomes]


def _common_size(folder, paths, sizes) -> tuple[int, int]:
    """The size that all images share."""
    counts = Counter(sizes)
    if len(counts) == 1:
        return sizes[0]
    named = "; ".join(
        f"{height}x{width} ({count} images, like {paths[sizes.index((height, width))]})"
        for (height, width), count in counts.most_common(3)
    )
    raise InputError(
        f"The images in {folder} have {len(counts)} different sizes, height x width: {named}. "
        "Give one to resize them to, like size=64 or size=(64, 96)."
    )
