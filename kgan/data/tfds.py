"""Data sets of TensorFlow Datasets, by name."""

import difflib
import os
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from kgan.data import catalog, images
from kgan.data.info import Source
from kgan.data.stores import Records
from kgan.errors import InputError, unknown
from kgan.online import online


def names() -> list[str]:
    """All names that TensorFlow Datasets knows, without their configurations."""
    return tfds.list_builders(with_community_datasets=False)


def knows(name: str) -> bool:
    """Whether "mnist", "cycle_gan/horse2zebra" or "mnist:3.0.1" begins with a known name."""
    return name.split("/")[0].split(":")[0] in names()


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
    """The images of a TFDS data set, `(height, width, channels)`, with its labels if it has any.

    Args:
        name: as TFDS writes it: "mnist", "cycle_gan/horse2zebra", "mnist:3.0.1".
        split: as TFDS writes it: "train", "test", "train[:1000]", "train+test".
        size: `(height, width)` to resize to; without it all images need the same size.
        channels: 1, 3 or 4; without it, as the data set has them.
        cache: True keeps decoded images in memory, False decodes them anew each epoch,
            "auto" decides by their size.
        data_dir: where data sets lie; the environment variable TFDS_DATA_DIR, else
            `~/tensorflow_datasets`.
        download: whether to download what is not on disk.

    Raises:
        InputError: an unknown name, configuration or split; not on disk and not to be
            downloaded; no feature "image"; images of different sizes.
    """
    builder = _builder(name, data_dir)
    image, label = _features(builder, name)  # before a download that would be in vain
    if not (builder.data_path / "dataset_info.json").exists():
        _download(builder, name, download)
    count = _count(builder, name, split)

    shape, dtype = _shape(image, size, channels, name), np.dtype(image.np_dtype)
    if cache == "auto":
        cache = images.fits_in_memory(count * int(np.prod(shape)) * dtype.itemsize)

    def decode(example):
        value = image.decode_example(example["image"])
        if value.shape != shape:
            value = tf.numpy_function(
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
        # Only bytes have a range that is known without looking at all of them.
        decoded = encoded.map(decode, tf.data.AUTOTUNE)
        try:
            values, labels = _collect(decoded, count, shape, dtype)
        except (tf.errors.OpError, ValueError) as error:
            raise InputError(
                f"The data set {name!r} in {builder.data_path} cannot be read: {error}. If its "
                "files are damaged, delete that folder to have them made anew."
            ) from error
        return Source(values=values, labels=labels if label else None, **common)

    def open_store(labelled):
        return Records(encoded, decode if labelled else lambda example: decode(example)[:1])

    return Source(open=open_store, size=count, shape=shape, labels=label is not None, **common)


def _builder(name: str, data_dir):
    data_dir = data_dir or os.environ.get("TFDS_DATA_DIR") or None
    if data_dir is not None:
        data_dir = os.path.expanduser(data_dir)
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise _unknown(name) from error
    except (ValueError, AssertionError) as error:
        first, _, config = name.partition("/")
        configs = tfds.builder_cls(first.split(":")[0]).builder_configs
        if config and config.split(":")[0] not in configs:
            raise unknown(f"configuration of {first!r}:", config, configs) from error
        raise InputError(f"TensorFlow Datasets cannot make {name!r}: {error}") from error


def _unknown(name: str) -> InputError:
    """The nearest names among all, but not the whole list of several hundred."""
    known = [*catalog.BUILT_IN, *names()]
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return InputError(
        f"Unknown dataset {name!r}.{hint} Known: {', '.join(catalog.BUILT_IN)}, the {len(names())} "
        "names of TensorFlow Datasets (https://www.tensorflow.org/datasets/catalog), or the path "
        "of a folder of images or an .npz file."
    )


def _download(builder, name: str, allowed: bool) -> None:
    """Download and prepare, or say at once why it cannot be done."""
    missing = f"The data set {name!r} is not on this machine (looked in {builder.data_path})"
    offline = (
        "Point data_dir or TFDS_DATA_DIR to a folder that holds it, or use 'digits': real "
        "handwritten digits that need no network."
    )
    if not allowed:
        raise InputError(f"{missing}, and download=False forbids to fetch it. {offline}")
    if not online():
        raise InputError(f"{missing}, and there is no network to download it. {offline}")
    try:
        builder.download_and_prepare()
    except (OSError, AssertionError, ImportError, tfds.download.DownloadError) as error:
        # Connections that break and full disks; data to be fetched by hand; extra packages.
        raise InputError(f"{missing}, and fetching it failed: {error}. {offline}") from error


def _features(builder, name: str):
    """The features "image" and "label"; the second is None where it isn't one class."""
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
    """Samples in the split."""
    splits = builder.info.splits
    try:
        return splits[split].num_examples
    except (KeyError, ValueError, AssertionError) as error:
        raise InputError(
            f"The data set {name!r} has no split {split!r}. It has: {', '.join(splits)}; parts of "
            'them are written like "train[:1000]" or "train[90%:]".'
        ) from error


def _shape(image, size, channels, name: str) -> tuple[int, int, int]:
    """The shape of the images after decoding and fitting."""
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
    """All decoded samples and labels in two arrays."""
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
