"""Folders that a run writes to, and what is said when it cannot."""

import errno
import os
import shutil
from pathlib import Path

from kgan.errors import InputError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def writable_folder(path: str | os.PathLike) -> Path:
    """Makes the folder if need be, and proves by a small file that it can be written.

    Raises:
        InputError: It cannot; better found before training than hours into it.
    """
    path = Path(path)
    probe = path / f".probe-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"kgan")
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def cannot_write(path: str | os.PathLike, error: BaseException, then: str = "") -> InputError:
    """The error for a file or folder that cannot be written, with what to do about it."""
    if getattr(error, "errno", None) in FULL:
        cause, remedy = "the disk is full, or a quota or limit is reached", "Free some space there"
    else:
        cause = getattr(error, "strerror", None) or str(error).split("\n")[0]
        remedy = "Make it writable"
    return InputError(f"Cannot write {path}: {cause}. {remedy}, or choose another place.{then}")


def reserve(path: Path, size: int) -> None:
    """Makes sure that a file of `size` bytes can be written at `path`, and leaves none there.

    Raises:
        OSError: There is no room, or a quota or limit forbids it.
    """
    if not hasattr(os, "posix_fallocate"):
        if shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return
    number = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        os.posix_fallocate(number, 0, size)
    finally:
        os.close(number)
        path.unlink()
