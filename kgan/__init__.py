"""kgan: generative adversarial networks as Keras models."""

import importlib
import os
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kgan import augment as augment
    from kgan import callbacks as callbacks
    from kgan import data as data
    from kgan import latents as latents
    from kgan import layers as layers
    from kgan import losses as losses
    from kgan import metrics as metrics
    from kgan import models as models
    from kgan import optimizers as optimizers
    from kgan import penalties as penalties
    from kgan import pictures as pictures
    from kgan import pretrained as pretrained
    from kgan import terms as terms
    from kgan import transfer as transfer
    from kgan.errors import InputError as InputError
    from kgan.evaluation.comparing import compare as compare
    from kgan.gan import GAN as GAN
    from kgan.inference.balancing import Balanced as Balanced
    from kgan.inference.balancing import balance as balance
    from kgan.playground import play as play
    from kgan.reports.comparing import compare_runs as compare_runs
    from kgan.reports.writing import report as report
    from kgan.runs.loading import load as load
    from kgan.terms import Term as Term
    from kgan.training.players import Player as Player

# Public names are imported when first used (PEP 562), so that `import kgan` and `kgan --help` do
# not wait for TensorFlow.
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
    "pretrained",
    "terms",
    "transfer",
}
_OBJECTS = {
    "Balanced": "kgan.inference.balancing",
    "GAN": "kgan.gan",
    "InputError": "kgan.errors",
    "Player": "kgan.training.players",
    "Term": "kgan.terms",
    "balance": "kgan.inference.balancing",
    "compare": "kgan.evaluation.comparing",
    "compare_runs": "kgan.reports.comparing",
    "load": "kgan.runs.loading",
    "play": "kgan.playground",
    "report": "kgan.reports.writing",
}

# These work with any Keras backend, or without Keras.
_ANY_BACKEND = {"InputError", "data", "losses", "pictures", "pretrained"}

__all__ = sorted([*_MODULES, *_OBJECTS])


if not TYPE_CHECKING:  # a type checker must still report misspelled names

    def __getattr__(name: str) -> Any:
        backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
        if name in __all__ and name not in _ANY_BACKEND and backend != "tensorflow":
            # Raised before Keras is imported: that import fails if the other backend is missing.
            raise ImportError(
                f"kgan trains with TensorFlow, but KERAS_BACKEND is {backend!r}. Set the "
                "environment variable KERAS_BACKEND=tensorflow, or unset it, before Keras is "
                "imported."
            )
        if name in _MODULES:
            return importlib.import_module(f"kgan.{name}")
        if name in _OBJECTS:
            return getattr(importlib.import_module(_OBJECTS[name]), name)
        raise AttributeError(f"module 'kgan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
