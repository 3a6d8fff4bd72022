"""A model on disk: written as a whole, or with the old file left as it was; and read."""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kgan import bridge, pretrained, records
from kgan.disk import marks, writing
from kgan.errors import InputError
from kgan.training import frozen, second_derivatives, state
from kgan.typing import Config, PathLike, Self

# Upper bounds, in bytes, of what HDF5 adds to a file and to each array in it.
HEAD, HEAD_OF_ARRAY = 16_384, 2_048


class Stored(keras.Model):
    """What Keras calls to save and load: the state by name, in whole files."""

    def save(
        self, filepath: PathLike, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Writes the model with its whole training state as a `.keras` file; see `kgan.load`.

        Until the file is complete, an old one stays in its place.

        Args:
            filepath: the file to write, which ends in `.keras`.
            overwrite, zipped, **kwargs: as in `keras.Model.save`.

        Raises:
            InputError: if `filepath` has another ending, or Keras cannot save one of the networks.
            OSError: if the file cannot be written.
        """
        if _is_remote(filepath):
            super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)
            return
        path = _path(filepath)
        folder = zipped is False
        if not folder and path.suffix != ".keras":
            raise InputError(
                f"save() writes a `.keras` file, which holds the networks, the optimizers and all "
                f"other state; got {str(filepath)!r}. Take a name that ends in .keras, or "
                "save_weights('NAME.weights.h5') for the state alone."
            )
        if not _may_write(path, overwrite):
            return
        if folder and path.is_dir():
            marks.check_unzipped(path)

        bridge.remember_what_is_not_saved()

        def write(part):
            super(Stored, self).save(part, zipped=zipped, **kwargs)

        with _what_keras_cannot(path):
            writing.replace(path, write)

    def save_weights(
        self, filepath: PathLike, overwrite: bool = True, max_shard_size: float | None = None
    ) -> None:
        """Writes the training state as a `.weights.h5` file, for `load_weights`.

        Until the file is complete, an old one stays in its place.

        Args:
            filepath: the file to write, which ends in `.weights.h5`.
            overwrite, max_shard_size: as in `keras.Model.save_weights`.

        Raises:
            InputError: if `filepath` has another ending.
            OSError: if the file cannot be written.
        """
        if _is_remote(filepath):
            super().save_weights(filepath, overwrite=overwrite, max_shard_size=max_shard_size)
            return
        path = _path(filepath)
        endings = (".weights.h5",) if max_shard_size is None else (".weights.h5", ".weights.json")
        if not path.name.endswith(endings):
            raise InputError(
                f"save_weights() writes a file that ends in {' or '.join(endings)}; got "
                f"{str(filepath)!r}."
            )
        if not _may_write(path, overwrite):
            return

        bridge.remember_what_is_not_saved()

        def write(part):
            # HDF5 must not run out of space itself: closing a file that it could not flush ends
            # the process with a segmentation fault (seen with h5py 3.14).
            writing.reserve(part, state_size(self))
            super(Stored, self).save_weights(part, max_shard_size=max_shard_size)
            # The file that lists the others comes last.
            return sorted(part.parent.iterdir(), key=lambda file: file.suffix == ".json")

        with _what_keras_cannot(path):
            writing.together(path, write)

    @classmethod
    def from_preset(cls, name: str) -> Self:
        """Returns a trained model that kgan carries, such as `R3GAN.from_preset("ring")`.

        It draws samples as it is, and trains further after `compile`. The optimizers begin anew,
        and both networks' weights were rounded to float16 on disk.

        Args:
            name: one of `kgan.pretrained.names()`; `kgan models` lists them with what they draw.

        Raises:
            InputError: if there is no such model, or it is one of another family.
        """
        return pretrained.load(name, cls)

    def get_compile_config(self) -> Config | None:
        if not self.compiled:
            return None
        arguments = {
            name: keras.saving.serialize_keras_object(value)
            for name, value in self._settings.arguments.items()
        }
        # The optimizers are built for the layers that are not frozen, which no other config saves.
        return arguments | {"frozen": self._frozen}

    def compile_from_config(self, config: Config) -> None:
        config = dict(config)
        if (places := config.pop("frozen", None)) is not None:
            frozen.restore(self.networks, places)
        with second_derivatives.only_warned():
            self.compile(
                **{name: keras.saving.deserialize_keras_object(v) for name, v in config.items()}
            )

    # Training.

    def save_own_variables(self, store: Any) -> None:
        state.save(self, store)

    def load_own_variables(self, store: Any) -> None:
        state.load(self, store)

    def load_weights(self, filepath: PathLike, *args: Any, **kwargs: Any) -> None:
        bridge.remember_what_is_not_saved()
        with records.checked_weights(filepath):
            super().load_weights(filepath, *args, **kwargs)

    def get_build_config(self) -> Config:
        # Files hold it beside the model's config, so that families need not know of it.
        return records.stamp() | (super().get_build_config() or {})


def state_size(model: keras.Model) -> int:
    """Returns an upper estimate of the size of the training state on disk, in bytes."""
    owners = [model, *(player.optimizer for player in model.players)]
    owners += getattr(getattr(model, "optimizer", None), "optimizers", ())
    variables = {id(v): v for owner in owners for v in owner.variables}.values()
    arrays = sum(tf.as_dtype(v.dtype).size * math.prod(v.shape) for v in variables)
    return arrays + HEAD + HEAD_OF_ARRAY * len(variables)


def _is_remote(filepath) -> bool:
    """Returns whether Keras uploads the file: to Hugging Face, or a file system of TensorFlow."""
    return "://" in str(filepath)


def _path(filepath) -> Path:
    if not isinstance(filepath, (str, os.PathLike)):
        raise InputError(f"filepath must be a path; got {filepath!r}.")
    return Path(filepath)


def _may_write(path: Path, overwrite: bool) -> bool:
    """Returns whether a file may be written; without `overwrite` the user is asked, as by Keras."""
    if overwrite or not path.exists():
        return True
    while (answer := input(f"{path} already exists - overwrite? [y/n]").strip().lower()) not in (
        "y",
        "n",
    ):
        print("Enter 'y' (overwrite) or 'n' (cancel).")
    return answer == "y"


@contextlib.contextmanager
def _what_keras_cannot(path: Path) -> Iterator[None]:
    """Turns Keras's errors into an `InputError` that names the file."""
    try:
        yield
    except InputError:
        raise
    except (NotImplementedError, TypeError, ValueError) as error:
        before = " What was there is unchanged." if path.exists() else ""
        # An example of code follows Keras's first paragraph.
        cause = " ".join(str(error).strip().partition("\n\n")[0].split())
        raise InputError(
            f"{path} cannot be written: {cause} Networks and layers of your own need a "
            f"`get_config` to be saved as a `.keras` file; save_weights() does without.{before}"
        ) from error
