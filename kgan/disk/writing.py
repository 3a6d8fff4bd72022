"""Writes of files and folders that happen as a whole or not at all."""

import contextlib
import errno
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from kgan.errors import InputError

# What is not finished yet lies in a folder of this name beside its target.
PART = ".part-"

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def remedy(error: BaseException, otherwise: str = "") -> str:
    """Returns what a user can do about an error in writing, as a sentence.

    Args:
        error: the error.
        otherwise: the sentence if nothing is known about it.
    """
    number = getattr(error, "errno", None)
    if number in FULL:
        return "Free some space there, or choose another place."
    if number in (errno.EMFILE, errno.ENFILE):
        return "The process may not open more files: raise the limit (ulimit -n 1024)."
    return otherwise


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Makes an `OSError` name `target`, whichever temporary file it arose at."""
    try:
        yield
    except OSError as error:
        error.filename = str(target)
        with contextlib.suppress(AttributeError):
            del error.filename2  # where a rename failed
        raise


def replace(target: Path, write: Callable[[Path], object], flush: bool = True) -> None:
    """Writes a file or folder in a temporary folder beside it, and moves it into place.

    Until it is complete, what was at `target` stays there, and a failure leaves nothing else. The
    target of a symbolic link is replaced, and the link stays.

    Args:
        target: file or folder to write.
        write: gets the path to write at, which has the name of `target` and does not exist.
        flush: whether to wait until the disk has it, so that a power failure cannot leave an
            empty file under its name.

    Raises:
        OSError: if it cannot be written; it names `target`.
    """

    def write_one(part):
        write(part)
        return [part]

    together(target, write_one, flush)


def together(target: Path, write: Callable[[Path], list[Path]], flush: bool = True) -> None:
    """Writes several files like `replace`; they are moved into place in the order of `write`.

    Args:
        target: one of the files; the others lie beside it.
        write: gets the path to write `target` at, and returns all that it wrote.
        flush: as in `replace`.
    """
    place = Path(os.path.realpath(target))
    with writing(target), _folder_of(place) as folder:
        written = write(folder / place.name)
        moves = [(path, place.with_name(path.name)) for path in written]
        for path, final in moves:
            _check_replaceable(path, final)
        if flush:
            for path in written:
                _flush_all(path)
        for path, final in moves:
            _move(path, final, folder)


@contextlib.contextmanager
def _folder_of(place: Path) -> Iterator[Path]:
    """A new temporary folder beside `place`, deleted afterwards.

    Folders above it are made if necessary, and after a failure those are deleted as well.
    """
    # A file system of its own is written within: nothing can be moved into it from outside.
    above = place if place.is_dir() and os.path.ismount(place) else place.parent
    missing = [path for path in (place.parent, *place.parent.parents) if not path.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{_owner()}-", dir=above))
        try:
            yield folder
        except BaseException:
            _discard(folder, place)
            raise
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        with contextlib.suppress(OSError):
            for path in missing:
                path.rmdir()
        raise


def _discard(folder: Path, place: Path) -> None:
    """Deletes a temporary folder, but not what could be moved out of the way and not back."""
    old = folder / _old_name(place)
    with contextlib.suppress(OSError):
        # A process that may not open more files cannot list a folder, and can delete a file.
        (folder / place.name).unlink()
    with contextlib.suppress(OSError):
        for left in folder.iterdir():
            if left != old:
                remove(left)
    for each in (old, folder):
        with contextlib.suppress(OSError):
            each.rmdir()


def _check_replaceable(part: Path, target: Path) -> None:
    """Raises an `OSError` if `target` is write-protected, and an `InputError` for a device."""
    if not target.exists():
        return
    mode = target.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{target} is no regular file; choose another place.")
    if stat.S_ISREG(mode) and part.is_dir():
        raise FileExistsError(errno.EEXIST, "there is a file where a folder belongs")
    if stat.S_ISDIR(mode) and not part.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not os.access(target, os.W_OK):
        # Renaming needs no permission for the file itself, but a user who took it away meant it.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if part.is_file():
        os.chmod(part, stat.S_IMODE(mode))


def _old_name(target: Path) -> str:
    return f"{target.name}.replaced"


def _move(part: Path, target: Path, folder: Path) -> None:
    if not target.is_dir():
        os.replace(part, target)
        return
    # No system replaces a folder that is not empty: the old one steps aside.
    old = folder / _old_name(target)
    if any(target.iterdir()) and not os.path.ismount(target) and target != Path.cwd():
        moves = [(target, old), (part, target)]
    else:
        # Neither a file system nor a working folder can be renamed: what is in it is.
        old.mkdir()
        keep = (folder, target / "lost+found")
        moves = [(path, old / path.name) for path in target.iterdir() if path not in keep]
        moves += [(path, target / path.name) for path in part.iterdir()]
    done = []
    try:
        for one, other in moves:
            os.rename(one, other)
            done.append((one, other))
    except BaseException:
        for one, other in reversed(done):
            os.rename(other, one)
        raise


def _flush_all(path: Path) -> None:
    for each in [path, *(path.rglob("*") if path.is_dir() else ())]:
        if each.is_file():
            flush(each)


def flush(path: Path) -> None:
    """Waits until a file, or the entries of a folder, are on the disk."""
    # Windows cannot open folders.
    if path.is_dir() and os.name == "nt":
        return
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove(path: Path) -> None:
    """Deletes a file or folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Deletes what a process that was killed left of its writes in a folder.

    What a living process of this machine is writing stays. So must a caller that shares the folder
    with other machines hold the folder's lock.
    """
    host = f"{PART}{socket.gethostname()}-"
    for left in folder.glob(f"{PART}*"):
        number = left.name.removeprefix(host).partition("-")[0]
        if left.name.startswith(host) and number.isdecimal() and _lives(int(number)):
            continue
        with contextlib.suppress(OSError):
            remove(left)


def _owner() -> str:
    return f"{PART}{socket.gethostname()}-{os.getpid()}"


def _lives(number: int) -> bool:
    if os.name == "nt":
        return True  # there, asking by a signal would end the process
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def reserve(path: Path, size: int) -> None:
    """Checks that a file of `size` bytes can be written at `path`; no file is left there.

    Raises:
        OSError: If there is no room, or a quota or limit forbids it.
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
