"""ONNX: written by tf2onnx, run by ONNX Runtime, brought to 8 bits by ONNX Runtime's tools."""

import importlib
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.inference.formats.served import Served

# Of 2022: the newest operations that tf2onnx writes without a remark, read by every runtime since.
OPSET = 17
# Smaller tensors are shapes and constants of operations, which gain nothing by 16 bits.
_LEAST = 32
_BATCH = 16


def write(served: Served, path: Path, precision: str, trials: dict[str, np.ndarray]) -> None:
    """Writes an ONNX file.

    Args:
        served: what to write.
        path: the file.
        precision: "float32"; "float16": the weights are stored so, and calculated with in float32;
            "int8": weights and activations are 8 bits, by static quantization.
        trials: inputs by name, by which int8 measures the ranges of activations.

    Raises:
        InputError: if the network has an operation that ONNX does not.
    """
    import onnx

    model = converted(served)
    if precision == "float16":
        halve(model, halvable(model))
    if precision == "int8":
        _quantize(model, path, trials)
        return
    onnx.save(model, str(path))


def converted(served: Served) -> Any:
    """Returns the model as `onnx.ModelProto` in float32."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    tf2onnx = importlib.import_module("tf2onnx")
    try:
        model, _ = tf2onnx.convert.from_function(
            served.function(), input_signature=served.inputs, opset=OPSET
        )
    except Exception as error:  # the converter raises errors of many classes
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"The generator cannot be written as ONNX: {line} Write a SavedModel instead."
        ) from error
    return model


def halvable(model: Any) -> dict[str, int]:
    """Returns the names and sizes of the tensors of weights that float16 can hold."""
    from onnx import TensorProto, numpy_helper

    found = {}
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor)
            if values.size >= _LEAST and np.abs(values).max() <= np.finfo(np.float16).max:
                found[tensor.name] = values.size
    return found


def halve(model: Any, names: Collection[str]) -> None:
    """Stores weights of an ONNX model in float16; it calculates in float32 as before.

    Converters to float16 change the calculation too, which processors without such units emulate
    and which overflows at 65,504. Here only the file shrinks.

    Args:
        model: an `onnx.ModelProto`, which is changed.
        names: of the tensors; see `halvable`.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.name in names:
            name = tensor.name
            values = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, f"{name}/float16"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)


def _quantize(model, path, trials):
    import onnx
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        """Gives the trials in batches."""

        def __init__(self):
            count = len(next(iter(trials.values())))
            self._batches = iter(
                {name: values[start : start + _BATCH] for name, values in trials.items()}
                for start in range(0, count, _BATCH)
            )

        def get_next(self):
            return next(self._batches, None)

    plain = path.with_name(f"float32-{path.name}")
    onnx.save(model, str(plain))
    root = logging.getLogger()
    level = root.level
    # It advises a preparation of the file that needs another package, for no gain here.
    root.setLevel(logging.ERROR)
    try:
        quantization.quantize_static(
            str(plain),
            str(path),
            Reader(),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    except Exception as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"The generator cannot be brought to int8: {line}") from error
    finally:
        root.setLevel(level)
        plain.unlink(missing_ok=True)


def runner(path: Path, served: Served) -> Callable[..., np.ndarray]:
    """Returns a function from inputs by name to samples, by ONNX Runtime on the processor."""
    opened = session(str(path))
    return lambda **inputs: opened.run(["samples"], inputs)[0]


def session(model: str | bytes) -> Any:
    """Returns ONNX Runtime's session of a file, or of its content."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
