"""Checkpoints on disk, written so that none is ever incomplete.

A checkpoint is a folder `step-0000123/` with

- `state.weights.h5`, the full training state as `gan.save_weights` writes it, and
- `state.json`, what is needed to resume from it and to verify it; see `Checkpoint`. It has a
  checksum of its own; and
- `callbacks.npz`, the arrays in the states of callbacks, if there are any.

It is written under a temporary name in the same folder, flushed to the disk, and renamed. Whatever
happens in between, the folders named `step-*` are complete.
"""

import errno
import json
import math
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kgan import arguments, records
from kgan.disk import marks
from kgan.disk.writing import flush, reserve
from kgan.training.saving import state_size

from .folders import cannot_write

STATE = "state.weights.h5"
NOTE = "state.json"
sha256 = records.file_checksum
ARRAYS = "callbacks.npz"
UNFINISHED = ".unfinished-"
REPLACED = ".replaced-"


@dataclass(frozen=True)
class SavedState:
    """One checkpoint on disk.

    Attributes:
        path: Its folder.
        iterations: Training steps that the model had taken.
        note: Content of `state.json`; empty if that file cannot be read.
    """

    path: Path
    iterations: int
    note: dict

    @property
    def weights(self) -> Path:
        """The file to give to `gan.load_weights`."""
        return self.path / STATE

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays in the states of callbacks, by the names that the note refers to."""
        if self.note.get("arrays_sha256") is None:
            return {}
        with np.load(self.path / ARRAYS, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    def problem(self) -> str | None:
        """Verifies both files by their checksums; returns what is wrong, or None.

        Raises:
            InputError: If a newer version of kgan wrote the checkpoint.
        """
        problem = self.problem_of_note()
        if problem is not None:
            return problem
        try:
            size = self.weights.stat().st_size
            if size != self.note["size"]:
                return f"its {STATE} has {size} bytes instead of {self.note['size']}"
            if sha256(self.weights) != self.note["sha256"]:
                return f"its {STATE} has changed since it was written (other checksum)"
            arrays = self.note.get("arrays_sha256")
            if arrays is not None and sha256(self.path / ARRAYS) != arrays:
                return f"its {ARRAYS} has changed since it was written (other checksum)"
        except OSError as error:
            return f"its {STATE} or {ARRAYS} cannot be read: {error.strerror}"
        return None

    def problem_of_note(self) -> str | None:
        """Verifies `state.json` alone; returns and raises as `problem` does."""
        note = self.note
        if not note:
            return f"its {NOTE} is missing or cannot be read"
        versions = note.get("versions")
        version = versions.get("kgan") if isinstance(versions, dict) else None
        stated = note.get("format")
        # A number that has flipped is damage; one of a newer version comes with its checksum.
        whole = note.get("checksum") == records.checksum(note)
        if whole or stated is None:
            records.check_format(self.path / NOTE, stated, version)
        if not whole and ("checksum" in note or stated is not None):
            return f"its {NOTE} has changed since it was written (other checksum)"
        for name, (fits, wanted) in (_ENTRIES | _LATER).items():
            if name not in note and name not in _OPTIONAL:
                return f"its {NOTE} lacks {name!r}"
            if name in note and not fits(note[name]):
                return f"its {NOTE} has {name}={note[name]!r} instead of {wanted}"
        if note["iterations"] != self.iterations:
            return f"its {NOTE} is of step {note['iterations']}"
        return None


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


_COUNT = (records.is_count, "a number of at least 0")
_COUNT_OR_NONE = (lambda value: value is None or records.is_count(value), "a number or null")
_WORD = (lambda value: value is None or isinstance(value, str), "a word or null")
# What each entry of `state.json` must be, so that nothing fails or goes wrong in its use.
_ENTRIES = {
    "iterations": _COUNT,
    "epoch": _COUNT,
    "steps_in_epoch": _COUNT,
    "size": _COUNT,
    "sha256": (lambda value: isinstance(value, str), "a checksum"),
    "monitor": _WORD,
    "mode": (lambda value: value in (None, "auto", "min", "max"), "'min', 'max' or null"),
    "value": (lambda value: value is None or _is_number(value), "a number or null"),
    "logs": (lambda value: isinstance(value, dict), "numbers by name"),
    "versions": (lambda value: isinstance(value, dict), "versions by name"),
}
_LATER = {
    "steps_per_epoch": _COUNT_OR_NONE,
    "steps_per_execution": _COUNT_OR_NONE,
    "due": (lambda value: isinstance(value, bool), "true or false"),
    "callbacks": (lambda value: isinstance(value, dict), "states by name"),
    "within": (lambda value: isinstance(value, dict), "figures by name"),
    "arrays_sha256": _WORD,
}
_OPTIONAL = {"monitor", "mode", "value", "logs", "versions", *_LATER}


def find_checkpoints(folder: str | os.PathLike) -> list[SavedState]:
    """Returns all checkpoints in a folder, oldest first, including damaged ones."""
    found = []
    for path in Path(arguments.path("folder", folder)).glob("step-*"):
        number = path.name.removeprefix("step-")
        # `isdigit` alone also accepts superscripts, which `int` refuses.
        if path.is_dir() and number.isascii() and number.isdigit():
            found.append(SavedState(path, int(number), _read_note(path)))
    return sorted(found, key=lambda saved: saved.iterations)


def latest(folder: str | os.PathLike) -> SavedState | None:
    """Returns the newest undamaged checkpoint, or None if there is none.

    A damaged newer one is skipped with a warning that names it.

    Raises:
        InputError: If a newer version of kgan wrote the newest one.

    Example:

    ```python
    saved = kgan.callbacks.latest("run/checkpoints")
    gan.load_weights(saved.weights)
    ```
    """
    return next(whole(folder, stacklevel=3), None)


def whole(folder: str | os.PathLike, stacklevel: int = 2) -> Iterator[SavedState]:
    """Yields the undamaged checkpoints, newest first; warns of the damaged ones in between."""
    for saved in reversed(find_checkpoints(folder)):
        problem = saved.problem()
        if problem is None:
            yield saved
        else:
            warnings.warn(
                f"Skipping the damaged checkpoint {saved.path}: {problem}.", stacklevel=stacklevel
            )


def write_checkpoint(
    folder: Path, note: dict, model: keras.Model, arrays: dict[str, Any] | None = None
) -> SavedState:
    """Writes a checkpoint. A crash at any moment leaves the other checkpoints unchanged.

    Args:
        folder: Folder of the checkpoints.
        note: Content of `state.json`; `iterations` names the checkpoint, and the size and the
            checksums are added.
        model: The model whose training state is written, by `save_weights`.
        arrays: The arrays in the states of callbacks, by the names that the note refers to.

    Raises:
        InputError: If the disk is full or cannot be written; nothing of the checkpoint is left.
    """
    target = folder / f"step-{note['iterations']:07d}"
    work = folder / f"{UNFINISHED}{os.getpid()}-{target.name}"
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        save_state(model, work / STATE)
        note = note | {"size": (work / STATE).stat().st_size, "sha256": sha256(work / STATE)}
        if arrays:
            with (work / ARRAYS).open("wb") as file:
                np.savez(file, **arrays)
            note |= {"arrays_sha256": sha256(work / ARRAYS)}
        note = records.signed(note)
        (work / NOTE).write_text(json.dumps(note, indent=2, allow_nan=False))
        for path in (*work.iterdir(), work):
            flush(path)
        _put(work, target)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, OSError):
            kept = " The earlier checkpoints are complete: resume=True goes on from the newest."
            raise cannot_write(target, error, kept) from error
        raise
    return SavedState(target, note["iterations"], note)


def not_written(folder: Path, note: dict) -> SavedState:
    """Returns the checkpoint that `write_checkpoint` writes in the first worker."""
    return SavedState(folder / f"step-{note['iterations']:07d}", note["iterations"], note)


def rewrite_note(saved: SavedState, changes: dict) -> SavedState:
    """Replaces entries of a checkpoint's `state.json` atomically."""
    note = records.signed(saved.note | changes)
    temporary = saved.path / f"{UNFINISHED}{NOTE}"
    try:
        temporary.write_text(json.dumps(note, indent=2, allow_nan=False))
        flush(temporary)
        os.replace(temporary, saved.path / NOTE)
        flush(saved.path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(saved.path / NOTE, error) from error
    return SavedState(saved.path, saved.iterations, note)


def remove(saved: SavedState) -> None:
    """Deletes a checkpoint. It is renamed first, so that no `step-*` is ever half deleted.

    Raises:
        InputError: If its folder holds files of someone else; it is then unchanged.
    """
    marks.check_checkpoint(saved.path)
    renamed = saved.path.with_name(f"{UNFINISHED}{saved.path.name}")
    shutil.rmtree(renamed, ignore_errors=True)
    saved.path.rename(renamed)
    shutil.rmtree(renamed, ignore_errors=True)


def clean(folder: Path) -> None:
    """Deletes what a crash left behind, and restores a checkpoint that was being replaced."""
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
    """Writes the training state of `model`, after checking that there is room for it.

    HDF5 must not run out of space itself: closing a file that it could not flush ends the
    process with a segmentation fault (seen with h5py 3.14).

    Raises:
        OSError: If there is no room, or the file is incomplete.
    """
    reserve(path, state_size(model))
    model.save_weights(str(path))
    try:
        layout(path)
    except (OSError, RuntimeError, KeyError) as error:
        raise OSError(errno.ENOSPC, "the state was cut short") from error


def layout(path: str | os.PathLike) -> dict[str, tuple[int, ...]]:
    """Returns name and shape of every array in a file of weights."""
    arrays = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item.shape

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return arrays


def _read_note(path: Path) -> dict:
    try:
        note = records.parse((path / NOTE).read_bytes())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _put(work: Path, target: Path) -> None:
    """Moves a complete checkpoint to its final name, replacing an earlier one there."""
    old = target.with_name(f"{REPLACED}{target.name}")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    work.rename(target)
    flush(target.parent)
    shutil.rmtree(old, ignore_errors=True)
