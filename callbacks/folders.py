"""Checks of the folders that a run writes to, and the errors if it cannot."""

import os
from pathlib import Path

from kgan.disk.writing import FULL, remedy
from kgan.errors import InputError


def writable_folder(path: str | os.PathLike) -> Path:
    """Makes the folder if necessary, and checks with a small file that it can be written.

    The check before training saves the user hours of training that could not be kept.

    Raises:
        InputError: If it cannot be written.
    """
    path = Path(path)
    probe = path / f".probe-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        for left in path.glob(".probe-*"):
            # A process was killed before it could delete it.
            if left.stat().st_size <= len(b"kgan"):
                left.unlink(missing_ok=True)
        try:
            probe.write_bytes(b"kgan")
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def cannot_write(path: str | os.PathLike, error: BaseException, then: str = "") -> InputError:
    """Returns the error for a file or folder that cannot be written, with the remedy.

    Args:
        path: The file or folder.
        error: The error that occurred.
        then: More sentences for the message, with a space before.
    """
    if getattr(error, "errno", None) in FULL:
        cause = "the disk is full, or a quota or limit is reached"
    else:
        cause = getattr(error, "strerror", None) or str(error).split("\n")[0]
    advice = remedy(error, otherwise="Make it writable, or choose another place.")
    return InputError(f"Cannot write {path}: {cause}. {advice}{then}")
