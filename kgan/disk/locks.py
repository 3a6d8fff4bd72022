"""Locks of folders, so that two processes do not write the same run.

The lock is one of the operating system, which releases it when a process ends in whatever way: no
lock outlives its process. Beside it lies a note of who holds it, for the one that is refused.
"""

import atexit
import contextlib
import datetime
import errno
import json
import os
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

import filelock

from kgan.errors import InputError

LOCK, HOLDER = ".kgan.lock", ".kgan.holder"

# The locks that this process holds, by folder, and how often it has taken each.
_held: dict[Path, tuple[filelock.BaseFileLock, int]] = {}
# Kept, because a lock that is deleted is released.
_parents: list[filelock.BaseFileLock] = []


def acquire(folder: Path, advice: str) -> str | None:
    """Locks an existing folder for this process, which may lock it several times.

    Args:
        folder: the folder.
        advice: what to do if another process holds it, a sentence of the error message.

    Returns:
        Who held it and ended without releasing it; None if nobody did.

    Raises:
        InputError: if another process holds it; the message says which.
    """
    place = folder.resolve()
    if place in _held:
        lock, times = _held[place]
        _held[place] = lock, times + 1
        return None
    lock = filelock.FileLock(place / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0.2, poll_interval=0.05)
    except filelock.Timeout:
        raise InputError(
            f"{folder} is in use by {_holder(place) or 'another process'}. {advice}"
        ) from None
    except PermissionError as error:
        raise InputError(
            f"Cannot write to {folder}: {error.strerror}. Make it writable, or choose another."
        ) from None
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", None) in (errno.EROFS, errno.ENOSPC, errno.EMFILE):
            raise
        # Some network file systems have no locks; training there was possible before.
        warnings.warn(
            f"{folder} cannot be locked ({error}): make sure that no other process trains there.",
            stacklevel=2,
        )
        return None
    before = _holder(place)
    _held[place] = lock, 1
    with contextlib.suppress(OSError):
        (place / HOLDER).write_text(json.dumps(_myself()), encoding="utf-8")
    return before


def release(folder: Path, altogether: bool = False) -> None:
    """Releases a lock of this process as often as it was taken; otherwise does nothing.

    Args:
        folder: the folder.
        altogether: whether to release it, however often it was taken.
    """
    place = folder.resolve()
    if place not in _held:
        return
    lock, times = _held[place]
    if times > 1 and not altogether:
        _held[place] = lock, times - 1
        return
    del _held[place]
    with contextlib.suppress(OSError):
        (place / HOLDER).unlink(missing_ok=True)
    _drop(lock, place / LOCK)


@contextlib.contextmanager
def briefly(file: Path) -> Iterator[None]:
    """A context for reading and rewriting a file, in which other processes wait for their turn.

    Where that cannot be locked, as in a folder that is not writable, nobody waits.
    """
    path = file.resolve().with_name(f".{file.name}.lock")
    lock = filelock.FileLock(path, thread_local=False)
    with contextlib.suppress(OSError, NotImplementedError, filelock.Timeout):
        lock.acquire(timeout=10, poll_interval=0.02)
    try:
        yield
    finally:
        if lock.is_locked:
            _drop(lock, path)


def _drop(lock: filelock.BaseFileLock, path: Path) -> None:
    """Releases a lock and deletes its file."""
    if os.name == "nt":
        lock.release()
    with contextlib.suppress(OSError):
        # While the lock is held: another process could otherwise lock the file that goes away.
        path.unlink(missing_ok=True)
    if os.name != "nt":
        lock.release()


def _myself() -> dict:
    since = datetime.datetime.now(datetime.timezone.utc).isoformat(" ", timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}


def _holder(place: Path) -> str | None:
    """Returns who holds the lock, or held it last, in words; None if that is not noted."""
    try:
        noted = json.loads((place / HOLDER).read_text(encoding="utf-8"))
        return f"process {noted['pid']} on {noted['host']}, since {noted['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _release_all() -> None:
    for place in list(_held):
        release(place, altogether=True)


def _forget() -> None:
    """A forked process holds none of its parent's locks, and must not release them."""
    _parents.extend(lock for lock, _ in _held.values())
    _held.clear()


atexit.register(_release_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
