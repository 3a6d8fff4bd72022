"""Loads a named data set, a folder or arrays as a `tf.data` pipeline of scaled batches."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgan.data.catalog import sources as sources
    from kgan.data.info import DataInfo as DataInfo
    from kgan.data.info import Modes as Modes
    from kgan.data.loading import from_arrays as from_arrays
    from kgan.data.loading import load as load
    from kgan.data.pairing import domains as domains
    from kgan.data.pairing import pairs as pairs
    from kgan.data.position import Position as Position
    from kgan.data.resolution import crops as crops

# Loaded when first used (PEP 562), so that listing the sources does not import TensorFlow.
_OBJECTS = {
    "DataInfo": "kgan.data.info",
    "Modes": "kgan.data.info",
    "Position": "kgan.data.position",
    "crops": "kgan.data.resolution",
    "domains": "kgan.data.pairing",
    "from_arrays": "kgan.data.loading",
    "load": "kgan.data.loading",
    "pairs": "kgan.data.pairing",
    "sources": "kgan.data.catalog",
}

__all__ = sorted(_OBJECTS)


if not TYPE_CHECKING:  # type checkers use the imports above, and so report misspelt names

    def __getattr__(name: str) -> Any:
        if name in _OBJECTS:
            return getattr(importlib.import_module(_OBJECTS[name]), name)
        raise AttributeError(f"module 'kgan.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
