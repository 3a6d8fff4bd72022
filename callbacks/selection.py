"""Which of the checkpoints in a folder is the best, and which are kept."""

import contextlib
from collections.abc import Collection
from pathlib import Path

from kgan.disk import marks
from kgan.errors import InputError

from . import checkpoint_files as files
from .direction import better


def is_better(value: float, than: files.SavedState, mode: str) -> bool:
    """Returns whether a value is better than a checkpoint's; mode "auto" takes the checkpoint's."""
    return better(value, than.note["value"], than.note["mode"] if mode == "auto" else mode)


def noted_best(
    folder: Path, monitor: str | None, mode: str, left_out: Collection[Path] = ()
) -> files.SavedState | None:
    """Returns the checkpoint with the best monitored value by the notes alone, or None."""
    best = None
    for saved in files.find_checkpoints(folder):
        if saved.path in left_out or saved.problem_of_note() is not None:
            continue
        value = saved.note.get("value")
        if value is None or saved.note.get("monitor") != monitor:
            continue
        if saved.note.get("mode") not in ("min", "max"):
            continue
        if best is None or is_better(value, best, mode):
            best = saved
    return best


def whole_best(folder: Path, monitor: str | None, mode: str) -> files.SavedState | None:
    """Returns the undamaged checkpoint with the best monitored value, or None."""
    damaged = set()
    while (best := noted_best(folder, monitor, mode, damaged)) is not None:
        if best.problem() is None:
            return best
        damaged.add(best.path)
    return None


def claim(folder: Path, overwrite: bool) -> None:
    """Deletes the checkpoints of another run.

    Raises:
        InputError: If there are any, and `overwrite` is false or one holds files of someone else.
    """
    found = files.find_checkpoints(folder)
    if found and not overwrite:
        raise InputError(
            f"{folder} holds checkpoints of another run, the newest after "
            f"{found[-1].iterations} steps. Continue it with resume=True, delete them with "
            "overwrite=True, or choose another folder."
        )
    for saved in found:
        marks.check_checkpoint(saved.path)
    for saved in found:
        files.remove(saved)


def thin(folder: Path, keep: int, last: files.SavedState, best: files.SavedState | None) -> None:
    """Deletes all checkpoints but the newest `keep`, the best and the one just written.

    Those that were saved only because training stopped are deleted, except the newest: an unbroken
    run has none.
    """
    found = files.find_checkpoints(folder)
    due = [saved for saved in found if saved.note.get("due", True)]
    others = keep - (not last.note.get("due", True))
    kept = {saved.path for saved in due[max(0, len(due) - others) :]}
    kept |= {saved.path for saved in (last, best) if saved is not None}
    for saved in found:
        if saved.path not in kept:
            with contextlib.suppress(InputError):  # someone keeps files of their own in it
                files.remove(saved)
