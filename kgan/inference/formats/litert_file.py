"""LiteRT, which was TensorFlow Lite: written by TensorFlow's converter, run by `ai-edge-litert`."""

import importlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kgan.errors import InputError
from kgan.inference import exporting
from kgan.inference.formats.served import Served


def write(served: Served, path: Path, precision: str, trials: dict[str, np.ndarray]) -> None:
    """Writes a LiteRT file.

    Args:
        served: what to write.
        path: the file.
        precision: "float32"; "float16": the weights are stored so, and calculated with in float32
            where the device has no float16; "int8": weights and activations are 8 bits, inputs and
            samples float32.
        trials: inputs by name, by which int8 measures the ranges of activations.

    Raises:
        InputError: if the network has an operation that LiteRT does not.
    """
    with tempfile.TemporaryDirectory() as folder:
        exporting.write_saved_model(
            f"{folder}/m",
            {"serve": (served.call, list(served.inputs))},
            exporting.weights_of(served.networks, served.gan.average),
        )
        converter = tf.lite.TFLiteConverter.from_saved_model(f"{folder}/m", ["serve"])
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            converter.representative_dataset = lambda: _one_by_one(trials)
        try:
            with warnings.catch_warnings():
                # That inputs stay float32 is meant so.
                warnings.simplefilter("ignore")
                content = converter.convert()
        except Exception as error:  # the converter raises errors of many classes
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"The generator cannot be written for LiteRT: {line} Write ONNX or a SavedModel."
            ) from error
    path.write_bytes(content)


def _one_by_one(trials) -> Iterator[dict[str, Any]]:
    for place in range(len(next(iter(trials.values())))):
        yield {name: values[place : place + 1] for name, values in trials.items()}


def runner(path: Path, served: Served) -> Callable[..., np.ndarray]:
    """Returns a function from inputs by name to samples, by LiteRT on the processor."""
    module = importlib.import_module("ai_edge_litert.interpreter")
    interpreter = module.Interpreter(model_path=os.fspath(path))
    run = interpreter.get_signature_runner("serve")
    return lambda **inputs: next(iter(run(**inputs).values())).copy()
