"""Checks of the arguments that all pictures have."""

from typing import Any

import numpy as np

from kgan import arguments
from kgan.errors import InputError

SMALLEST, LARGEST = 16, 20_000


def checked_size(size: Any) -> int:
    """Returns the width of a picture in pixels."""
    return int(arguments.number("size", size, least=SMALLEST, most=LARGEST))


def checked_range(value_range: Any) -> tuple[float, float] | None:
    """Returns (low, high), or None."""
    if value_range is None:
        return None
    return arguments.interval("value_range", value_range, or_else="None")


def checked_columns(columns: Any) -> int | None:
    """Returns the number of pictures in a row, or None."""
    return None if columns is None else arguments.integer("columns", columns, or_else="None")


def drawable(name: str, value: Any, ranks: tuple[int, ...]) -> np.ndarray:
    """Returns an array of numbers that is not empty, of one of these numbers of axes."""
    found = arguments.array(name, value, ranks)
    if found.size == 0:
        raise InputError(f"There is nothing to draw: {name} has shape {found.shape}.")
    return found
