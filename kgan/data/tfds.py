"""Reads data sets of TensorFlow Datasets by name."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kgan import bridge
from kgan.data import images, memory, places
from kgan.data.info import Source
from kgan.data.stores import Records
from kgan.errors import InputError, unknown
from kgan.online import online


def prepared_folder(name: str, data_dir: str | os.PathLike | None = None) -> Path | None:
    """Returns the folder that holds the files of a data set; None if it is not on disk.

    Raises:
        InputError: if the name or its configuration is unknown.
    """
    folder = Path(_builder(name, data_dir).data_path)
    return folder if (folder / "dataset_info.json").is_file() else None


def read(
    name: str,
    split: str = "train",
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    cache: bool | str = "auto",
    data_dir: str | os.PathLike | None = None,
    download: bool = True,
) -> Source:
    """Reads the images of a TFDS data set, `(height, width, channels)`, and any labels.

    Args:
        name: a name in the notation of TFDS: "mnist", "cycle_gan/horse2zebra", "mnist:3.0.1".
        split: a split in the notation of TFDS: "train", "test", "train[:1000]", "train+test".
        size: `(height, width)` to resize to; without it all images need the same size.
        channels: 1, 3 or 4; without it, images keep the channels of the data set.
        cache: True keeps decoded images in memory, False decodes them again each epoch,
            "auto" decides by their size. Images of another dtype than uint8 are always kept.
        data_dir: the folder of the data sets; None takes the environment variable
            TFDS_DATA_DIR, else `~/tensorflow_datasets`.
        download: whether to download a data set that is not on disk.

    Raises:
        InputError: if the name, configuration or split is unknown, the data set is not on disk
            and is not downloaded, it has no feature "image", or its images differ in size and
            `size` is None.
    """
    builder = _builder(name, data_dir)
    image, label = _features(builder, name)  # checked before any download
    if not (builder.data_path / "dataset_info.json").exists():
        _download(builder, name, download)
    count = _count(builder, name, split)

    shape, dtype = _shape(image, size, channels, name), np.dtype(image.np_dtype)
    if cache == "auto":
        cache = images.fits_in_memory(count * int(np.prod(shape)) * dtype.itemsize)

    def decode(example):
        value = image.decode_example(example["image"])
        if value.shape != shape:
            value = bridge.numpy_function(
                lambda pixels: _fit(pixels, size, channels), [value], image.dtype
            )
            value = tf.ensure_shape(value, shape)
        return (value,) if label is None else (value, tf.cast(example["label"], tf.int32))

    wanted = {"image": True} if label is None else {"image": True, "label": True}
    encoded = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(
            wanted, decoders={"image": tfds.decode.SkipDecoding()}
        ),
        read_config=tfds.ReadConfig(try_autocache=False),
    )
    common: dict[str, Any] = {
        "name": name,
        "split": split,
        "class_names": () if label is None else tuple(label.names),
        "range": (0.0, 255.0) if dtype == np.uint8 else None,
    }
    if cache or dtype != np.uint8:
        # Only uint8 has a range that is known without reading all values.
        memory.must_fit(
            2 * count * math.prod(shape) * dtype.itemsize,
            f"Keeping the {count} images of {name!r}",
            "Give a smaller size, or a part of them by a slice of split.",
        )
        decoded = encoded.map(decode, tf.data.AUTOTUNE)
        try:
            values, labels = _collect(decoded, count, shape, dtype)
        except (tf.errors.OpError, ValueError) as error:
            raise InputError(
                f"The data set {name!r} in {builder.data_path} cannot be read: {error}. If its "
                "files are damaged, delete that folder so that it is prepared again."
            ) from error
        return Source(values=values, labels=labels if label else None, **common)

    def open_store(labelled):
        return Records(encoded, decode if labelled else lambda example: decode(example)[:1])

    return Source(open=open_store, size=count, shape=shape, labels=label is not None, **common)


def _builder(name: str, data_dir):
    data_dir = data_dir or os.environ.get("TFDS_DATA_DIR") or None
    if data_dir is not None:
        data_dir = os.path.expanduser(data_dir)
    if not name.isprintable():
        raise places.unknown_name(name)
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise places.unknown_name(name) from error
    except (ValueError, AssertionError) as error:
        first, _, config = name.partition("/")
        try:
            configs = tfds.builder_cls(first.split(":")[0]).builder_configs
        except (ValueError, AssertionError, tfds.core.DatasetNotFoundError):
            # A text that no data set could have as its name.
            raise places.unknown_name(name) from error
        if config and config.split(":")[0] not in configs:
            raise unknown(f"configuration of {first!r}:", config, configs) from error
        raise InputError(f"TensorFlow Datasets cannot load {name!r}: {error}") from error


def _download(builder, name: str, allowed: bool) -> None:
    """Downloads and prepares a data set; raises an `InputError` at once if it cannot."""
    missing = f"The data set {name!r} is not on this machine (looked in {builder.data_path})"
    offline = (
        "Point data_dir or TFDS_DATA_DIR to a folder that holds it, or use 'digits': real "
        "handwritten digits that need no network."
    )
    if not allowed:
        raise InputError(f"{missing}, and download=False does not allow a download. {offline}")
    if not online():
        raise InputError(f"{missing}, and there is no network to download it. {offline}")
    try:
        builder.download_and_prepare()
    except (OSError, AssertionError, ImportError, tfds.download.DownloadError) as error:
        # OSError: lost connections and full disks. AssertionError: data that the user has to
        # download by hand. ImportError: packages that the data set needs.
        raise InputError(f"{missing}, and fetching it failed: {error}. {offline}") from error


def _features(builder, name: str):
    """Returns the features "image" and "label"; the label is None if it is not a class.

    Raises:
        InputError: if there is no feature "image".
    """
    features = builder.info.features
    named = dict(features) if isinstance(features, tfds.features.FeaturesDict) else {}
    image, label = named.get("image"), named.get("label")
    if not isinstance(image, tfds.features.Image):
        raise InputError(
            f"The data set {name!r} has no feature 'image' to train on. Its features are: "
            f"{', '.join(named) or features}."
        )
    classes = label.num_classes if isinstance(label, tfds.features.ClassLabel) else None
    return image, label if classes else None


def _count(builder, name: str, split: str) -> int:
    """Returns the number of samples in the split."""
    splits = builder.info.splits
    try:
        return splits[split].num_examples
    except (KeyError, ValueError, AssertionError) as error:
        raise InputError(
            f"The data set {name!r} has no split {split!r}. It has: {', '.join(splits)}; parts of "
            'them are written like "train[:1000]" or "train[90%:]".'
        ) from error


def _shape(image, size, channels, name: str) -> tuple[int, int, int]:
    """Returns the shape of the images after decoding, resizing and converting channels."""
    height, width, depth = image.shape
    if size is None and None in (height, width):
        raise InputError(
            f"The images of {name!r} have different sizes. Give one to resize them to, like "
            "size=64 or size=(64, 96)."
        )
    depth = channels or depth
    if depth is None:
        raise InputError(
            f"The images of {name!r} have different numbers of channels. Say channels=1 or 3."
        )
    return (*(size or (height, width)), depth)


def _fit(pixels: np.ndarray, size, channels) -> np.ndarray:
    fitted = images.to_channels(pixels, channels)
    return fitted if size is None else images.resize(fitted, size).astype(pixels.dtype)


def _collect(decoded: tf.data.Dataset, count: int, shape, dtype):
    """Reads all decoded samples and labels into two arrays.

    Raises:
        ValueError: if the number of samples is not `count`.
    """
    values = np.empty((count, *shape), dtype)
    labels = np.zeros(count, "int32")
    start = 0
    for batch in decoded.batch(512).prefetch(1).as_numpy_iterator():
        stop = start + len(batch[0])
        values[start:stop] = batch[0]
        if len(batch) == 2:
            labels[start:stop] = batch[1]
        start = stop
    if start != count:
        raise ValueError(f"it holds {start} samples instead of {count}")
    return values, labels
