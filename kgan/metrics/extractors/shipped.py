"""Files of the networks whose weights are part of kgan."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import records
from kgan.errors import InputError
from kgan.metrics.extractors.images import isolated


def weights_path(name: str) -> Path:
    """Returns the path of kgan's weights of the network `name`."""
    return Path(__file__).with_name("weights") / f"{name}.npz"


def write(path, model: keras.Model, facts: dict, **more: Any) -> None:
    """Writes the weights of a network, rounded to float16, with facts about it.

    Args:
        path: path of the `.npz` file.
        model: the network.
        facts: a dictionary for JSON: how the network was trained.
        **more: float arrays to keep beside the weights, under names that no weight has: a "w" and
            a number.
    """
    weights: dict[str, Any] = {
        f"w{i:02}": w.astype("float16") for i, w in enumerate(model.get_weights())
    }
    arrays: dict[str, Any] = {name: np.float32(array) for name, array in more.items()}
    np.savez_compressed(path, facts=json.dumps(facts), **arrays, **weights)


def read(path) -> dict[str, Any]:
    """Returns the content of a file that `write` has written, by name.

    "facts" is a dictionary again, and "weights" a list of float32 arrays.

    Raises:
        InputError: if the file is missing or damaged.
    """
    try:
        found: dict[str, Any] = records.read_npz(Path(path))
        facts = json.loads(str(found.pop("facts")))
        weights = [found.pop(key).astype("float32") for key in sorted(found) if key[0] == "w"]
    except records.DAMAGE as error:
        raise InputError(
            f"The weights of an extractor in {path} cannot be read ({error}). They are a part of "
            "kgan: install it again."
        ) from error
    return found | {"facts": facts, "weights": weights}


def load(path, build: Any) -> keras.Model:
    """Returns a network with the weights of a file, not to be trained.

    Args:
        path: a file that `write` has written.
        build: a function without arguments that returns the untrained network.

    Raises:
        InputError: if the file is missing, damaged, or of another network.
    """
    weights = read(path)["weights"]
    # The first batch of a metric may be traced inside a tf.function.
    with tf.init_scope(), isolated():
        model = build()
        if [w.shape for w in weights] != [tuple(w.shape) for w in model.weights]:
            raise InputError(
                f"The weights in {path} are not those of the network {model.name!r}. They are a "
                "part of kgan: install it again."
            )
        model.set_weights(weights)
    model.trainable = False
    return model
