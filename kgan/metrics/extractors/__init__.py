"""What looks at samples for a metric: from samples in the data's range to features."""

from typing import TYPE_CHECKING, Any

import keras

from kgan.errors import InputError, unknown
from kgan.metrics.extractors.applications import NETWORKS, Application
from kgan.metrics.extractors.base import Extractor, Features
from kgan.metrics.extractors.plain import KerasModel, Values
from kgan.registry import Entry, Registry
from kgan.typing import ExtractorLike, Shape

if TYPE_CHECKING:
    from kgan.metrics.extractors.classifiers import Cifar10 as Cifar10
    from kgan.metrics.extractors.classifiers import Digits as Digits
    from kgan.metrics.extractors.inception import Inception as Inception
    from kgan.metrics.extractors.stacked import StackedDigits as StackedDigits

_HERE = "kgan.metrics.extractors"

# Loaded when asked for: each by the name that results record.
EXTRACTORS = Registry(
    "extractor",
    "kgan.extractors",
    [
        Entry("values", f"{_HERE}.plain:Values"),
        Entry("digits", f"{_HERE}.classifiers:Digits"),
        Entry("cifar10", f"{_HERE}.classifiers:Cifar10"),
        Entry("stacked_digits", f"{_HERE}.stacked:StackedDigits"),
        Entry("inception", f"{_HERE}.inception:Inception"),
    ],
)

# Grey images that "auto" takes for handwritten digits: MNIST's size and scikit-learn's.
_DIGIT_SHAPES = ((28, 28, 1), (8, 8, 1))

_CLASSES = {entry.target.partition(":")[2]: entry for entry in EXTRACTORS.own()}

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
    "register",
]


if not TYPE_CHECKING:  # a checker knows the names, and shall find slips in them

    def __getattr__(name: str) -> Any:
        if name in _CLASSES:
            return _CLASSES[name].load()
        raise AttributeError(f"module 'kgan.metrics.extractors' has no attribute {name!r}")


def names() -> list[str]:
    """The names that `get` knows."""
    return ["auto", *EXTRACTORS, *sorted(NETWORKS)]


def register(name: str, extractor: Any, description: str = "") -> None:
    """Adds an extractor of your own, and so a name for metrics and `kgan evaluate --extractor`.

    A package whose users run `kgan` names it under the entry points `kgan.extractors` instead; see
    `kgan.registry`.

    Args:
        name: what it goes by.
        extractor: what makes one without arguments, such as a class of
            `kgan.metrics.Extractor`; or where it is, "module:Class".
        description: one line for people.

    Raises:
        InputError: where the name is taken.
    """
    if name == "auto" or name in NETWORKS:
        raise InputError(f"There is an extractor named {name!r} already; take another name.")
    EXTRACTORS.register(name, extractor, description)


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
    return EXTRACTORS.find(extractor).load()()
