"""Export of networks for serving; the networks of the model are not changed."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from kgan import arguments
from kgan.disk import marks, writing
from kgan.errors import InputError
from kgan.inference.formats import names

if TYPE_CHECKING:
    from kgan.inference.formats.checking import Price

# A function, the `tf.TensorSpec` of its inputs, and the networks that it runs.
Endpoint = tuple[Callable[..., Any], list[Any], list[keras.Model]]


def networks_of(endpoints: dict[str, Endpoint]) -> list[keras.Model]:
    """Returns the networks that endpoints run, each once."""
    return list(dict.fromkeys(network for *_, own in endpoints.values() for network in own))


def weights_of(networks: Iterable[keras.Model], average: Any) -> list[tf.Variable]:
    """Returns what functions read that call networks, with averaged weights if there are any."""
    means = {} if average is None else {id(w): mean for w, mean in average.pairs()}
    variables = {id(each): each for network in networks for each in network.variables}
    return [means.get(key, each).value for key, each in variables.items()]


def write_saved_model(filepath, endpoints, weights, verbose=False, **kwargs) -> None:
    """Writes a SavedModel that loads where kgan is not installed.

    Args:
        filepath: the folder to write.
        endpoints: (function, list of the `tf.TensorSpec` of its arguments) by name.
        weights: the `tf.Variable` that the functions read; see `weights_of`.
        verbose, **kwargs: as in `keras.export.ExportArchive.write_out`.

    Raises:
        InputError: if the folder holds anything but a SavedModel that kgan wrote. It is unchanged.
    """
    path = Path(filepath)
    if path.is_dir() and any(path.iterdir()):
        marks.check_saved_model(path)
    archive = keras.export.ExportArchive()
    # Of a layer that is tracked Keras saves each weight twice.
    holder = tf.Module()
    holder.weights = list(weights)
    archive.track(holder)
    for name, (function, signature) in endpoints.items():
        archive.add_endpoint(name, function, signature)

    if "://" in str(filepath):
        # A file system of TensorFlow's, which cannot rename folders.
        archive.write_out(str(filepath), verbose=verbose, **kwargs)
        return

    def write(part):
        archive.write_out(str(part), verbose=False, **kwargs)
        marks.mark_saved_model(part)

    writing.replace(path, write)
    if verbose:
        print(f"Saved a SavedModel at {str(path)!r}.")


def write_other(network: keras.Model, filepath, format: str, **kwargs) -> None:
    """Writes a network in another format of `keras.Model.export`, in one file or several.

    Raises:
        InputError: if Keras does not know the format, or a package for it is missing.
    """

    def write(part):
        try:
            network.export(part, format=format, **kwargs)
        except (ImportError, ValueError) as error:
            raise InputError(f"The generator cannot be exported as {format!r}: {error}") from error
        return sorted(part.parent.iterdir())

    writing.together(Path(filepath), write)


# Arguments of `formats.writing.write`; any other is Keras's.
_OWN = {"endpoint", "representative", "judge", "title", "class_names"}


def is_compared(filepath: str, format: str, precision: Any, options: dict) -> bool:
    """Returns whether an export is of the formats that kgan runs and compares itself.

    A SavedModel without a precision, and what Keras alone has arguments for, is not.
    """
    if arguments.text("format", format) == "tf_saved_model":
        return precision is not None or names.by_suffix(filepath) is not None
    if set(options) - _OWN:
        if precision is None:
            return False
        unknown = ", ".join(sorted(set(options) - _OWN))
        raise InputError(f"export with a precision takes no {unknown}, which is Keras's own.")
    try:
        names.format_of(format)
    except InputError:
        return False
    return True


def compared(
    gan: Any, filepath: str, format: str, precision: Any, force: Any, options: dict
) -> "Price":
    """Writes a file in a format that is told by name, or by the end of its path."""
    from kgan.inference.formats import writing as formats

    if format == "tf_saved_model":
        format = names.by_suffix(filepath) or format
    return formats.write(gan, filepath, format, precision, force=force, **options)


def shown(verbose) -> bool:
    """Returns whether the argument `verbose` of an export asks for lines on standard output."""
    if verbose is None or isinstance(verbose, bool):
        return bool(verbose)
    return bool(arguments.choice("verbose", verbose, ("auto", 0, 1, 2), or_else="None"))


def averaged_copy(network: keras.Model, average) -> keras.Model:
    """Returns a copy of a network with its averaged weights.

    Args:
        network: a Keras model.
        average: the `WeightAverage`; if it is None, the network itself is returned.

    Raises:
        InputError: if Keras cannot build the network from its config.
    """
    if average is None:
        return network
    means = {id(weight): mean for weight, mean in average.pairs()}
    try:
        copy = type(network).from_config(network.get_config())
        if not copy.built:
            copy.build_from_config(network.get_build_config())
        for mine, theirs in zip(copy.weights, network.weights, strict=True):
            mine.assign(means.get(id(theirs), theirs))
    except (TypeError, ValueError, NotImplementedError, AttributeError) as error:
        raise InputError(
            f"The network {network.name!r} cannot be copied with its averaged weights: {error}. "
            "Give it a `get_config`, or export a SavedModel (format='tf_saved_model')."
        ) from error
    return copy
