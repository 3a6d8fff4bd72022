"""What looks at samples for a metric: from samples in the data's range to features."""

import importlib
from typing import TYPE_CHECKING, Any

import keras

from kgan.errors import InputError, unknown
from kgan.metrics.extractors.applications import NETWORKS, Application
from kgan.metrics.extractors.base import Extractor, Features
from kgan.metrics.extractors.plain import KerasModel, Values
from kgan.typing import ExtractorLike, Shape

if TYPE_CHECKING:
    from kgan.metrics.extractors.classifiers import Cifar10 as Cifar10
    from kgan.metrics.extractors.classifiers import Digits as Digits
    from kgan.metrics.extractors.inception import Inception as Inception
    from kgan.metrics.extractors.stacked import StackedDigits as StackedDigits

# Loaded when asked for: each by the name that results record.
_NAMED = {
    "values": ("kgan.metrics.extractors.plain", "Values"),
    "digits": ("kgan.metrics.extractors.classifiers", "Digits"),
    "cifar10": ("kgan.metrics.extractors.classifiers", "Cifar10"),
    "stacked_digits": ("kgan.metrics.extractors.stacked", "StackedDigits"),
    "inception": ("kgan.metrics.extractors.inception", "Inception"),
}

# Grey images that "auto" takes for handwritten digits: MNIST's size and scikit-learn's.
_DIGIT_SHAPES = ((28, 28, 1), (8, 8, 1))

_CLASSES = {name: module for module, name in _NAMED.values()}

__all__ = [
    "Application",
    "Cifar10",
    "Digits",
    "Extractor",
    "Features",
    "Inception",
    "KerasModel",
    "StackedDigits",
    "Values",
    "check",
    "get",
    "names",
]


if not TYPE_CHECKING:  # a checker knows the names, and shall find slips in them

    def __getattr__(name: str) -> Any:
        if name in _CLASSES:
            return getattr(importlib.import_module(_CLASSES[name]), name)
        raise AttributeError(f"module 'kgan.metrics.extractors' has no attribute {name!r}")


def names() -> list[str]:
    """The names that `get` knows."""
    return ["auto", *_NAMED, *sorted(NETWORKS)]


def check(extractor: ExtractorLike) -> None:
    """Refuses what is no extractor, before anything is loaded.

    Raises:
        InputError: with the known names.
    """
    if isinstance(extractor, (Extractor, keras.Model)):
        return
    if not isinstance(extractor, str):
        raise InputError(
            "extractor is a name, a keras.Model or a kgan.metrics.Extractor; "
            f"got {extractor!r}. Names: {', '.join(names())}."
        )
    if extractor not in names():
        raise unknown("extractor", extractor, names())


def get(extractor: ExtractorLike, sample_shape: Shape) -> Extractor:
    """An extractor by its name, or over a Keras model, or as it is.

    Args:
        extractor: "auto" means the values of anything but images, the digit classifier for grey
            images of 28x28 and 8x8, and the canonical Inception network for all others.
        sample_shape: of one sample, for "auto".

    Raises:
        InputError: where it is none, or the name is unknown.
    """
    check(extractor)
    if isinstance(extractor, Extractor):
        return extractor
    if isinstance(extractor, keras.Model):
        return KerasModel(extractor)
    if extractor == "auto":
        shape = tuple(sample_shape)
        images = len(shape) == 3 and shape[-1] in (1, 3)
        extractor = "values"
        if images:
            extractor = "digits" if shape in _DIGIT_SHAPES else "inception"
    if extractor in NETWORKS:
        return Application(extractor)
    module, name = _NAMED[extractor]
    return getattr(importlib.import_module(module), name)()
