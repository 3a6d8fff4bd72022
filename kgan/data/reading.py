"""Chooses the reader for the source that the user gave, and reads it."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kgan.data import arrays, checks, digits, folder, images, mixtures, places, stacked
from kgan.data.info import Source
from kgan.errors import InputError

_MIXTURES = {
    "ring": (mixtures.ring, ("n", "radius", "std")),
    "grid": (mixtures.grid, ("n", "std")),
}


def read(
    source: object,
    *,
    split: str,
    batch_size: int,
    size: tuple[int, int] | None,
    channels: int | None,
    labels: bool,
    seed: int,
    cache: bool | str,
    data_dir: str | os.PathLike | None,
    download: bool,
    options: dict,
    background: tuple[int, int, int] = images.WHITE,
) -> Source:
    """Reads `source` with the reader for it; the arguments are those of `kgan.data.load`."""
    path = None if isinstance(source, str) and _is_made(source) else places.path_of(source)
    is_folder = path is not None and path.is_dir()
    if background != images.WHITE and not is_folder:
        raise InputError(
            "background is laid under transparent images of folders; "
            f"{source if isinstance(source, (str, Path)) else 'arrays'!r} is no folder. Leave it "
            "out."
        )
    if isinstance(source, str) and source in _MIXTURES:
        reader, known = _MIXTURES[source]
        _check_options(source, options, known)
        if size or channels:
            raise InputError(f"{source!r} holds points, not images: leave out size and channels.")
        return reader(split, seed=seed, **options)
    if isinstance(source, str) and source == stacked.NAME:
        _check_options(source, options, ("n", "of"))
        if channels not in (None, 3):
            raise InputError(
                f"{source!r} has three channels, one for each digit: leave out channels."
            )
        reading = {"batch_size": batch_size, "size": size, "seed": seed, "cache": True}
        reading |= {"data_dir": data_dir, "download": download}
        return _stacked(split, reading, **options)

    _check_options(path or source, options, ())
    if path is not None and is_folder:
        return folder.read(
            path, split, size=size, channels=channels, labels=labels, cache=cache,
            background=background,
        )  # fmt: skip
    if path is not None:
        read_file = arrays.read_npy if path.suffix.lower() == ".npy" else arrays.read_npz
        found = read_file(path, split, batch_size)
    elif isinstance(source, Mapping):
        found = arrays.read_mapping(source, split, batch_size, "arrays")
    elif not isinstance(source, str):
        pair = source if isinstance(source, tuple) and len(source) == 2 else (source, None)
        found = arrays.sliced(arrays.read(*pair, batch_size=batch_size), split)
    elif source == "digits":
        found = digits.read(split)
    else:
        return _tfds().read(
            source,
            split,
            size=size,
            channels=channels,
            cache=cache,
            data_dir=data_dir,
            download=download,
        )
    return fitted(found, size, channels)


def _is_made(source: str) -> bool:
    """Whether a name is that of data that is computed, and never of a folder."""
    return source in _MIXTURES or source == stacked.NAME


def _stacked(split, reading, n=None, of="mnist") -> Source:
    """Returns stacks of the digits of the data set `of`, read with the arguments `reading`."""
    if not isinstance(of, str) or of == stacked.NAME or of in _MIXTURES:
        raise InputError(
            'of is the name of the data set whose grey digits are stacked, "mnist" or "digits"; '
            f"got {of!r}."
        )

    def digits_of(part):
        return read(of, split=part, channels=1, labels=True, options={}, **reading)

    return stacked.read(digits_of, split, of=of, seed=reading["seed"], n=n)


def _tfds():
    """Imports the reader of TensorFlow Datasets, which is slow, and so only when it is needed."""
    from kgan.data import tfds

    return tfds


def _check_options(source: object, options: dict, known: tuple[str, ...]) -> None:
    """Raises an `InputError` for an option that is neither known nor `source_range`."""
    name = str(source) if isinstance(source, (str, Path)) else "arrays"
    checks.options(name, options, ("source_range", *known))


def fitted(source: Source, size, channels) -> Source:
    """Resizes the images of a source in memory, and converts their channels.

    Raises:
        InputError: if the samples are not images and `size` or `channels` is given.
    """
    values = source.values
    if values.ndim == 3 and (values.dtype == np.uint8 or channels == 1):
        values = values[..., np.newaxis]  # grey images are often stored without the axis
    if values.ndim != 4 and (size or channels):
        raise InputError(
            "size and channels are for images (samples, height, width, channels); the samples "
            f"of {source.name!r} have shape {values.shape[1:]}."
        )
    if values.ndim == 4 and len(values):
        values = images.to_channels(images.resize_all(values, size), channels)
    source.values = values
    source.shape = values.shape[1:]
    return source
