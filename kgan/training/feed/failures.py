"""Errors from within a data pipeline, told in one sentence with their cause."""

import re

import tensorflow as tf

from kgan.errors import InputError

# The operation that reads the next batch; what fails there failed in the pipeline.
_READS = "IteratorGetNext"

_SHAPE = r"[\[(]([^\])]*)[\])]"
# What TensorFlow says of a batch of another shape: where its shape stands and where the expected.
_SHAPES = (
    (rf"element of shape {_SHAPE} where an element of shape {_SHAPE} was expected", 1, 2),
    (rf"Shape of tensor \S+ {_SHAPE} is not compatible with expected shape {_SHAPE}", 1, 2),
    (rf"expected {_SHAPE} but got {_SHAPE}", 2, 1),
    (rf"Expected: {_SHAPE}\. Actual: {_SHAPE}", 2, 1),
)


def explained(error: tf.errors.OpError) -> InputError | None:
    """Returns the error for the user if `error` comes from a data pipeline, and else None."""
    text = str(error)
    if _READS not in text and _READS not in str(getattr(error, "op", "")):
        return None
    for pattern, found, expected in _SHAPES:
        match = re.search(pattern, text)
        if match is not None:
            return InputError(
                f"A batch of the data has the shape {_shape(match[found])}; expected "
                f"{_shape(match[expected])}, by the networks or the first batch. Bring all "
                "samples to one size."
            )
    return InputError(f"Reading the next batch of the data failed: {_cause(error, text)}.")


def _shape(text: str) -> str:
    sides = [side.strip().replace("?", "None") for side in text.split(",") if side.strip()]
    return f"({', '.join(sides)}{',' if len(sides) == 1 else ''})"


def _cause(error, text: str) -> str:
    """Returns the innermost error in words, with its place if Python code raised it."""
    text = re.split(r"\n\s*\[\[", text)[0]
    before, python, traceback = text.partition("\nTraceback (most recent call last):\n")
    said = before.split("<stack traces unavailable>\n")[-1]
    said = re.sub(r"^(\{\{function_node \S+\}\} )", "", said.strip())
    # tf.data names its own steps first.
    said = re.sub(r"^Error in user-defined function .* with iterator: \S+: ", "", said)
    if not python:
        lines = [line for line in said.splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[-1].strip() if lines else said}".rstrip(".")
    said = re.sub(r"^(\w+\.)*InputError: ", "", said).strip().rstrip(".")
    places = re.findall(r'File "(.+)", line (\d+), in (\S+)', traceback)
    places = [place for place in places if "/tensorflow/python/" not in place[0]]
    if not places:
        return said
    path, line, function = places[-1]
    return f"{said} ({path}, line {line}, in {function})"
