"""The generator alone as a `.keras` file, which Keras loads."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import tensorflow as tf

from kgan.errors import InputError
from kgan.inference import exporting
from kgan.inference.formats.served import Served, halvable


def write(served: Served, path: Path, precision: str) -> None:
    """Writes a `.keras` file of the network, with its averaged weights if there are any.

    Args:
        served: what to write.
        path: the file.
        precision: "float32"; "float16": the weights are stored so, and Keras reads them into the
            float32 of the layers.

    Raises:
        InputError: if several networks make a sample, or one cannot be copied.
    """
    exporting.averaged_copy(_only(served), served.gan.average).save(str(path))
    if precision == "float16":
        halve(path)


def halve(path: Path) -> None:
    """Stores the float32 weights of a `.keras` file in float16, compressed."""
    with zipfile.ZipFile(path) as given:
        content = {name: given.read(name) for name in given.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, each in content.items():
            archive.writestr(name, _halved(each) if name == "model.weights.h5" else each)


def _halved(content: bytes) -> bytes:
    written = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as source, h5py.File(written, "w") as target:

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                value = item[()]
                if getattr(value, "dtype", None) == np.float32 and halvable(value):
                    value = value.astype("float16")
                # A smaller array would not become smaller.
                packed = {"compression": "gzip"} if np.size(value) > 64 else {}
                made = target.create_dataset(name, data=value, **packed)
            else:
                made = target.require_group(name)
            for key, attribute in item.attrs.items():
                made.attrs[key] = attribute

        source.visititems(copy)
        for key, attribute in source.attrs.items():
            target.attrs[key] = attribute
    return written.getvalue()


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
