"""Weights of a page: 16 bits wherever that leaves the samples as they are."""

from typing import Any

import numpy as np

from kgan.inference.formats import onnx_file

# In parts of half the data's range: what eyes and eight bits (0.008) are far from noticing.
MOST = 1e-3
# Trials are not all samples: others may be further off.
_MARGIN = 0.5


def network(served: Any, precision: str, trials: dict[str, np.ndarray]) -> bytes:
    """Returns a network for a page as the content of an ONNX file.

    With "float16" every tensor of weights is stored so that can be: where all together would
    change a sample by half of `MOST`, those that change most for their size stay in float32.

    Args:
        served: what to write.
        precision: "float16" or "float32".
        trials: inputs by name, by which the change is measured.
    """
    model = onnx_file.converted(served)
    if precision == "float32":
        return model.SerializeToString()
    truth = _samples(model, trials)
    low, high = served.gan.data_range or (truth.min(), truth.max())
    most = MOST * _MARGIN * (high - low) / 2

    def change(halved: set[str]) -> float:
        return float(np.abs(_samples(_halved(model, halved), trials) - truth).max())

    sizes = onnx_file.halvable(model)
    names = set(sizes)
    if change(names) > most:
        costs = {name: change({name}) / sizes[name] for name in sizes}
        for name in sorted(costs, key=costs.__getitem__, reverse=True):
            names.remove(name)
            if change(names) <= most:
                break
    return _halved(model, names).SerializeToString()


def _halved(model, names):
    copy = type(model)()
    copy.CopyFrom(model)
    onnx_file.halve(copy, names)
    return copy


def _samples(model, trials) -> np.ndarray:
    return onnx_file.session(model.SerializeToString()).run(["samples"], trials)[0]
