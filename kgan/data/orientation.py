"""Turns images upright, as the camera's note in the file asks for."""

from typing import Any

import numpy as np
from PIL import ImageOps

ORIENTATION = 0x0112  # the EXIF tag; its values 5 to 8 exchange height and width

_TURNS = {
    2: lambda values: values[:, ::-1],
    3: lambda values: values[::-1, ::-1],
    4: lambda values: values[::-1],
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: values.swapaxes(0, 1)[:, ::-1],
    7: lambda values: values.swapaxes(0, 1)[::-1, ::-1],
    8: lambda values: values.swapaxes(0, 1)[::-1],
}


def upright(image: Any) -> Any:
    """Returns a Pillow image upright; it changes the given one."""
    ImageOps.exif_transpose(image, in_place=True)
    return image


def turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """Returns pixels `(height, width, ...)` upright that are stored in this EXIF orientation."""
    turn = _TURNS.get(orientation)
    return values if turn is None else np.ascontiguousarray(turn(values))
