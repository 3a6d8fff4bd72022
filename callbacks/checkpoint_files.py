"""Checkpoints on disk: folders that are there whole or not at all.

A checkpoint is a folder `step-0000123/` with

- `state.weights.h5`, the full training state as `gan.save_weights` writes it, and
- `state.json`, what is needed to go on from it and to trust it; see `Checkpoint`.

It is written under another name beside its place, brought to the disk, and renamed. Whatever
happens in between, the folders named `step-*` are whole.
"""

import errno
import hashlib
import json
import math
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import tensorflow as tf

from .folders import cannot_write, reserve

STATE = "state.weights.h5"
NOTE = "state.json"
UNFINISHED = ".unfinished-"
REPLACED = ".replaced-"
# What HDF5 adds to a file and to each array in it, generously.
HEAD, HEAD_OF_ARRAY = 16_384, 2_048


@dataclass(frozen=True)
class SavedState:
    """One checkpoint on disk.

    Attributes:
        path: Its folder.
        iterations: Training steps it was taken after.
        note: What `state.json` says; empty where that file cannot be read.
    """

    path: Path
    iterations: int
    note: dict

    @property
    def weights(self) -> Path:
        """The file to give to `gan.load_weights`."""
        return self.path / STATE

    def problem(self) -> str | None:
        """What is wrong with it, or None: the size and the checksum of the state are verified."""
        if not self.note:
            return f"its {NOTE} is missing or cannot be read"
        try:
            size = self.weights.stat().st_size
            if size != self.note["size"]:
                return f"its {STATE} has {size} bytes instead of {self.note['size']}"
            if sha256(self.weights) != self.note["sha256"]:
                return f"its {STATE} has changed since it was written (other checksum)"
        except OSError as error:
            return f"its {STATE} cannot be read: {error.strerror}"
        except KeyError as error:
            return f"its {NOTE} lacks {error}"
        return None


def find_checkpoints(folder: str | os.PathLike) -> list[SavedState]:
    """All checkpoints in a folder, oldest first, damaged ones included."""
    found = []
    for path in Path(folder).glob("step-*"):
        number = path.name.removeprefix("step-")
        if path.is_dir() and number.isdigit():
            found.append(SavedState(path, int(number), _read_note(path)))
    return sorted(found, key=lambda saved: saved.iterations)


def latest(folder: str | os.PathLike) -> SavedState | None:
    """The newest checkpoint that is whole, or None where there is none.

    A damaged newer one is passed over with a warning that names it.

    Example:

    ```python
    saved = kgan.callbacks.latest("run/checkpoints")
    gan.load_weights(saved.weights)
    ```
    """
    for saved in reversed(find_checkpoints(folder)):
        problem = saved.problem()
        if problem is None:
            return saved
        warnings.warn(f"Skipping the damaged checkpoint {saved.path}: {problem}.", stacklevel=2)
    return None


def write_checkpoint(folder: Path, note: dict, model: keras.Model) -> SavedState:
    """Writes a checkpoint so that a crash at any moment leaves the others as they are.

    Args:
        folder: Where checkpoints are kept.
        note: For `state.json`; `iterations` names the checkpoint, and the size and the
            checksum of the state are added.
        model: Its training state is written, by `save_weights`.

    Raises:
        InputError: The disk is full or cannot be written; nothing of the checkpoint is left.
    """
    target = folder / f"step-{note['iterations']:07d}"
    work = folder / f"{UNFINISHED}{os.getpid()}-{target.name}"
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        save_state(model, work / STATE)
        note = note | {"size": (work / STATE).stat().st_size, "sha256": sha256(work / STATE)}
        (work / NOTE).write_text(json.dumps(note, indent=2, allow_nan=False))
        for path in (work / STATE, work / NOTE, work):
            _flush(path)
        _put(work, target)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, OSError):
            kept = " The checkpoints before it are whole: resume=True goes on from the newest."
            raise cannot_write(target, error, kept) from error
        raise
    return SavedState(target, note["iterations"], note)


def rewrite_note(saved: SavedState, changes: dict) -> SavedState:
    """Replaces entries of a checkpoint's `state.json`, which stays readable at every moment."""
    note = saved.note | changes
    temporary = saved.path / f"{UNFINISHED}{NOTE}"
    try:
        temporary.write_text(json.dumps(note, indent=2, allow_nan=False))
        _flush(temporary)
        os.replace(temporary, saved.path / NOTE)
        _flush(saved.path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(saved.path / NOTE, error) from error
    return SavedState(saved.path, saved.iterations, note)


def remove(saved: SavedState) -> None:
    """Deletes a checkpoint; renamed first, so that it is never seen half deleted."""
    doomed = saved.path.with_name(f"{UNFINISHED}{saved.path.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    saved.path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def clean(folder: Path) -> None:
    """Clears away what a crash left behind; a checkpoint it was about to replace comes back."""
    for left in folder.glob(f"{UNFINISHED}*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
    for old in folder.glob(f"{REPLACED}step-*"):
        target = folder / old.name.removeprefix(REPLACED)
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(target)


def save_state(model: keras.Model, path: Path) -> None:
    """Writes the training state of `model`, where there is room for it.

    Raises:
        OSError: There is not. HDF5 must not find that out: closing a file it could not flush
            kills the process with a segmentation fault (seen with h5py 3.14).
    """
    reserve(path, state_size(model))
    model.save_weights(str(path))
    try:
        layout(path)
    except (OSError, RuntimeError, KeyError) as error:
        raise OSError(errno.ENOSPC, "the state was cut short") from error


def state_size(model: keras.Model) -> int:
    """About how many bytes the training state takes on disk, on the safe side."""
    owners = [model, *(player.optimizer for player in model.players)]
    owners += getattr(model.optimizer, "optimizers", ())
    variables = {id(v): v for owner in owners for v in owner.variables}.values()
    arrays = sum(tf.as_dtype(v.dtype).size * math.prod(v.shape) for v in variables)
    return arrays + HEAD + HEAD_OF_ARRAY * len(variables)


def layout(path: str | os.PathLike) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array in a file of weights."""
    arrays = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item.shape

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return arrays


def sha256(path: Path) -> str:
    """Checksum of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read_note(path: Path) -> dict:
    try:
        note = json.loads((path / NOTE).read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _put(work: Path, target: Path) -> None:
    old = target.with_name(f"{REPLACED}{target.name}")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    work.rename(target)
    _flush(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _flush(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    # Windows opens no folders.
    if path.is_dir() and os.name == "nt":
        return
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)
