"""Sources that hold samples: folders, named data sets, files of arrays, and arrays."""

import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kgan import data, records
from kgan.data import folder as folders
from kgan.data import places, walking
from kgan.data.images import parallel
from kgan.data.splits import parse
from kgan.errors import InputError
from kgan.evaluation.samples import BATCH, RANGE, Frame, Samples, Source, scaled

# Made by kgan alone, so that the version tells what they are.
_OWN = ("digits", "ring", "grid")
# The parts that are tried if none is asked for: held-out samples first.
_PARTS = ("test", "train")


class Data(Source):
    """A folder of images, a file of arrays, or a data set by name: what `kgan.data.load` takes.

    Args:
        source: a name or a path.
        reference: whether it stands for real samples, so that a part "test" comes first.
        options: settings that a run gives in place of the frame's.
    """

    def __init__(self, source: Any, reference: bool = True, options: dict | None = None):
        self.source, self.name = source, str(source)
        self.reference = reference
        self.options = options or {}
        path = Path(source).expanduser()
        self.path = path if path.exists() and not _is_name(str(source)) else None
        self.kind = "data set"
        if self.path is not None:
            self.kind = "folder of images" if self.path.is_dir() else "file of samples"

    def open(self, frame: Frame) -> Samples:
        first_error = None
        for split in self._parts(frame):
            try:
                dataset = self._load(frame, split)
            except InputError as error:
                first_error = first_error or error
                continue
            names = self._names(split) if frame.ordered else None
            return of_dataset(dataset, None if split == "all" else split, names)
        raise first_error

    def check(self, frame: Frame) -> None:
        if self.path is None:
            if self.name in dict(data.sources()):
                return
            from kgan.data import tfds

            if _is_path(self.name):
                place = Path(self.source).expanduser().absolute()
                raise InputError(
                    f"There is no folder or file {self.name} (looked for {place}). Give a folder "
                    "of images, an .npz or .npy file, or a data set by name, like 'digits'."
                )
            tfds.prepared_folder(self.name, frame.data_dir)
        elif self.path.is_dir() and not walking.find(_root(self.path, self._parts(frame)[0])):
            raise InputError(
                f"No images in the folder {self.name} or below it, nor a run or a SavedModel. "
                f"Expected files ending in {', '.join(walking.SUFFIXES)}."
            )

    def digest(self, frame: Frame) -> str | None:
        if self.path is not None and self.path.is_file():
            return records.file_checksum(self.path)
        if self.path is not None:
            root = _root(self.path, self._parts(frame)[0])
            return _of_files(walking.find(root), root)
        if self.name in _OWN:
            return self.name
        return _of_builder(self.name, frame.data_dir)

    def _parts(self, frame) -> tuple[str, ...]:
        if frame.split is not None:
            return (frame.split,)
        if self.path is not None and self.path.is_dir():
            return ("all",)
        return _PARTS if self.reference else _PARTS[::-1]

    def _load(self, frame, split):
        settings = {
            "split": split,
            "batch_size": BATCH,
            "size": frame.size,
            "channels": frame.channels,
            "seed": frame.seed,
            "shuffle": not frame.ordered,
            "drop_remainder": False,
            "data_dir": frame.data_dir,
            **self.options,
        }
        if self.path is not None and self.path.is_file() and not _holds_images(self.path):
            settings |= {"value_range": None, "size": None, "channels": None}
        elif frame.value_range is not None and self.path is not None and self.path.is_file():
            settings["source_range"] = frame.value_range
        try:
            return data.load(
                self.source, value_range=settings.pop("value_range", RANGE), **settings
            )
        except InputError as error:
            if "Sub-folders are classes" not in str(error):
                raise
        # Without classes the pictures are good to be measured.
        return data.load(self.source, value_range=RANGE, labels=False, **settings)

    def _names(self, split) -> list[str] | None:
        if self.path is None or not self.path.is_dir() or parse(split)[1:] != (None, None):
            return None
        root = _root(self.path, split)
        return [path.relative_to(root).with_suffix("").as_posix() for path in walking.find(root)]


