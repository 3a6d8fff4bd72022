"""Atomic writes of files and folders, and checks of what may be replaced."""

from pathlib import Path

from kgan.disk.marks import check_free
from kgan.disk.writing import remove, replace, writing
from kgan.errors import InputError

__all__ = ["check_free", "remove", "replace", "write_saved_model", "writing"]


def write_saved_model(gan, target: Path) -> None:
    """Exports the generator of a GAN as a SavedModel.

    Raises:
        InputError: if TensorFlow could not write it, or the folder holds what kgan did not write.
    """
    import tensorflow as tf

    try:
        with writing(target):
            gan.export(target, verbose=False)
    except tf.errors.OpError as error:
        # TensorFlow's errors have no errno: the cause follows the name of the file.
        cause = (error.message.partition("; ")[2] or error.message).partition(" [Op:")[0]
        raise InputError(
            f"Cannot write {target}: {cause}. Free some space there, or choose another place."
        ) from error
