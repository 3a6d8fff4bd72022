"""Files and folders that are written whole or not at all, and what may be replaced."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from kgan.errors import InputError


def check_free(target: Path, overwrite: bool, replaceable: Callable[[Path], bool]) -> None:
    """Refuses a place that is taken.

    Args:
        target: file or folder to be written; an empty folder counts as free.
        overwrite: whether what is there may be replaced ...
        replaceable: ... if this says of it that it is of the kind to be written: a slip of the
            pen in `--out` must not delete someone's folder.

    Raises:
        InputError: the message says what to do.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not overwrite:
        raise InputError(f"{target} is there already; choose another -o or add --overwrite.")
    if not replaceable(target):
        raise InputError(
            f"{target} is there and holds something else than would be written; --overwrite "
            "does not replace that. Choose another -o."
        )


@contextlib.contextmanager
def writing(target: Path):
    """Errors from the disk name `target`, whichever file they arose at."""
    try:
        yield
    except OSError as error:
        error.filename = str(target)
        raise


def replace(target: Path, write: Callable[[Path], object]) -> None:
    """Writes a file or folder beside `target` and moves it there when it is whole."""
    part = target.with_name(f".part-{target.name}")
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        remove(part)
        try:
            write(part)
            if target.is_dir():
                remove(target)
            os.replace(part, target)
        except BaseException:
            remove(part)
            raise


def remove(path: Path) -> None:
    """Deletes a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_saved_model(gan, target: Path) -> None:
    """Exports the generator for serving.

    Raises:
        InputError: where TensorFlow could not write it.
    """
    import tensorflow as tf

    try:
        replace(target, lambda part: gan.export(part, verbose=False))
    except tf.errors.OpError as error:
        # TensorFlow has no errno: the cause stands behind the name of the file.
        cause = (error.message.partition("; ")[2] or error.message).partition(" [Op:")[0]
        raise InputError(
            f"Cannot write {target}: {cause}. Free some space there, or choose another place."
        ) from error
