"""What the layers ask of their arguments and of the shapes they are built for."""

import numbers
from typing import Any

from kgan.errors import InputError


def positive_integer(name: str, value) -> int:
    """`value` as an integer, refused below 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise InputError(f"{name} must be a positive integer; got {value!r}.")
    return int(value)


def positive_number(name: str, value: Any) -> float:
    """`value` as a float, refused at or below 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not float(value) > 0:
        raise InputError(f"{name} must be a positive number; got {value!r}.")
    return float(value)


def feature_maps(layer, shape) -> None:
    """Refuses what is not `(batch, height, width, channels)` with known channels."""
    if len(shape) != 4 or shape[-1] is None:
        raise InputError(
            f"{type(layer).__name__} takes (batch, height, width, channels) with a known number "
            f"of channels; got {tuple(shape)}."
        )