class Arrays(Source):
    """Samples in memory: an array, a pair (samples, labels), or a dataset of `kgan.data`."""

    def __init__(self, given: Any):
        self.given = given
        info = getattr(given, "info", None)
        self.kind = "array" if info is None else "dataset"
        self.name = "an array" if info is None else info.name

    def open(self, frame: Frame) -> Samples:
        given = self.given
        if hasattr(given, "info"):
            return of_dataset(given, given.info.split)
        samples = np.asarray(given[0] if isinstance(given, tuple) else given)
        image = samples.ndim == 4 or (samples.ndim == 3 and samples.dtype == np.uint8)
        settings: dict[str, Any] = {"value_range": None}
        if image:
            settings = {"value_range": RANGE, "size": frame.size, "channels": frame.channels}
            if frame.value_range is not None:
                settings["source_range"] = frame.value_range
        return of_dataset(
            data.load(
                given,
                batch_size=BATCH,
                seed=frame.seed,
                shuffle=not frame.ordered,
                drop_remainder=False,
                **settings,
            )
        )

    def digest(self, frame: Frame) -> str | None:
        if hasattr(self.given, "info"):
            return None
        parts = self.given if isinstance(self.given, tuple) else (self.given,)
        found = hashlib.sha256()
        for part in parts:
            array = np.ascontiguousarray(part)
            found.update(f"{array.dtype} {array.shape}".encode())
            found.update(array.tobytes())
        return found.hexdigest()


def of_dataset(dataset: Any, split: str | None = None, names: list[str] | None = None) -> Samples:
    """Returns the samples of a dataset of `kgan.data`."""
    info = dataset.info

    def read(count: int, labels: Any) -> Iterator[tuple[np.ndarray, Any]]:
        position = getattr(dataset, "position", None)
        before = None if position is None else (position.epoch, position.skip_batches)
        if position is not None:
            position.seek(0)
        try:
            for batch in dataset:
                samples, *rest = batch if isinstance(batch, (tuple, list)) else (batch,)
                own = np.asarray(rest[0]) if rest and info.classes else None
                yield scaled(np.asarray(samples), info.value_range), own
        finally:
            if position is not None:
                position.seek(*before)

    return Samples(
        shape=tuple(info.sample_shape),
        value_range=RANGE if info.value_range is not None else None,
        read=read,
        size=info.size,
        split=split,
        classes=info.classes,
        modes=info.modes,
        names=names,
    )


def _is_name(source: str) -> bool:
    """Whether a text is the name of a data set, which comes before a folder of that name."""
    if source in dict(data.sources()):
        return True
    if _is_path(source):
        return False

    return places.knows(source)


def _is_path(source: str) -> bool:
    """Whether a text can only be a path. A data set may have a configuration: "NAME/CONFIG"."""
    if source.startswith((".", "~", "/")) or source.endswith("/") or Path(source).is_absolute():
        return True
    if Path(source).suffix.lower() in (".npz", ".npy"):
        return True

    return ("/" in source or os.sep in source) and not places.knows(source)


def _root(folder: Path, split: str) -> Path:
    return folders.part(folder, parse(split)[0])


def _of_files(paths: list[Path], root: Path) -> str:
    """Returns a digest of the names and of every byte of files."""
    found = hashlib.sha256()
    for path, checksum in zip(paths, parallel(_checksum, paths), strict=True):
        found.update(
            f"{path.relative_to(root).as_posix()}\0{checksum}\0".encode("utf-8", "replace")
        )
    return found.hexdigest()


def _checksum(path: Path) -> str:
    try:
        return records.file_checksum(path)
    except OSError as error:
        # Reading the image will name it.
        return str(error)


def _of_builder(name: str, data_dir: Any) -> str | None:
    """Returns a digest of the files of a data set of TensorFlow Datasets; None if it has none."""
    from kgan.data import tfds

    if not places.knows(name):
        return None
    folder = tfds.prepared_folder(name, data_dir)
    if folder is None:
        return None
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return _of_files(paths, folder)


def _holds_images(path: Path) -> bool:
    """Whether an array in a file has the shape of images, by the headers alone.

    A damaged file counts as images: reading it will say what is wrong.
    """
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as stream:
                return _is_image(*_header(stream))
        with zipfile.ZipFile(path) as file:
            for member in file.namelist():
                with file.open(member) as stream:
                    if _is_image(*_header(stream)):
                        return True
        return False
    except records.DAMAGE:
        return True


def _is_image(shape: tuple, dtype: np.dtype) -> bool:
    return len(shape) == 4 or (len(shape) == 3 and dtype == np.uint8)


def _header(stream) -> tuple[tuple, np.dtype]:
    version = np.lib.format.read_magic(stream)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(stream)
    return shape, dtype
