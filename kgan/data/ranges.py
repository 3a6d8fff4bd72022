"""Finds the range that values have at their source, and scales them to another."""

import numpy as np

from kgan.data.info import Range
from kgan.errors import InputError

# Values that the user has scaled may lie outside the range by a rounding error.
_TOLERANCE = 1e-4


def source_range(values: np.ndarray, given: Range | None = None) -> Range:
    """Returns the range of `values` at their source: the range `given`, or one by these rules.

    - uint8: 0..255, if some value is above 1. If none is, the values may be a mask of 0 and 1,
      and the range has to be given;
    - bool: 0..1;
    - other numbers: 0..1 if all lie in it; -1..1 if all lie in it and some are
      negative; 0..255 if all lie in it and the highest is 128 or more.

    All other values raise an error, because a wrong guess would spoil a training run
    without any sign of it.

    Args:
        values: array of numbers.
        given: the range that the user gave, checked against the values; or None.

    Raises:
        InputError: if values lie outside the given range, or no rule applies.
    """
    if values.dtype == bool:
        return given or (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if given is not None:
        slack = _TOLERANCE * (given[1] - given[0])
        if low < given[0] - slack or high > given[1] + slack:
            raise InputError(
                f"The values run from {low:g} to {high:g}, outside source_range={given}."
            )
        return given
    if values.dtype == np.uint8 and high > 1:
        return 0.0, 255.0
    if values.dtype != np.uint8:
        if low >= -_TOLERANCE and high <= 1 + _TOLERANCE:
            return 0.0, 1.0
        if low >= -1 - _TOLERANCE and high <= 1 + _TOLERANCE:
            return -1.0, 1.0
        if low >= 0 and 128 <= high <= 255:
            return 0.0, 255.0
    raise InputError(
        f"The range of the values is unknown: dtype {values.dtype}, from {low:g} to {high:g}. "
        "Give it as source_range=(lowest, highest), for example source_range=(0, 255); "
        "or pass value_range=None to leave the values as they are."
    )


def scale(values, source: Range | None, target: Range | None):
    """Scales `values` linearly from the range `source` to the range `target`.

    Returns the values unchanged if either range is None. Takes arrays and tensors of floats. The
    division comes first, so that the ends of the source become exactly the ends of the target.
    """
    if source is None or target is None or source == target:
        return values
    # Each operation is one more pass over the batch, so those that change nothing are skipped.
    if source[0]:
        values = values - source[0]
    values = values / (source[1] - source[0])
    if target[1] - target[0] != 1:
        values = values * (target[1] - target[0])
    return values + target[0] if target[0] else values
