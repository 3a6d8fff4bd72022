"""kgan: generative adversarial networks as Keras models."""

import importlib
import os

__version__ = "0.1.0"

# Public names load when first used (PEP 562), so that `import kgan` and
# `kgan --help` do not wait for TensorFlow.
_MODULES = {
    "augment",
    "callbacks",
    "data",
    "latents",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "penalties",
    "pictures",
    "terms",
    "transfer",
}
_OBJECTS = {
    "GAN": "kgan.gan",
    "InputError": "kgan.errors",
    "Player": "kgan.training.players",
    "Term": "kgan.terms",
    "load": "kgan.runs.loading",
}

# What works on any Keras backend, or without Keras.
_ANY_BACKEND = {"InputError", "data", "losses", "pictures"}

__all__ = sorted([*_MODULES, *_OBJECTS])


def __getattr__(name):
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if name in __all__ and name not in _ANY_BACKEND and backend != "tensorflow":
        # Said before Keras is imported, which would fail for want of the other backend.
        raise ImportError(
            f"kgan trains with TensorFlow, but KERAS_BACKEND is {backend!r}. Set the environment "
            "variable KERAS_BACKEND=tensorflow, or unset it, before Keras is imported."
        )
    if name in _MODULES:
        return importlib.import_module(f"kgan.{name}")
    if name in _OBJECTS:
        return getattr(importlib.import_module(_OBJECTS[name]), name)
    raise AttributeError(f"module 'kgan' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
