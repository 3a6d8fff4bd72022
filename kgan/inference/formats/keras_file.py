"""The generator alone as a `.keras` file, which Keras loads."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kgan.errors import InputError
from kgan.inference import exporting
from kgan.inference.formats.served import Served


def write(served: Served, path: Path) -> None:
    """Writes a `.keras` file of the network, with its averaged weights if there are any.

    Raises:
        InputError: if several networks make a sample, or one cannot be copied.
    """
    exporting.averaged_copy(_only(served), served.gan.average).save(str(path))


def _only(served):
    if len(served.networks) > 1:
        raise InputError(
            f"A .keras file holds one network; this model draws with {len(served.networks)}. Take "
            "format='onnx', 'litert', 'web' or 'savedmodel'."
        )
    return served.networks[0]


def runner(path: Path, served: Served) -> Callable[..., np.ndarray]:
    """Returns a function from inputs by name to samples, by Keras."""
    network = keras.saving.load_model(str(path), compile=False)

    def run(**inputs):
        given = [tf.constant(each) for each in inputs.values()]
        # What the file lacks: sizes that the network does not take, and the end of the range.
        if served.from_images:
            return served.gan.any_size(network, given[0]).numpy()
        return served.gan.finished(network(given if len(given) > 1 else given[0])).numpy()

    return run
