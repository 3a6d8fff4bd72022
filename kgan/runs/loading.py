"""Loading what `gan.save` wrote."""

import pathlib
import zipfile
from typing import Any

import keras

from kgan import (  # noqa: F401
    augment,
    gan,
    latents,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    penalties,
    terms,
)
from kgan.errors import InputError
from kgan.training.model import AdversarialModel
from kgan.typing import PathLike


def load(
    filepath: PathLike, custom_objects: dict[str, Any] | None = None, compile: bool = True
) -> AdversarialModel:
    """A model saved with `gan.save(filepath)`, ready to go on training.

    Both networks, both optimizers with their moments, the average, the seeds and the compile
    settings come back as they were.

    Args:
        filepath: a `.keras` file.
        custom_objects: your own classes and functions by name, where they are not registered
            with `keras.saving.register_keras_serializable`.
        compile: False leaves out the optimizers, the compile settings and the average, so that
            `generate` uses the generator as it was last trained.

    Raises:
        InputError: where there is no such file, or it holds no GAN.
    """
    path = pathlib.Path(filepath)
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r} to load.")
    models.register_all()
    metrics.register_all()
    if not zipfile.is_zipfile(path):
        raise InputError(f"{str(path)!r} cannot be read: it is no `.keras` file, or not whole.")
    try:
        loaded = keras.saving.load_model(path, custom_objects=custom_objects, compile=compile)
    except (OSError, KeyError, EOFError, TypeError, ValueError) as error:
        raise InputError(
            f"{str(path)!r} cannot be loaded: {error}\nClasses and functions of your own must be "
            "registered with keras.saving.register_keras_serializable before, or given as "
            "custom_objects={'Name': Class}."
        ) from error
    if not isinstance(loaded, AdversarialModel):
        raise InputError(f"{str(path)!r} holds a {type(loaded).__name__}, not a GAN.")
    return loaded
