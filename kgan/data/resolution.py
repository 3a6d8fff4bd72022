"""Low- and high-resolution images for super-resolution."""

import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from kgan import arguments
from kgan.data import checks, folder, images, memory, notices, pipeline, ranges
from kgan.data.info import DataInfo, Range
from kgan.data.splits import bounds, parse
from kgan.data.stores import Crops, Order
from kgan.errors import InputError

# Published test sets name their low-resolution images so, as in "baby_LR.png".
_LOW_RESOLUTION = ("_LR", "_lr")


def crops(
    source: object,
    *,
    scale: int = 4,
    size: int | None = 96,
    split: str = "train",
    batch_size: int = 16,
    per_image: int = 16,
    value_range: Range = (-1.0, 1.0),
    channels: int = 3,
    augment: bool = True,
    seed: int = 0,
    shuffle: bool = True,
) -> tf.data.Dataset:
    """Loads crops of images in low and in high resolution, for `kgan.models.SRGAN`.

    The dataset yields float32 `(low, high)`: `(batch, size / scale, size / scale, channels)` and
    `(batch, size, size, channels)` in `value_range`. Whole images are reduced first, as in the
    literature (bicubic and antialiased, by Pillow, whose result equals MATLAB's up to rounding,
    except at the borders). Crops are then taken at the same place of both. `info.shapes` are
    those of "low" and "high"; `position` is that of `kgan.data.load`.

    ```python
    photos = kgan.data.crops("photos/", scale=4, size=96)
    set5 = kgan.data.crops("set5/", scale=4, size=None)      # whole images, for evaluation
    ```

    Args:
        source: a folder of images of any sizes, or a list of uint8 arrays
            `(height, width, channels)`. Files whose names end in `_LR` are skipped.
        scale: how many times smaller the low-resolution images are, 2 or more.
        size: side of the square high-resolution crops, a multiple of `scale`. None yields whole
            images in their order, one in a batch, each cut to a multiple of `scale`.
        split: a sub-folder of that name, or a slice like "train[:90%]".
        batch_size: crops in a batch; always 1 for whole images.
        per_image: crops of each image in an epoch; always 1 for whole images.
        value_range: the range that both are scaled to.
        channels: 1 or 3.
        augment: whether to flip crops and to rotate them by multiples of 90 degrees, differently
            in every epoch.
        seed: seed of all random choices; a crop is a function of (seed, epoch, its index).
        shuffle: False keeps the images in order.

    Raises:
        InputError: if there are no images, or images are damaged or smaller than a crop (the
            message names them), and for arguments that do not fit.
    """
    scale = arguments.integer("scale", scale, least=2)
    seed = arguments.integer("seed", seed, least=0)
    per_image = arguments.integer("per_image", per_image)
    target = checks.value_range("value_range", value_range)
    if target is None or not isinstance(channels, int) or channels not in (1, 3):
        raise InputError("value_range is a pair (lowest, highest), and channels is 1 or 3.")
    whole = size is None
    if whole:
        batch_size = per_image = 1
    elif arguments.integer("size", size, least=scale) % scale:
        raise InputError(
            f"size={size} is no multiple of scale={scale}; take {size // scale * scale}."
        )
    batch_size = arguments.integer("batch_size", batch_size)
    high, names, name = _images(source, split, channels)
    _check_sizes(high, names, size or scale)
    high = [
        image[: len(image) // scale * scale, : image.shape[1] // scale * scale] for image in high
    ]
    low = images.parallel(lambda image: reduced(image, scale), high)
    count = len(high) * per_image
    checks.enough(name, count, batch_size, True)
    side = None if whole else size
    info = DataInfo(
        name=name,
        split=split,
        sample_shape=(side, side, channels),
        value_range=target,
        classes=0,
        class_names=(),
        size=count,
        batch_size=batch_size,
        steps_per_epoch=count // batch_size,
        shapes={
            "low": (side and side // scale, side and side // scale, channels),
            "high": (side, side, channels),
        },
    )

    def finish(*batches):
        return tuple(
            ranges.scale(tf.cast(batch, tf.float32), (0.0, 255.0), target) for batch in batches
        )

    store = Crops(low, high, size, scale, augment and not whole, seed)
    order = Order(count, seed % 2**63, shuffle and not whole)
    return pipeline.build_over(store, info, finish, order, drop=True)


def reduced(image: np.ndarray, scale: int) -> np.ndarray:
    """Reduces a uint8 image `(height, width, channels)` by `scale` (bicubic, antialiased)."""
    size = image.shape[1] // scale, image.shape[0] // scale
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.BICUBIC))
        for plane in np.moveaxis(image, -1, 0)
    ]
    return np.stack(planes, axis=-1)


def _images(source, split, channels):
    """Returns (uint8 arrays, their names, the name of the data set)."""
    if isinstance(source, (str, os.PathLike)):
        root = Path(source).expanduser()
        if not root.is_dir():
            raise InputError(f"There is no folder {source} (looked for {root.absolute()}).")
        root = folder.part(root, parse(split)[0])
        paths = [path for path in folder.find(root) if not path.stem.endswith(_LOW_RESOLUTION)]
        if not paths:
            raise InputError(f"No images in the folder {root} or below it.")
        if parse(split)[1:] != (None, None):
            kept = np.random.RandomState(0).permutation(len(paths))[bounds(split, len(paths))]
            paths = [paths[place] for place in sorted(kept)]
        facts = folder.map_files(images.inspect, paths, root)
        notices.warn(facts, paths, root, in_bytes=True)
        pixels = sum(fact.size[0] * fact.size[1] for fact in facts)
        memory.must_fit(
            2 * pixels * channels,
            f"Keeping the {len(paths)} images of {root}",
            'Take fewer of them, by a slice like split="train[:1000]".',
        )
        read = folder.map_files(lambda path: images.read(path, channels), paths, root)
        return read, [str(path) for path in paths], str(source)
    try:
        arrays = [np.asarray(image) for image in source]
    except TypeError:
        raise InputError(f"crops takes a folder or a list of images; got {source!r}.") from None
    for place, image in enumerate(arrays):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] not in (1, 3):
            raise InputError(
                f"Image {place} has dtype {image.dtype} and shape {image.shape}; expected uint8 "
                "(height, width, 1 or 3)."
            )
    arrays = [images.to_channels(image, channels) for image in arrays]
    return arrays, [f"image {place}" for place in range(len(arrays))], "arrays"


def _check_sizes(high, names, least):
    small = [
        f"{name} ({image.shape[0]}x{image.shape[1]})"
        for name, image in zip(names, high, strict=True)
        if min(image.shape[:2]) < least
    ]
    if small:
        more = f" and {len(small) - 5} more" if len(small) > 5 else ""
        raise InputError(
            f"{len(small)} of {len(high)} images are smaller than a crop of {least}x{least}: "
            f"{', '.join(small[:5])}{more}. Leave them out, or take smaller crops by size=."
        )
