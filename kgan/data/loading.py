"""Loads data: `load` takes a name, a path or arrays, `from_arrays` takes arrays only."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.data import arrays, checks, pipeline, ranges, reading
from kgan.data import balance as balancing
from kgan.data.info import DataInfo, Range, Source
from kgan.data.mirroring import Mirrored
from kgan.data.stores import Mapped, Memory
from kgan.errors import InputError
from kgan.typing import Colour


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
    background: Colour = "white",
    balance: str | None = None,
    mirror: bool = False,
    **options: Any,
) -> tf.data.Dataset:
    """Loads a data set for `fit`: scaled, shuffled, batched and prefetched.

    ```python
    digits = kgan.data.load("digits", batch_size=32)
    photos = kgan.data.load("~/photos", size=64)
    digits.info.sample_shape       # (8, 8, 1)
    digits.position.seek(epoch=3)  # the next iterator reads epoch 3
    ```

    The dataset yields float32 samples `(batch, *sample_shape)` in `value_range`, or
    `(samples, labels)` with int32 labels `(batch,)` if the source has labels. It is
    a `tf.data.Dataset` with two more attributes: `info` (a `DataInfo`) and `position`
    (a `Position`). Its `cardinality()` is the number of batches in an epoch. Which pictures of a
    folder are read, and how, is said in docs/pictures.md.

    The order of epoch e is a function of (seed, e) alone; each new iterator reads the next
    epoch. Data in memory and in folders are shuffled completely. Data sets of TensorFlow
    Datasets (TFDS) that do not fit in memory are shuffled in a buffer of 10,000 samples.

    Args:
        source: one of
            - "digits", "ring", "grid", "stacked_mnist" (see `kgan.data.sources`);
            - a name of TensorFlow Datasets: "mnist", "cycle_gan/horse2zebra";
            - the path of a folder of images, whose sub-folders are classes. A name of
              TFDS comes first: write "./mnist" for a folder of that name;
            - the path of an `.npz` file, or a mapping of arrays with the same names:
              `x_train` and `y_train`, `images` and `labels`, ...;
            - an array, or a tuple (samples, labels);
            - the path of an `.npy` file of samples, or a `numpy.memmap`. Samples of dtype
              uint8 or float32 stay on disk.
        split: "train", "test" or another split of the source, or a slice of one:
            "train[:1000]", "train[90%:]".
        batch_size: samples in a batch.
        value_range: the range that samples are scaled to. None leaves them as they
            are, images in 0..255. Points of a mixture have no range and are left as
            they are, unless `source_range` gives them one.
        size: `(height, width)` of the images, or one number for squares. They are
            resized (bicubic, antialiased; if proportions differ, the middle is cut
            out). Without it, all images must have the same size.
        channels: 1 (grey), 3 (colour) or, in folders, 4 (colour with opacity). Without it,
            images keep the channels of the source; a folder that mixes grey and colour takes
            those of most images.
        labels: False leaves labels out.
        seed: seed of the shuffle, and of the samples of mixtures and stacked digits.
        shuffle: False keeps the order of the source.
        drop_remainder: whether to leave out a last batch that is not full.
        cache: whether decoded images are kept in memory, as uint8 (as float32 if some
            have more than 8 bits). "auto" keeps them if they
            take at most 2 GiB and at most a quarter of the free memory.
        data_dir: the folder of TFDS data sets; else the environment variable
            TFDS_DATA_DIR, else the default of TFDS.
        download: whether to download a TFDS data set that is not on disk.
        background: the colour that transparent parts of images in folders are laid on: a name,
            "#rrggbb" or (red, green, blue) in 0..255. With `channels=4` they stay transparent.
        balance: "classes" reads each class equally often, for data with few samples of some: an
            epoch has as many samples as before, those of a rare class come several times in it,
            and some of a frequent one only in a later epoch.
        mirror: whether to mirror half of the images left to right, other images in every epoch:
            twice as many pictures, from which a generator learns to draw mirrored ones too. Not
            for digits and text.
        **options: `source_range=(low, high)`, the range of the values at the source,
            for arrays whose values do not tell it; `n` and `std` for mixtures, and `radius`
            for the ring; for "stacked_mnist" `n` and `of`, the data set whose digits are
            stacked.

    Raises:
        InputError: before training starts, for data or arguments that cannot be used; the
            message says what to change.
    """
    batch_size = arguments.integer("batch_size", batch_size)
    seed = arguments.integer("seed", seed, least=0)
    size, channels = checks.image_size(size), checks.channel_count(channels)
    labels, download = arguments.flag("labels", labels), arguments.flag("download", download)
    mirror = arguments.flag("mirror", mirror)
    if not (isinstance(cache, bool) or (isinstance(cache, str) and cache == "auto")):
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
        background=arguments.colour("background", background),
        options=options,
    )
    if balance is not None and not labels:
        raise InputError("balance takes the classes of the labels, which labels=False leaves out.")
    return _dataset(
        found,
        batch_size=batch_size,
        value_range=checks.value_range("value_range", value_range),
        source_range=given_range,
        labels=labels,
        seed=seed,
        shuffle=shuffle,
        drop=drop_remainder,
        balance=balance,
        mirror=mirror,
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
    balance: str | None = None,
) -> tf.data.Dataset:
    """Returns a dataset like those of `load`, over arrays; samples may have any shape.

    Args:
        samples: array of numbers `(samples, ...)`.
        labels: class numbers, one-hot rows or names, one for each sample; or None.
        batch_size: samples in a batch.
        value_range: the range to scale to; None leaves the values as they are.
        source_range: the range of the values as given. Without it, the rules of
            `kgan.data.ranges.source_range` find it, or raise an error.
        seed: seed of the shuffle.
        shuffle: False keeps the order.
        drop_remainder: whether to leave out a last batch that is not full.
        name: the name of the data in messages and in `info`.
        balance: as in `load`.

    Raises:
        InputError: as `load` does; for NaN and infinity it names the sample.
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
        balance=balance,
    )


