"""Networks on disk for others to serve; the networks of the running model are only read."""

import keras

from kgan.errors import InputError


def write_saved_model(filepath, endpoints, networks, average, verbose=False, **kwargs) -> None:
    """Writes a SavedModel that loads where kgan is not installed.

    Args:
        filepath: its folder.
        endpoints: by name, pairs of a function and the `tf.TensorSpec` of its arguments.
        networks: those that the functions call, without the rest of the GAN and its optimizers.
        average: the `WeightAverage` whose weights the functions compute with; None for the
            networks' own.
        verbose, **kwargs: as in `keras.export.ExportArchive.write_out`.
    """
    archive = keras.export.ExportArchive()
    # With an average the networks' own weights are not part of what is computed.
    for held in networks if average is None else [average]:
        archive.track(held)
    for name, (function, signature) in endpoints.items():
        archive.add_endpoint(name, function, signature)
    archive.write_out(str(filepath), verbose=verbose, **kwargs)


def averaged_copy(network: keras.Model, average) -> keras.Model:
    """A copy of a network with its averaged weights; the network itself where there are none.

    Raises:
        InputError: for a network that Keras cannot build again.
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
