"""From the range that values have at their source to the one a model wants."""

import numpy as np

from kgan.data.info import Range
from kgan.errors import InputError

# Rounding by the user's own scaling is no reason to refuse data.
_TOLERANCE = 1e-4


def source_range(values: np.ndarray, given: Range | None = None) -> Range:
    """The range of `values` at their source: the one `given`, or found by these rules.

    - uint8: 0..255, unless no value is above 1 (a mask? then it must be said);
    - bool: 0..1;
    - other numbers: 0..1 if all lie in it; -1..1 if all lie in it and some are
      negative; 0..255 if all lie in it and the highest is 128 or more.

    Anything else is refused, because a wrong guess would spoil a training run in
    silence.

    Args:
        values: array of numbers.
        given: what the user said, checked against the values.

    Raises:
        InputError: values outside the given range, or no rule fits.
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
        f"The range of the values cannot be told: dtype {values.dtype}, from {low:g} to {high:g}. "
        "Say it as source_range=(lowest, highest), for example source_range=(0, 255); "
        "or pass value_range=None to leave the values as they are."
    )


def scale(values, source: Range | None, target: Range | None):
    """`values` moved linearly from the range `source` to `target`; None leaves them.

    Works on arrays and on tensors, in float32. The division comes first, so that the
    ends of the source become exactly the ends of the target.
    """
    if source is None or target is None or source == target:
        return values
    # Each operation is one more pass over the batch: those that change nothing are left out.
    if source[0]:
        values = values - source[0]
    values = values / (source[1] - source[0])
    if target[1] - target[0] != 1:
        values = values * (target[1] - target[0])
    return values + target[0] if target[0] else values
