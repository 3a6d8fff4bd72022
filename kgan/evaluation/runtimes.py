"""Sources that draw samples by another runtime than TensorFlow: ONNX and LiteRT files."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.evaluation.generators import Drawn, labels_for, space_of
from kgan.evaluation.samples import Frame
from kgan.inference.seeds import seed_pair


class Onnx(Drawn):
    """An ONNX file of a generator: input latents, output samples."""

    kind = "ONNX file"

    def __init__(self, path: Path):
        self.path, self.name = path, str(path)

    def prepared(self, frame: Frame) -> tuple[Callable[..., Any], bool]:
        runtime = _runtime(self.path, "onnxruntime", "onnxruntime")
        try:
            session = runtime.InferenceSession(str(self.path), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own classes
            raise InputError(f"{self.path} cannot be read as an ONNX file: {error}") from error
        inputs = sorted(session.get_inputs(), key=lambda each: "int" in each.type)
        given = [(tuple(each.shape[1:]), _dtype(each.type)) for each in inputs]
        space, conditional = space_of(self.name, given, frame.latents)
        fixed = inputs[0].shape[0]

        def draw(count, labels, seed):
            values = [np.asarray(space.sample(count, seed_pair(seed)))]
            if conditional:
                values.append(np.asarray(labels_for(labels, inputs[1].shape)))
            values = [v.astype(kind) for v, (_, kind) in zip(values, given, strict=True)]
            size = fixed if isinstance(fixed, int) else count
            made = []
            for start in range(0, count, size):
                part = [_filled(v[start : start + size], size) for v in values]
                feed = {each.name: v for each, v in zip(inputs, part, strict=True)}
                made.append(session.run(None, feed)[0])
            return np.concatenate(made)[:count]

        return draw, conditional


class LiteRT(Drawn):
    """A LiteRT file of a generator: inputs latents, and labels if it is conditional."""

    kind = "LiteRT file"

    def __init__(self, path: Path):
        self.path, self.name = path, str(path)

    def prepared(self, frame: Frame) -> tuple[Callable[..., Any], bool]:
        module = _runtime(self.path, "ai_edge_litert.interpreter", "ai-edge-litert")
        try:
            interpreter = module.Interpreter(model_path=os.fspath(self.path))
            names = list(interpreter.get_signature_list())
            run = interpreter.get_signature_runner(names[0])
        except Exception as error:  # the runtime raises errors of many classes
            line = (str(error).strip().splitlines() or ["it has no signature."])[0]
            raise InputError(f"{self.path} cannot be read as a LiteRT file: {line}") from error
        details = run.get_input_details()
        inputs = sorted(details, key=lambda name: np.dtype(details[name]["dtype"]).kind != "f")
        kinds = [np.dtype(details[name]["dtype"]) for name in inputs]
        # Signatures have -1 where the size is free, as that of the batch is.
        shapes = [tuple(details[name]["shape_signature"].tolist()) for name in inputs]
        given = [(shape[1:], kind.name) for shape, kind in zip(shapes, kinds, strict=True)]
        space, conditional = space_of(self.name, given, frame.latents)

        def draw(count, labels, seed):
            values = [np.asarray(space.sample(count, seed_pair(seed)))]
            if conditional:
                values.append(np.asarray(labels_for(labels, shapes[1])))
            size = count if shapes[0][0] == -1 else shapes[0][0]
            made = []
            for start in range(0, count, size):
                part = [_filled(value[start : start + size], size) for value in values]
                feed = {
                    name: value.astype(kind)
                    for name, value, kind in zip(inputs, part, kinds, strict=True)
                }
                made.append(next(iter(run(**feed).values())).copy())
            return np.concatenate(made)[:count]

        return draw, conditional


def _runtime(path, module, package):
    """Returns the module of a runtime.

    Raises:
        InputError: if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"Reading {path} needs the package {package}: pip install {package}."
        ) from error


def _dtype(written: str) -> str:
    """Returns NumPy's name of a type that ONNX writes as `tensor(float)`."""
    name = written.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(name, name)


def _filled(values, size):
    """Returns rows repeated up to `size`, for a network with a fixed batch."""
    return values if len(values) == size else np.resize(values, (size, *values.shape[1:]))
