"""`first-stage.weights.h5`: a generator's weights before adversarial training, with a checksum."""

import hashlib
from pathlib import Path

import h5py
import numpy as np

from kgan import records
from kgan.errors import InputError

# Attributes of the file.
_CHECKSUM, _FORMAT = "kgan_checksum", "kgan_format"


def save(path: Path, network) -> None:
    """Writes the weights of a Keras model, and the checksum of all arrays."""
    network.save_weights(path)
    with h5py.File(path, "r+") as file:
        file.attrs[_CHECKSUM] = _checksum(file)
        file.attrs[_FORMAT] = records.FORMAT


def load(path: Path, network) -> str | None:
    """Loads what `save` wrote; returns what is wrong, or None.

    If anything is wrong, the network keeps its weights. Files of earlier releases have no checksum;
    they only have to fit.
    """
    before = network.get_weights()
    try:
        with h5py.File(path, "r") as file:
            stated = file.attrs.get(_CHECKSUM)
            if stated is not None and stated != _checksum(file):
                return "its arrays have changed (other checksum)"
            records.check_format(path, _number(file.attrs.get(_FORMAT)))
        network.load_weights(path)
    except InputError:
        raise
    except Exception as error:
        network.set_weights(before)
        return str(error).strip().split("\n")[0] or type(error).__name__
    if not all(np.isfinite(values).all() for values in network.get_weights()):
        network.set_weights(before)
        return "it holds NaN or Inf"
    return None


def _number(value):
    return int(value) if isinstance(value, np.integer) else value


def _checksum(file: h5py.File) -> str:
    """Returns the SHA-256 checksum of the names, types, shapes and values of all arrays."""
    digest = hashlib.sha256()

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            digest.update(f"{name} {item.dtype} {item.shape}\n".encode())
            digest.update(np.ascontiguousarray(item[()]).tobytes())

    file.visititems(add)
    return digest.hexdigest()
