"""Names of formats and precisions, as users of the tools call them; TensorFlow is not loaded."""

import importlib.util
import os
from typing import Any

from kgan import arguments
from kgan.errors import InputError, unknown

SAVED_MODEL, KERAS, ONNX, LITERT, WEB = "savedmodel", "keras", "onnx", "litert", "web"
FORMATS = (SAVED_MODEL, KERAS, ONNX, LITERT, WEB)
# Of a file; a SavedModel and a web page of several files are folders.
SUFFIXES = {KERAS: ".keras", ONNX: ".onnx", LITERT: ".tflite", WEB: ".html", SAVED_MODEL: ""}
PRECISIONS = ("float32", "float16", "int8")

# What each format may store its weights as.
POSSIBLE = {
    SAVED_MODEL: PRECISIONS,
    KERAS: ("float32", "float16"),
    ONNX: PRECISIONS,
    LITERT: PRECISIONS,
    WEB: ("float16", "float32"),
}
_WHY_NOT = {
    KERAS: "Keras reads numbers alone, without the scale that 8 bits need.",
    WEB: "The runtime in a browser gains no speed by it.",
}
_ALSO = {
    "saved_model": SAVED_MODEL,
    "tf_saved_model": SAVED_MODEL,
    "tf": SAVED_MODEL,
    "tflite": LITERT,
    "lite": LITERT,
    "html": WEB,
    "page": WEB,
}
_PRECISION_ALSO = {
    "fp32": "float32",
    "full": "float32",
    "fp16": "float16",
    "half": "float16",
    "uint8": "int8",
    "8bit": "int8",
}
# What a format takes beside kgan's own packages: modules, and the extra that brings them.
_NEEDS = {
    ONNX: (("tf2onnx", "onnx", "onnxruntime"), "onnx"),
    WEB: (("tf2onnx", "onnx", "onnxruntime"), "onnx"),
    LITERT: (("ai_edge_litert",), "litert"),
}


def format_of(given: Any) -> str:
    """Returns the format of a name: one of `FORMATS`.

    Raises:
        InputError: if it names none.
    """
    name = arguments.text("format", given).lower().replace("-", "_").lstrip(".")
    name = _ALSO.get(name, name)
    if name not in FORMATS:
        raise unknown("format", given, FORMATS)
    return name


def by_suffix(path: Any) -> str | None:
    """Returns the format that the end of a file's name tells; None if it tells none."""
    end = os.path.splitext(os.fspath(path))[1].lower()
    return next((name for name, suffix in SUFFIXES.items() if suffix and suffix == end), None)


def precision_of(given: Any, format: str) -> str:
    """Returns the precision of a name: one of `PRECISIONS`.

    Args:
        given: the name; None takes the first of those that the format has.
        format: one of `FORMATS`.

    Raises:
        InputError: if it names none, or one that the format does not have.
    """
    possible = POSSIBLE[format]
    if given is None:
        return possible[0]
    name = arguments.text("precision", given).lower()
    name = _PRECISION_ALSO.get(name, name)
    if name not in PRECISIONS:
        raise unknown("precision", given, PRECISIONS)
    if name not in possible:
        raise InputError(
            f"{format} is written in {' or '.join(possible)}; got precision={given!r}. "
            f"{_WHY_NOT[format]} For {name} take "
            f"{' or '.join(f for f in FORMATS if name in POSSIBLE[f])}."
        )
    return name


def check_installed(format: str) -> None:
    """Checks that the packages of a format are there.

    Raises:
        InputError: if one is missing; the message has the command that installs it.
    """
    modules, extra = _NEEDS.get(format, ((), ""))
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"The format {format} needs {', '.join(m.replace('_', '-') for m in missing)}: "
            f"pip install 'kgan[{extra}]'."
        )
