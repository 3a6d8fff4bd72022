"""Reads a folder of images, whose sub-folders are classes."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from kgan.data import images, memory, notices
from kgan.data.formats import SUFFIXES
from kgan.data.info import Source
from kgan.data.splits import bounds, parse
from kgan.data.walking import find
from kgan.errors import InputError

# The most files, or sub-folders, that one message names.
_NAMED = 5


def read(
    folder: Path,
    split: str = "train",
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    labels: bool = True,
    cache: bool | str = "auto",
    background: tuple[int, int, int] = images.WHITE,
) -> Source:
    """Reads the images in and below `folder`, as `(height, width, channels)` from 0 to 255.

    They are uint8, or float32 if some file has more than 8 bits a channel.

    Sub-folders are classes, in alphabetical order; images in deeper folders belong to the class
    of the sub-folder at the top. With only one sub-folder the images have no labels. If `folder`
    has a sub-folder of the split's name ("train", "test"), that one is read. A slice
    ("train[:90%]") is taken from a fixed random order, so that both parts hold all classes.

    Every image is decoded once before this function returns, even if the images are then
    streamed, so that a damaged file is found before training starts.

    Args:
        folder: an existing folder.
        split: see above.
        size: `(height, width)` to resize to; without it all images need the same size.
            If proportions differ, the middle is cut out.
        channels: 1, 3 or 4; without it, 3 if at least half of the images have colour, else 1.
        labels: False leaves labels out, and accepts images beside class folders.
        cache: True keeps decoded images in memory, False reads them again each epoch,
            "auto" decides by their size.
        background: the colour, 0 to 255, that transparent parts are laid on, unless `channels`
            is 4.

    Raises:
        InputError: if there are no images, images are damaged (the message names them) or
            differ in size, images lie beside class folders, or the split is unknown.
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
        paths,
        folder,
        split,
        size=size,
        channels=channels,
        cache=cache,
        labels=numbers,
        background=background,
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
    background: tuple[int, int, int] = images.WHITE,
) -> Source:
    """Decodes the images in `paths`; the other arguments and errors are those of `read`.

    With `half`, only the left (0) or right (1) half of each image is used, cut out before it is
    resized.
    """
    facts = map_files(images.inspect, paths, folder)
    notices.warn(facts, paths, folder)
    deep = any(fact.deep for fact in facts)
    if size is None:
        height, width = _common_size(folder, paths, [fact.size for fact in facts])
        size = (height, width if half is None else width // 2)
    if channels is None:
        channels = 3 if 2 * sum(fact.channels == 3 for fact in facts) >= len(paths) else 1
    shape, dtype = (*size, channels), np.dtype("float32" if deep else "uint8")
    per_sample = math.prod(shape) * dtype.itemsize
    memory.must_fit(
        4 * math.prod(shape), f"One image of {size[0]}x{size[1]} pixels", "Give a smaller size."
    )
    if cache == "auto":
        cache = images.fits_in_memory(len(paths) * per_sample)
    elif cache:
        memory.must_fit(
            2 * len(paths) * per_sample,
            f"Keeping the {len(paths)} images of {folder}",
            "Leave cache out, so that they are read from disk, or give a smaller size.",
        )
    notices.warn_of_dark(paths, folder, map_files)

    common: dict[str, Any] = {"name": str(folder), "split": split, "range": (0.0, 255.0)}

    how: dict[str, Any] = {"background": background, "deep": deep}

    def decode(index):
        if half is None:
            return images.read(paths[index], channels, size, **how)
        whole = images.read(paths[index], channels, **how)
        middle = whole.shape[1] // 2
        return images.scaled(whole[:, middle * half : middle * (half + 1)], size)

    if cache:
        values = np.empty((len(paths), *shape), dtype)

        def fill(index):
            values[index] = decode(index)

        map_files(fill, range(len(paths)), folder, paths)
        return Source(values=values, labels=labels, **common)

    def decode_later(index):
        try:
            return decode(index)
        except Exception as error:  # Pillow does not always name the file
            raise InputError(f"{paths[index]} cannot be read: {error}") from error

    # Returns no images, so that they do not fill the memory.
    map_files(lambda path: images.read(path, channels, **how) is None, paths, folder)

    def open_store(labelled):
        from kgan.data.stores import Files

        return Files(decode_later, shape, labels if labelled else None, dtype)

    return Source(open=open_store, size=len(paths), shape=shape, labels=labels, **common)


def part(folder: Path, split: str) -> Path:
    """Returns the sub-folder of the split; "train" and "all" fall back to `folder` itself.

    Raises:
        InputError: if there is no sub-folder of another split's name.
    """
    if split != "all" and (folder / split).is_dir():
        return folder / split
    if split in ("train", "all"):
        return folder
    raise InputError(
        f"The folder {folder} has no sub-folder {split!r} to be split {split!r}. Make one, or take "
        'a slice: split="train[:90%]" to train on and split="train[90%:]" to test with.'
    )


def _classes(folder: Path, paths: list[Path]):
    """Returns `(int32 labels, class names)` from the sub-folders; `(None, ())` for fewer than 2."""
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


def map_files(function, items, folder: Path, paths: list[Path] | None = None) -> list:
    """Returns `function(item)` for every item, computed by threads.

    Args:
        function: raises any error for a file that cannot be read.
        items: one for each file.
        folder: the folder of the files, for the message.
        paths: the files, if the items are not their paths.

    Raises:
        InputError: if the function raised for some items; it names their files together.
    """

    def attempt(item):
        try:
            return function(item), None
        except InputError:  # it says more than that the file is damaged
            raise
        except Exception as error:  # Pillow's decoders raise errors of many classes
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
    """Returns the size that all images share; raises an `InputError` if they differ."""
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
