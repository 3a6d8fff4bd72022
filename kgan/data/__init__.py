"""From a name, a folder or arrays to a `tf.data` pipeline of scaled batches."""

import importlib

# Loaded when first used (PEP 562): listing the sources needs no TensorFlow.
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


def __getattr__(name):
    if name in _OBJECTS:
        return getattr(importlib.import_module(_OBJECTS[name]), name)
    raise AttributeError(f"module 'kgan.data' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
