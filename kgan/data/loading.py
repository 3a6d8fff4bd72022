"""The two ways in: `load` for anything that has a name or a path, `from_arrays` for arrays."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.data import arrays, checks, pipeline, ranges, reading
from kgan.data.info import DataInfo, Range, Source
from kgan.data.stores import Mapped, Memory
from kgan.errors import InputError


def load(
    source: object = "digits",
    *,
    split: str = "train",
    batch_size: int = 64,
    value_range: Range | None = (-1.0, 1.0),
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    labels: bool = True,
    seed: int = 0,
    shuffle: bool = True,
    drop_remainder: bool = True,
    cache: bool | str = "auto",
    data_dir: str | os.PathLike | None = None,
    download: bool = True,
    **options: Any,
) -> tf.data.Dataset:
    """Load a data set, ready for `fit`: scaled, shuffled, batched, prefetched.

    ```python
    digits = kgan.data.load("digits", batch_size=32)
    photos = kgan.data.load("~/photos", size=64)
    digits.info.sample_shape       # (8, 8, 1)
    digits.position.seek(epoch=3)  # the next iterator reads epoch 3
    ```

    The dataset yields float32 samples `(batch, *sample_shape)` in `value_range`, or
    `(samples, labels)` with int32 labels `(batch,)` where the source has labels. It is
    a `tf.data.Dataset` with two attributes more: `info` (a `DataInfo`) and `position`
    (a `Position`). Its `cardinality()` is the number of batches in an epoch.

    The order of epoch e is a function of (seed, e) alone, and e counts the iterators
    that were started. Data in memory and in folders are shuffled completely; data sets
    of TFDS that don't fit in memory, in a buffer of 10,000.

    Args:
        source: one of
            - "digits", "ring", "grid", "stacked_mnist" (see `kgan.data.sources`);
            - a name of TensorFlow Datasets: "mnist", "cycle_gan/horse2zebra";
            - the path of a folder of images, whose sub-folders are classes. A name of
              TFDS comes first: write "./mnist" for a folder of that name;
            - the path of an `.npz` file, or a mapping of arrays with the same names:
              `x_train` and `y_train`, `images` and `labels`, ...;
            - an array, or a tuple (samples, labels);
            - the path of an `.npy` file of samples, or a `numpy.memmap`: they stay on disk,
              where uint8 or float32.
        split: "train", "test" or what else the source has, also a slice of it:
            "train[:1000]", "train[90%:]".
        batch_size: samples in a batch.
        value_range: the range that samples are scaled to; None leaves them as they
            are, images in 0..255. Points of a mixture have no range and are left as
            they are, unless `source_range` gives them one.
        size: `(height, width)` of the images, or one number for squares. They are
            resized (bicubic, antialiased, the middle cut out where proportions
            differ). Without it, images must have the same size.
        channels: 1 (grey), 3 (colour) or, in folders, 4. Without it, as the source has
            it; in a folder that mixes them, as most of its images.
        labels: False leaves labels out.
        seed: of the shuffle, and of what mixtures and stacked digits draw.
        shuffle: False keeps the order of the source.
        drop_remainder: whether to leave out a last batch that is not full.
        cache: "auto" keeps decoded images in memory, as uint8, if they take at most
            2 GiB and a quarter of the free memory; True always, False never.
        data_dir: where TFDS data sets lie; else TFDS_DATA_DIR, else its default.
        download: whether to download a TFDS data set that is not on disk.
        **options: `source_range=(low, high)`, the range of the values at the source,
            for arrays where it cannot be told; `n`, `std` for mixtures, and `radius`
            for the ring; `n` and `of`, the data set whose digits are stacked, for
            "stacked_mnist".

    Raises:
        InputError: anything that cannot be used, before training starts; the message
            says how to mend it.
    """
    batch_size = arguments.integer("batch_size", batch_size)
    seed = arguments.integer("seed", seed, least=0)
    size, channels = checks.image_size(size), checks.channel_count(channels)
    if not (isinstance(cache, bool) or cache == "auto"):
        raise InputError(f'cache must be True, False or "auto"; got {cache!r}.')
    given_range = checks.value_range("source_range", options.pop("source_range", None))

    found = reading.read(
        source,
        split=split,
        batch_size=batch_size,
        size=size,
        channels=channels,
        labels=labels,
        seed=seed,
        cache=cache,
        data_dir=data_dir,
        download=download,
        options=options,
    )
    return _dataset(
        found,
        batch_size=batch_size,
        value_range=checks.value_range("value_range", value_range),
        source_range=given_range,
        labels=labels,
        seed=seed,
        shuffle=shuffle,
        drop=drop_remainder,
    )


def from_arrays(
    samples: object,
    labels: object = None,
    *,
    batch_size: int = 64,
    value_range: Range | None = None,
    source_range: Range | None = None,
    seed: int = 0,
    shuffle: bool = True,
    drop_remainder: bool = False,
    name: str = "arrays",
) -> tf.data.Dataset:
    """A dataset like `load` makes, over arrays, whose samples may have any shape.

    Args:
        samples: numbers `(samples, ...)`.
        labels: class numbers, one-hot rows or names, one for each sample; or None.
        batch_size: samples in a batch.
        value_range: the range to scale to; None leaves the values as they are.
        source_range: the range of the values as given. Without it the rules of
            `kgan.data.ranges.source_range` find it or refuse.
        seed: of the shuffle.
        shuffle: False keeps the order.
        drop_remainder: whether to leave out a last batch that is not full.
        name: what messages and `info` call the data.

    Raises:
        InputError: see `load`; NaN and infinity by the number of the sample.
    """
    batch_size = arguments.integer("batch_size", batch_size)
    return _dataset(
        arrays.read(samples, labels, batch_size=batch_size, name=name),
        batch_size=batch_size,
        value_range=checks.value_range("value_range", value_range),
        source_range=checks.value_range("source_range", source_range),
        labels=True,
        seed=arguments.integer("seed", seed, least=0),
        shuffle=shuffle,
        drop=drop_remainder,
    )


def _dataset(
    source: Source, *, batch_size, value_range, source_range, labels, seed, shuffle, drop
) -> tf.data.Dataset:
    """The pipeline over what a reader found."""
    checks.enough(source.name, source.size, batch_size, drop)
    original = range_of(source, source_range, value_range)
    target = (value_range or original) if original else None

    labelled = labels and source.labels is not None and source.labels is not False
    class_names = source.class_names if labelled else ()
    classes = (len(class_names) or source.classes) if labelled else 0
    if labelled and not classes:
        classes = len(source.modes.probabilities) if source.modes else int(source.labels.max()) + 1
    if source.values is not None:
        values = arrays.compact(source.values)
        kind: Any = Mapped if isinstance(values, np.memmap) else Memory
        store = kind(values, source.labels if labelled else None)
    else:
        store = source.open(labelled)

    modes = source.modes
    if modes is not None and modes.centres is not None and original and target:
        factor = (target[1] - target[0]) / (original[1] - original[0])
        centres = ranges.scale(modes.centres, original, target)
        modes = replace(modes, centres=centres, spread=modes.spread * factor)
    info = DataInfo(
        name=source.name,
        split=source.split,
        sample_shape=tuple(map(int, source.shape)),
        value_range=target,
        classes=classes,
        class_names=class_names,
        size=source.size,
        batch_size=batch_size,
        steps_per_epoch=source.size // batch_size if drop else -(-source.size // batch_size),
        cached=source.values is not None,
        modes=modes,
    )
    return pipeline.build(store, info, source_range=original, seed=seed, shuffle=shuffle, drop=drop)


def range_of(source: Source, given: Range | None, wanted: Range | None) -> Range | None:
    """The range of the values at their source, or None where they stay as they are."""
    known = given or source.range
    if source.values is None:
        return known
    if known is None and wanted is None:
        return (0.0, 255.0) if source.values.dtype == np.uint8 else None
    if known is None and source.modes is not None:
        return None  # points in the plane: nothing bounds them
    return ranges.source_range(source.values, known)
