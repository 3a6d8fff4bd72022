"""Extractors that need no file: the samples' own values, and any Keras model."""

import keras
import numpy as np
from keras import ops

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.extractors.base import Extractor, Features
from kgan.typing import Config, Range, Self, Shape, Tensors


@keras.saving.register_keras_serializable("kgan")
class Values(Extractor):
    """The samples' own values, flattened: for points, signals, and distances between pixels."""

    name = "values"
    description = "the samples' own values, flattened"

    def __call__(self, samples: Tensors) -> Features:
        samples = ops.convert_to_tensor(samples)
        return Features(ops.reshape(samples, (-1, int(np.prod(samples.shape[1:])))))


@keras.saving.register_keras_serializable("kgan")
class KerasModel(Extractor):
    """Features of any Keras model that takes the samples as they are, in the data's range.

    Args:
        model: a model that returns features `(batch, width)`, feature maps
            `(batch, height, width, channels)`, which are averaged over height and width, or a
            pair (features, class scores). A single output `(batch, width)` is used as class
            scores as well. Class scores may be logits or probabilities.
        layer: name of the layer whose output is used as features; the output of the model is
            then used as class scores.
        name: the name that results record; None takes the name of the model.

    Raises:
        InputError: if `model` is not a Keras model, or has no such layer; by `prepare`, if it
            takes samples of another shape, or its outputs are none of these.
    """

    description = "a Keras model of the user's"

    def __init__(self, model: keras.Model, layer: str | None = None, name: str | None = None):
        if not isinstance(model, keras.Model):
            raise InputError(f"An extractor of features is a keras.Model; got {model!r}.")
        self.model = model
        self.layer = layer if layer is None else arguments.text("layer", layer, or_else="None")
        self.name = model.name if name is None else arguments.text("name", name, or_else="None")
        self._network = model if layer is None else _with_layer(model, layer)
        self._probabilities = False

    def prepare(self, sample_shape: Shape, value_range: Range | None) -> None:
        expected = getattr(self._network, "input_shape", None)
        fits = isinstance(expected, tuple) and len(expected) == len(sample_shape) + 1
        fits = fits and all(a in (None, b) for a, b in zip(expected[1:], sample_shape, strict=True))
        if isinstance(expected, tuple) and not fits:
            raise InputError(
                f"The extractor {self.name!r} takes samples of shape {expected[1:]}, but the data "
                f"has {tuple(sample_shape)}. Put a keras.layers.Resizing or Reshape in front of "
                "it, or choose another extractor."
            )
        low, high = value_range or (0.0, 1.0)
        trial = np.random.default_rng(0).uniform(low, high, (4, *sample_shape)).astype("float32")
        _, scores = self._outputs(trial)
        scores = np.asarray(scores)
        self._probabilities = bool(
            scores.ndim == 2
            and scores.shape[1] > 1
            and (scores >= 0).all()
            and np.allclose(scores.sum(axis=1), 1.0, atol=1e-3)
        )

    def __call__(self, samples: Tensors) -> Features:
        features, scores = self._outputs(samples)
        if self._probabilities:
            scores = ops.log(ops.maximum(scores, 1e-30))
        return Features(features, scores)

    def _outputs(self, samples):
        """Returns float32 (features `(batch, width)`, class scores or None)."""
        found = self._network(samples, training=False)
        if isinstance(found, (tuple, list)):
            if len(found) != 2:
                raise InputError(
                    f"The extractor {self.name!r} returns {len(found)} outputs; expected features, "
                    "or features and class scores."
                )
            features, scores = found
        else:
            features = scores = found
        shape = getattr(features, "shape", ())
        if len(shape) == 4:
            features = ops.mean(features, axis=(1, 2))
            scores = None if scores is found else scores
        elif len(shape) != 2:
            raise InputError(
                f"The extractor {self.name!r} returns features of shape {tuple(shape)}; expected "
                "(batch, width) or (batch, height, width, channels)."
            )
        return ops.cast(features, "float32"), None if scores is None else ops.cast(
            scores, "float32"
        )

    def get_config(self) -> Config:
        return {
            "model": keras.saving.serialize_keras_object(self.model),
            "layer": self.layer,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        model = config["model"]
        if isinstance(model, dict):
            model = keras.saving.deserialize_keras_object(model)
        return cls(**config | {"model": model})


def _with_layer(model, layer):
    """Returns a model from the inputs to (output of the layer, output of the model)."""
    try:
        features = model.get_layer(layer).output
    except ValueError:
        names = ", ".join(repr(each.name) for each in model.layers)
        raise InputError(
            f"The model {model.name!r} has no layer {layer!r}. Its layers: {names}."
        ) from None
    return keras.Model(model.inputs[0], [features, model.outputs[0]])
