"""Checks of input shapes that several layers share."""

from kgan.errors import InputError


def feature_maps(layer, shape) -> None:
    """Raises `InputError` if not `(batch, height, width, channels)` with known channels."""
    if len(shape) != 4 or shape[-1] is None:
        raise InputError(
            f"{type(layer).__name__} takes (batch, height, width, channels) with a known number "
            f"of channels; got {tuple(shape)}."
        )