def _dataset(
    source: Source,
    *,
    batch_size,
    value_range,
    source_range,
    labels,
    seed,
    shuffle,
    drop,
    balance,
    mirror=False,
) -> tf.data.Dataset:
    """Builds the pipeline over a source."""
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
    if mirror:
        checks.are_images("mirror", source)
        store = Mirrored(store, seed)

    modes = source.modes
    if modes is not None and modes.centres is not None and original and target:
        factor = (target[1] - target[0]) / (original[1] - original[0])
        centres = ranges.scale(modes.centres, original, target)
        modes = replace(modes, centres=centres, spread=modes.spread * factor)
    steps = source.size // batch_size if drop else -(-source.size // batch_size)
    used = steps * batch_size if drop else source.size
    order = balancing.order(balance, source, used, seed % 2**63, shuffle)
    info = DataInfo(
        name=source.name,
        split=source.split,
        sample_shape=tuple(map(int, source.shape)),
        value_range=target,
        classes=classes,
        class_names=class_names,
        size=source.size,
        batch_size=batch_size,
        steps_per_epoch=steps,
        cached=source.values is not None,
        modes=modes,
        balance=balance,
    )
    return pipeline.build(
        store, info, source_range=original, seed=seed, shuffle=shuffle, drop=drop, order=order
    )


def range_of(source: Source, given: Range | None, wanted: Range | None) -> Range | None:
    """Returns the range of the values at their source, or None if they are not to be scaled."""
    known = given or source.range
    if source.values is None:
        return known
    if known is None and wanted is None:
        return (0.0, 255.0) if source.values.dtype == np.uint8 else None
    if known is None and source.modes is not None:
        return None  # points in the plane are not bounded
    return ranges.source_range(source.values, known)
