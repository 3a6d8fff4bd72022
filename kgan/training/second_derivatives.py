"""Finds layers of a discriminator through which a gradient penalty cannot be trained."""

import contextlib
import contextvars
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from kgan import augment, bridge, penalties
from kgan.errors import InputError

# Penalties that take gradients of scores, which training differentiates once more.
_OF_GRADIENTS = (penalties.R1, penalties.GradientPenalty, penalties.Dragan)

# Operations of gradients that have no gradient of their own. TensorFlow raises an error, except
# for the bilinear one: there the gradient of the penalty is missing in silence.
_MISSING = {
    "ResizeBilinearGrad": "bilinear resize",
    "ResizeBicubicGrad": "bicubic resize",
    "ResizeNearestNeighborGrad": "nearest resize",
    "ScaleAndTranslateGrad": "antialiased resize",
    "CropAndResizeGradImage": "crop and resize",
}
# Those whose gradient is not the adjoint, but a transform by the inverse: nearly right.
_INEXACT = ("ImageProjectiveTransformV2", "ImageProjectiveTransformV3")

_INSTEAD = (
    "Resize by kgan.layers.Upsample or Downsample (bilinear, with second derivatives), by "
    "UpSampling2D(interpolation='nearest') or by pooling"
)

# Samples of the trial; normalization over a batch needs more than one.
_BATCH = 2

_only_warned = contextvars.ContextVar("only_warned", default=False)


@contextlib.contextmanager
def only_warned() -> Iterator[None]:
    """A context in which `check` warns instead of raising an error.

    A model that was saved by a release without this check has to load.
    """
    token = _only_warned.set(True)
    try:
        yield
    finally:
        _only_warned.reset(token)


def check(model: Any, terms: Iterable, augmentation: Callable | None) -> None:
    """Checks that gradient penalties can be differentiated through a model's discriminator.

    Only networks with layers that may lack second derivatives are traced, which changes nothing.

    Args:
        model: the model.
        terms: what its players minimise.
        augmentation: what the discriminator sees samples through, or None.

    Raises:
        InputError: if a layer that the gradient passes has no second derivative, unless within
            `only_warned`; it names the layer. It warns if one has an inexact one.
    """
    of_gradients = [term for term in terms if isinstance(term, _OF_GRADIENTS)]
    discriminator = model.networks.get("discriminator")
    if not of_gradients or discriminator is None:
        return
    own = augmentation if _is_own(augmentation) else None
    if own is None and all(map(_is_smooth, bridge.operations_within(discriminator))):
        return
    name = of_gradients[0].name
    for kind, place in _gradient_operations(model, own):
        where = _place(place, discriminator)
        if kind in _MISSING:
            message = (
                f"{where} makes a {_MISSING[kind]}, which has no second derivative in TensorFlow; "
                f"the penalty {name!r} needs one. {_INSTEAD}, or leave the penalty out."
            )
            if not _only_warned.get():
                raise InputError(message)
            warnings.warn(message, stacklevel=5)
            return
        warnings.warn(
            f"{where} makes a projective transform (a turn, shift or zoom), whose derivatives in "
            f"TensorFlow are inexact, so that those of the penalty {name!r} are too. Augment by "
            "compile(augment=...) instead.",
            stacklevel=5,
        )
        return


def _is_own(augmentation) -> bool:
    """Whether an augmentation, or a part of it, is a user's."""
    if isinstance(augmentation, augment.Chain):
        return any(map(_is_own, augmentation.augmentations))
    return augmentation is not None and not _module(augmentation).startswith("kgan.")


def _module(thing) -> str:
    return type(thing).__module__


def _is_smooth(part) -> bool:
    """Whether a layer or operation is known to have second derivatives, or to hold such layers."""
    module = _module(part)
    if module.startswith("kgan.") or isinstance(part, keras.Sequential) or _is_graph(part):
        return True
    if isinstance(part, keras.layers.UpSampling2D):
        return part.interpolation == "nearest"
    if isinstance(part, (keras.layers.Lambda, keras.layers.TFSMLayer)):
        return False
    return module.startswith("keras.") and not re.search(r"preprocessing|\.image|models", module)


def _is_graph(part) -> bool:
    return isinstance(part, keras.Model) and bridge.is_functional(part)


def _gradient_operations(model, augmentation):
    """Yields (type, name) of the operations in question in the gradient of the scores."""
    samples = tf.TensorSpec((_BATCH, *(size or 16 for size in model.sample_shape)), tf.float32)

    @tf.function
    def slopes(given):
        condition = tf.zeros(_BATCH, tf.int32) if model.classes else None
        with tf.GradientTape() as tape:
            tape.watch(given)
            seen = given if augmentation is None else augmentation(given, tf.zeros(2, tf.int32))
            scores = model.score(seen, condition, training=True)
        return tape.gradient(scores, given)

    try:
        graph = slopes.get_concrete_function(samples).graph
    except Exception:
        # Another shape or condition than samples have here; the first step says what is wrong.
        return
    for operation in graph.get_operations():
        inexact = operation.type in _INEXACT and "gradient" in operation.name
        if operation.type in _MISSING or inexact:
            yield operation.type, operation.name


def _place(operation: str, discriminator) -> str:
    """Returns the layer in whose scope an operation stands, in words."""
    names = {layer.name for layer in bridge.layers_within(discriminator)} - {discriminator.name}
    for part in reversed(operation.split("/")):
        # TensorFlow numbers scopes that are entered several times.
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in names:
                return f"The discriminator's layer {name!r}"
    return "An operation on the way from the samples to the discriminator's scores"
