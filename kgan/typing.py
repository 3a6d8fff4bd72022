"""Type aliases for kgan's annotations.

TensorFlow and Keras have no types for tensors that a type checker understands, so that many of
these are `Any`. Their names tell the reader what is meant.
"""

import os
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Self as Self
else:
    # Python has `Self` only from 3.11 on.
    Self = Any

# A tensor. `ArrayLike` is also anything that converts to one: arrays, numbers, lists of them.
Tensor: TypeAlias = Any
ArrayLike: TypeAlias = Any
# A tensor, or a tuple or dictionary with one for each network of a player.
Tensors: TypeAlias = Any
# The shape of a tensor; None stands for an unknown length.
Shape: TypeAlias = tuple[int | None, ...]
# (low, high) of a range of values.
Range: TypeAlias = tuple[float, float]
# What `get_config` returns and `from_config` takes.
Config: TypeAlias = dict[str, Any]
# The logs that Keras passes to callbacks.
Logs: TypeAlias = dict[str, Any] | None
# A name, "#rrggbb", or (red, green, blue) in 0..255.
Colour: TypeAlias = str | tuple[int, int, int]
PathLike: TypeAlias = str | os.PathLike[str]
# A feature extractor of a metric: a name, a `kgan.metrics.Extractor` or a Keras model.
ExtractorLike: TypeAlias = Any
