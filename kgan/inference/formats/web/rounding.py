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

    With "float16" every tensor of weights is stored so that can be. Where all of them together
    would change a sample by half of `MOST`, those that change most for their size get eight bits
    more: what rounding took off them, which the network adds again.

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
    sizes = onnx_file.halvable(model)

    def rounded(longer: set[str]) -> Any:
        copy = type(model)()
        copy.CopyFrom(model)
        _add_remainders(copy, longer)
        onnx_file.halve(copy, set(sizes))
        return copy

    def change(longer: set[str]) -> float:
        return float(np.abs(_samples(rounded(longer), trials) - truth).max())

    longer: set[str] = set()
    if change(longer) > most:
        saved = {name: change(set(sizes) - {name}) / sizes[name] for name in sizes}
        for name in sorted(saved, key=saved.__getitem__, reverse=True):
            longer.add(name)
            if change(longer) <= most:
                break
        # A large one that came last may have made earlier ones needless.
        for name in sorted(longer, key=sizes.__getitem__, reverse=True):
            if len(longer) > 1 and change(longer - {name}) <= most:
                longer.remove(name)
    return rounded(longer).SerializeToString()


def _add_remainders(model, names) -> None:
    """Adds to tensors, in eight bits, what float16 takes off them; the tensors keep their names."""
    from onnx import helper, numpy_helper

    nodes, used = [], {}
    for tensor in list(model.graph.initializer):
        if tensor.name not in names:
            continue
        values = numpy_helper.to_array(tensor)
        remainder = values - values.astype(np.float16).astype(np.float32)
        # A tensor of zeros alone has no remainder to scale.
        scale = np.float32(np.abs(remainder).max() / 127 or 1.0)
        name = tensor.name
        for ending, part in (
            ("remainder", np.round(remainder / scale).astype(np.int8)),
            ("scale", scale),
        ):
            own = numpy_helper.from_array(np.asarray(part), f"{name}/{ending}")
            model.graph.initializer.append(own)
        nodes += [
            helper.make_node(
                "DequantizeLinear", [f"{name}/remainder", f"{name}/scale"], [f"{name}/added"]
            ),
            helper.make_node("Add", [name, f"{name}/added"], [f"{name}/whole"]),
        ]
        used[name] = f"{name}/whole"
    for node in model.graph.node:
        node.input[:] = [used.get(each, each) for each in node.input]
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes + rest)


def _samples(model, trials) -> np.ndarray:
    return onnx_file.session(model.SerializeToString()).run(["samples"], trials)[0]
