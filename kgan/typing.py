"""The words of kgan's annotations.

Neither TensorFlow nor Keras tells a type checker what a tensor is: to one, it is anything. These
names say to a reader what is meant.
"""

import os
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Self as Self
else:
    # Python has it from 3.11 on; type checkers know it always.
    Self = Any

# A tensor; or one and what TensorFlow or NumPy make one of: arrays, numbers, lists of them.
Tensor: TypeAlias = Any
ArrayLike: TypeAlias = Any
# One tensor, or a tuple or dictionary of several, where a player has several networks.
Tensors: TypeAlias = Any
# Of a tensor, None where a length is open.
Shape: TypeAlias = tuple[int | None, ...]
# (low, high) of values.
Range: TypeAlias = tuple[float, float]
# What `get_config` returns and `from_config` takes.
Config: TypeAlias = dict[str, Any]
# What callbacks are handed.
Logs: TypeAlias = dict[str, Any] | None
PathLike: TypeAlias = str | os.PathLike[str]
# What looks at samples for a metric: a name, a `kgan.metrics.Extractor` or a Keras model.
ExtractorLike: TypeAlias = Any
