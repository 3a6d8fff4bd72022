"""Extractors, which compute features of samples for metrics."""

from typing import TYPE_CHECKING, Any

import keras

from kgan.errors import InputError, unknown
from kgan.metrics.extractors.applications import NETWORKS, Application
from kgan.metrics.extractors.base import Extractor, Features
from kgan.metrics.extractors.images import LEAST_SIDE
from kgan.metrics.extractors.plain import KerasModel, Values
from kgan.registry import Entry, Registry
from kgan.typing import ExtractorLike, Shape

if TYPE_CHECKING:
    from kgan.metrics.extractors.classifiers import Cifar10 as Cifar10
    from kgan.metrics.extractors.classifiers import Digits as Digits
    from kgan.metrics.extractors.colour import Colour as Colour
    from kgan.metrics.extractors.inception import Inception as Inception
    from kgan.metrics.extractors.stacked import StackedDigits as StackedDigits

_HERE = "kgan.metrics.extractors"

# The name of an extractor is what results record. The class is loaded when it is first used.
EXTRACTORS = Registry(
    "extractor",
    "kgan.extractors",
    [
        Entry("values", f"{_HERE}.plain:Values"),
        Entry("digits", f"{_HERE}.classifiers:Digits"),
        Entry("cifar10", f"{_HERE}.classifiers:Cifar10"),
        Entry("colour", f"{_HERE}.colour:Colour"),
        Entry("stacked_digits", f"{_HERE}.stacked:StackedDigits"),
        Entry("inception", f"{_HERE}.inception:Inception"),
    ],
)

# Another spelling; results record the first.
_ALIASES = {"color": "colour"}

# Shapes that "auto" takes for handwritten digits: those of MNIST and of scikit-learn.
_DIGIT_SHAPES = ((28, 28, 1), (8, 8, 1))

_CLASSES = {entry.target.partition(":")[2]: entry for entry in EXTRACTORS.own()}

__all__ = [
    "Application",
    "Cifar10",
    "Colour",
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


if not TYPE_CHECKING:  # type checkers use the imports above, and so report misspelt names

    def __getattr__(name: str) -> Any:
        if name in _CLASSES:
            return _CLASSES[name].load()
        raise AttributeError(f"module 'kgan.metrics.extractors' has no attribute {name!r}")


def names() -> list[str]:
    """Returns the names that `get` accepts. It also accepts "color"."""
    return ["auto", *EXTRACTORS, *sorted(NETWORKS)]


def register(name: str, extractor: Any, description: str = "") -> None:
    """Registers an extractor of your own under a name.

    The name can then be used in metrics and in `kgan evaluate --extractor`. A package whose users
    run `kgan` declares an entry point of the group `kgan.extractors` instead; see
    `kgan.registry`.

    Args:
        name: the name of the extractor.
        extractor: a function without arguments that returns an extractor, such as a subclass of
            `kgan.metrics.Extractor`; or its location, "module:Class".
        description: one line that tells users what the extractor is.

    Raises:
        InputError: if the name is taken.
    """
    if name == "auto" or name in _ALIASES or name in NETWORKS:
        raise InputError(f"There is an extractor named {name!r} already; take another name.")
    EXTRACTORS.register(name, extractor, description)


def check(extractor: ExtractorLike) -> None:
    """Checks an `extractor` argument without loading anything.

    Raises:
        InputError: if it is not an extractor, a Keras model or a known name.
    """
    if isinstance(extractor, (Extractor, keras.Model)):
        return
    if not isinstance(extractor, str):
        raise InputError(
            "extractor is a name, a keras.Model or a kgan.metrics.Extractor; "
            f"got {extractor!r}. Names: {', '.join(names())}."
        )
    if _ALIASES.get(extractor, extractor) not in names():
        raise unknown("extractor", extractor, names())


def get(extractor: ExtractorLike, sample_shape: Shape, classes: bool = False) -> Extractor:
    """Returns an extractor.

    Args:
        extractor: an extractor, which is returned as it is; a Keras model; or a name. "auto"
            takes "digits" for grey images of 28x28 and 8x8 pixels, "colour" for all other
            images with 1, 3 or 4 channels and at least 8 pixels a side, and "values" for anything
            else. It takes the same on every machine.
        sample_shape: shape of one sample, for "auto".
        classes: whether class scores are needed, which "colour" does not give: "auto" takes
            "inception" in its place.

    Raises:
        InputError: if it is none of these, or the name is unknown.
    """
    check(extractor)
    if isinstance(extractor, Extractor):
        return extractor
    if isinstance(extractor, keras.Model):
        return KerasModel(extractor)
    extractor = _ALIASES.get(extractor, extractor)
    if extractor == "auto":
        extractor = _automatic(tuple(sample_shape), classes)
    if extractor in NETWORKS:
        return Application(extractor)
    return EXTRACTORS.find(extractor).load()()


def _automatic(shape: tuple[int, ...], classes: bool) -> str:
    """Returns the name of the extractor that "auto" takes for samples of this shape."""
    if shape in _DIGIT_SHAPES:
        return "digits"
    if classes and len(shape) == 3 and shape[-1] in (1, 3):
        return "inception"
    if len(shape) == 3 and shape[-1] in (1, 3, 4) and min(shape[:2]) >= LEAST_SIDE:
        return "colour"
    return "values"
