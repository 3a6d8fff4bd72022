"""kgan: generative adversarial networks as Keras models."""

import importlib

__version__ = "0.1.0"

# Public names load when first used (PEP 562), so that `import kgan` and
# `kgan --help` do not wait for TensorFlow.
_MODULES = {"callbacks", "data", "latents", "losses", "models", "penalties", "pictures", "terms"}
_OBJECTS = {
    "GAN": "kgan.gan",
    "InputError": "kgan.errors",
    "Term": "kgan.terms",
    "load": "kgan.saving",
}

__all__ = sorted([*_MODULES, *_OBJECTS])


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"kgan.{name}")
    if name in _OBJECTS:
        return getattr(importlib.import_module(_OBJECTS[name]), name)
    raise AttributeError(f"module 'kgan' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
