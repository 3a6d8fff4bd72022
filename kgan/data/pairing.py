"""Data for models that translate images: pairs of images, and two domains without pairs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.data import arrays, checks, folder, images, loading, pipeline, ranges, reading
from kgan.data.info import DataInfo, Range, Source
from kgan.data.splits import bounds, parse
from kgan.data.stores import Memory, SideBySide, Wrapping
from kgan.errors import InputError


def pairs(
    inputs: object,
    targets: object = None,
    *,
    split: str = "train",
    batch_size: int = 1,
    value_range: Range = (-1.0, 1.0),
    source_range: Range | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    swap: bool = False,
    flip: bool = False,
    seed: int = 0,
    shuffle: bool = True,
    drop_remainder: bool = True,
) -> tf.data.Dataset:
    """Loads pairs of an input image and its target image, for `kgan.models.Pix2Pix`.

    The dataset yields float32 `(inputs, targets)`, each `(batch, height, width, channels)` in
    `value_range`. Like a dataset of `kgan.data.load` it has `info`, whose `shapes` are those of
    "input" and "target", and `position`.

    ```python
    facades = kgan.data.pairs("facades", size=256, flip=True)
    edges = kgan.data.pairs(edge_maps, photos)
    ```

    Args:
        inputs: images, as an array `(pairs, height, width, channels)`; or a folder that holds
            inputs and targets, in one of two layouts. Either two sub-folders, `A` and `B` or
            `input` and `target`, hold files of the same names. Or every file shows the input in
            its left half and the target in its right half, as the data sets of Isola et al. 2017
            do.
        targets: the array of targets, if `inputs` is an array. If it is a folder, None or the
            folder of the targets.
        split: a sub-folder ("train", "test", "val"), or a slice like "train[:90%]".
        batch_size: pairs in a batch; 1 as in Isola et al. 2017.
        value_range: the range that inputs and targets are scaled to.
        source_range: the range of inputs and targets at their source, for arrays whose values
            do not tell it.
        size: `(height, width)` of the images, or one number for squares. Inputs and targets are
            resized alike (bicubic, antialiased; if proportions differ, the middle is cut out).
            Without it, all images must have one size.
        channels: 1 (grey) or 3 (colour) for inputs and targets; None keeps them as they are.
        swap: whether to exchange inputs and targets.
        flip: whether to mirror half of the pairs left to right, other pairs in every epoch.
        seed: seed of the shuffle and of the flips.
        shuffle, drop_remainder: as in `kgan.data.load`.

    Raises:
        InputError: if inputs or targets are missing, files have no partner (the message names
            them), or the numbers or sizes of images differ; and as `kgan.data.load` does.
    """
    batch_size = arguments.integer("batch_size", batch_size)
    seed, size = arguments.integer("seed", seed, least=0), checks.image_size(size)
    channels = checks.channel_count(channels)
    if isinstance(inputs, (str, os.PathLike)):
        left, right = _pair_folders(inputs, targets, split, size, channels)
    else:
        if isinstance(inputs, Mapping) or targets is None:
            raise InputError(
                "pairs takes two arrays, `pairs(inputs, targets)`, or a folder that holds both."
            )
        left, right = (
            _image_source(values, name, split, size, channels, batch_size)
            for name, values in (("inputs", inputs), ("targets", targets))
        )
    if left.size != right.size:
        raise InputError(
            f"There are {left.size} inputs and {right.size} targets; each input needs one target."
        )
    if left.shape[:2] != right.shape[:2]:
        raise InputError(
            f"The inputs have {left.shape[0]}x{left.shape[1]} pixels and the targets "
            f"{right.shape[0]}x{right.shape[1]}; bring both to one size, by size=."
        )
    if arguments.flag("swap", swap):
        left, right = right, left
    order: dict[str, Any] = {"seed": seed, "shuffle": shuffle, "flip": flip}
    return _dataset(
        {"input": left, "target": right}, "target", left.size, batch_size, source_range,
        value_range, drop_remainder, together=True, **order,
    )  # fmt: skip


def domains(
    a: object,
    b: object = None,
    *,
    split: str = "train",
    batch_size: int = 1,
    value_range: Range = (-1.0, 1.0),
    source_range: Range | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    flip: bool = False,
    seed: int = 0,
    shuffle: bool = True,
    drop_remainder: bool = True,
    data_dir: str | os.PathLike | None = None,
    download: bool = True,
) -> tf.data.Dataset:
    """Loads images of two domains without pairs, for `kgan.models.CycleGAN`.

    The dataset yields float32 `(images of a, images of b)`, each
    `(batch, height, width, channels)` in `value_range`. An epoch passes once through the larger
    domain; the smaller one starts again, in another order, whenever it ends. `info.shapes` are
    those of "a" and "b".

    ```python
    horses = kgan.data.domains("cycle_gan/horse2zebra", size=128, flip=True)
    mine = kgan.data.domains("summer/", "winter/", size=256)
    ```

    Args:
        a, b: the source of each domain, as `kgan.data.load` takes it: a folder, a name, arrays.
            Or `a` alone, for both domains: the name of a `cycle_gan` data set of TensorFlow
            Datasets, or a folder with the sub-folders `trainA` and `trainB` (and `testA`,
            `testB`), or `A` and `B`.
        split: "train", "test", or a slice of one; it applies to both domains.
        batch_size: images of each domain in a batch; 1 as in Zhu et al. 2017.
        value_range, source_range, size, channels, data_dir, download: as in `kgan.data.load`.
        flip: whether to mirror half of the images left to right, other images in every epoch.
        seed: seed of the shuffles and of the flips.
        shuffle, drop_remainder: as in `kgan.data.load`.

    Raises:
        InputError: if a domain is missing or empty, and as `kgan.data.load` does.
    """
    batch_size = arguments.integer("batch_size", batch_size)
    seed, size = arguments.integer("seed", seed, least=0), checks.image_size(size)
    channels = checks.channel_count(channels)
    found = {}
    for name, (source, part) in _two_domains(a, b, split).items():
        found[name] = reading.read(
            source,
            split=part,
            batch_size=batch_size,
            size=size,
            channels=channels,
            labels=False,
            seed=seed,
            # The smaller domain starts again within an epoch, and a store of records cannot.
            cache=True
            if isinstance(source, str) and not Path(source).expanduser().is_dir()
            else "auto",
            data_dir=data_dir,
            download=download,
            options={},
        )
        if len(found[name].shape) != 3:
            raise InputError(
                f"Domain {name} holds samples of shape {found[name].shape}; expected images."
            )
    count = max(source.size for source in found.values())
    return _dataset(
        found, "a", count, batch_size, source_range, value_range, drop_remainder,
        together=False, seed=seed, shuffle=shuffle, flip=flip,
    )  # fmt: skip


def _dataset(
    sources: dict[str, Source],
    main: str,
    count: int,
    batch_size: int,
    source_range,
    value_range,
    drop: bool,
    *,
    together: bool,
    seed: int,
    shuffle: bool,
    flip: bool,
):
    flip = arguments.flag("flip", flip)
    name = " and ".join(dict.fromkeys(source.name for source in sources.values()))
    for source in sources.values():
        checks.enough(source.name, source.size, 1, drop)
    checks.enough(name, count, batch_size, drop)
    target = checks.value_range("value_range", value_range)
    given = checks.value_range("source_range", source_range)
    if target is None:
        raise InputError("value_range must be a pair (lowest, highest); images have a range.")
    stores, orders, source_ranges = [], [], []
    for place, source in enumerate(sources.values()):
        source_ranges.append(loading.range_of(source, given, target))
        if source.values is not None:
            stores.append(Memory(arrays.compact(source.values), None))
        else:
            stores.append(source.open(False))
        own_seed = (seed + (0 if together else place)) % 2**63
        orders.append(Wrapping(source.size, count, own_seed, shuffle))

    def finish(*batches):
        scaled = (
            ranges.scale(tf.cast(batch, tf.float32), from_range, target)
            for batch, from_range in zip(batches, source_ranges, strict=True)
        )
        return tuple(scaled)

    info = DataInfo(
        name=name,
        split=next(iter(sources.values())).split,
        sample_shape=tuple(map(int, sources[main].shape)),
        value_range=target,
        classes=0,
        class_names=(),
        size=count,
        batch_size=batch_size,
        steps_per_epoch=count // batch_size if drop else -(-count // batch_size),
        cached=all(source.values is not None for source in sources.values()),
        shapes={role: tuple(map(int, source.shape)) for role, source in sources.items()},
    )
    store = SideBySide(stores, orders, flip=seed if flip else None, together=together)
    return pipeline.build_over(store, info, finish, orders[0], drop=drop)


def _image_source(values, name, split, size, channels, batch_size) -> Source:
    """Returns a source of the images in an array."""
    source = arrays.sliced(arrays.read(values, batch_size=batch_size, name=name), split)
    source = reading.fitted(source, size, channels)
    if len(source.shape) != 3:
        raise InputError(
            f"The {name} have shape {source.values.shape}; expected images "
            "(pairs, height, width, channels)."
        )
    return source


_SIDES = (("A", "B"), ("a", "b"), ("input", "target"), ("inputs", "targets"))


def _pair_folders(inputs, targets, split, size, channels):
    """Returns the sources of inputs and targets, from folders of any of the layouts."""
    root = _folder(inputs)
    if targets is not None:
        left, right = (folder.part(_folder(side), parse(split)[0]) for side in (inputs, targets))
        return _partners(left, right, split, size, channels)
    part = parse(split)[0]
    if not any((root / side).is_dir() for sides in _SIDES for side in sides):
        root = folder.part(root, part)
    for first, second in _SIDES:
        present = [(root / side).is_dir() for side in (first, second)]
        if all(present):
            # The split may be above the sides (train/A) or below them (A/train).
            sides = [folder.part(root / side, part) for side in (first, second)]
            return _partners(*sides, split, size, channels)
        if any(present):
            missing = second if present[0] else first
            raise InputError(f"The folder {root} has no sub-folder {missing!r} beside the other.")
    return _halves(root, split, size, channels)


def _partners(left: Path, right: Path, split: str, size, channels):
    """Returns sources of two folders whose files have the same names, apart from suffixes."""
    found = []
    for side in (left, right):
        paths = folder.find(side)
        found.append({path.relative_to(side).with_suffix("").as_posix(): path for path in paths})
        if not paths:
            raise InputError(f"No images in the folder {side}.")
    unpaired = sorted(found[0].keys() ^ found[1].keys())
    if unpaired:
        more = f" and {len(unpaired) - 5} more" if len(unpaired) > 5 else ""
        raise InputError(
            f"Images in {left} and {right} are partners if their names are the same. Without "
            f"a partner: {', '.join(unpaired[:5])}{more}."
        )
    names = sorted(found[0])
    names = [names[place] for place in _places(split, len(names))]
    return tuple(
        folder.decoded([side[n] for n in names], parent, split, size=size, channels=channels)
        for side, parent in zip(found, (left, right), strict=True)
    )


def _halves(root: Path, split: str, size, channels):
    """Returns sources of the left and of the right halves of all images in a folder."""
    paths = folder.find(root)
    if not paths:
        raise InputError(
            f"No pairs in the folder {root}. Expected two sub-folders, A and B, with files of the "
            "same names, or files that show the input on the left and the target on the right."
        )
    for path, ((height, width), _) in zip(
        paths, folder.map_files(images.describe, paths, root), strict=True
    ):
        if width % 2 or width < height * 3 // 2:
            raise InputError(
                f"{path} has {height}x{width} pixels, height x width: no two halves side by side. "
                "Put inputs and targets into two sub-folders, A and B, under the same names."
            )
    paths = [paths[place] for place in _places(split, len(paths))]
    return tuple(
        folder.decoded(paths, root, split, size=size, channels=channels, half=half)
        for half in (0, 1)
    )


def _places(split: str, count: int):
    """Returns the indices of the samples in a split; a slice is taken from a fixed random order."""
    if parse(split)[1:] == (None, None):
        return range(count)
    return np.random.RandomState(0).permutation(count)[bounds(split, count)]


def _folder(path) -> Path:
    found = Path(path).expanduser()
    if not found.is_dir():
        raise InputError(f"There is no folder {path} (looked for {found.absolute()}).")
    return found


def _two_domains(a, b, split):
    """Returns `{"a": (source, split), "b": (source, split)}`."""
    if b is not None:
        return {"a": (a, split), "b": (b, split)}
    if not isinstance(a, (str, os.PathLike)):
        raise InputError(
            "domains takes two sources, `domains(a, b)`, or the name or folder of a data set that "
            "holds both."
        )
    name, _, rest = split.partition("[")
    root = Path(a).expanduser()
    if not root.is_dir():
        # TensorFlow Datasets names the splits of its `cycle_gan` so.
        slices = f"[{rest}" if rest else ""
        return {"a": (str(a), f"{name}A{slices}"), "b": (str(a), f"{name}B{slices}")}
    layouts = [(f"{name}A", f"{name}B"), ("A", "B"), ("a", "b")]
    for first, second in layouts:
        present = [(root / side).is_dir() for side in (first, second)]
        if any(present) and not all(present):
            missing = second if present[0] else first
            raise InputError(f"The folder {root} has no sub-folder {missing!r} beside the other.")
        if all(present):
            inner = "all" if first == f"{name}A" else name
            inner = f"{inner}[{rest}" if rest else inner
            return {"a": (root / first, inner), "b": (root / second, inner)}
    raise InputError(
        f"The folder {root} holds no two domains: expected the sub-folders {name}A and {name}B, "
        "or A and B."
    )
