"""A generator's graph walked anew: classes mixed by weights, and where its latents come in.

The walks share the generator's layers: they copy no weight, and averaged weights reach them.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kgan import bridge
from kgan.errors import InputError
from kgan.layers import ConditionalBatchNormalization

# They change no column of a vector, or all alike, so that what follows sees the latents still.
_PASSING = (
    keras.layers.Activation,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.Reshape,
    keras.layers.UnitNormalization,
)


def with_weights(generator: keras.Model, classes: int) -> keras.Model:
    """Returns a generator that takes weights of the classes in place of labels.

    It takes `[latents, weights]`, with weights `(batch, classes)`. What a class looks up (rows of
    embeddings, of one-hot vectors, gains and biases of conditional batch normalization) is
    replaced by the weighted sum over the classes. For weights that are one-hot it is the same
    network.

    Raises:
        InputError: if the generator is no graph of layers from latents and labels, or uses labels
            in another way.
    """
    if not bridge.is_functional(generator) or len(generator.inputs) != 2:
        raise InputError(
            "Classes can be mixed in a generator that is one graph of Keras layers from latents "
            "and labels; this model has another. Give integer labels."
        )
    latents = keras.Input(generator.inputs[0].shape[1:], name="latents")
    weights = keras.Input((classes,), name="weights")

    def call(layer, *args, **kwargs):
        if not any(part is weights for part in keras.tree.flatten((args, kwargs))):
            return layer(*args, **kwargs)
        if bridge.is_one_hot(layer):
            # A tensor of its own: what follows takes a vector.
            return ops.copy(weights)
        if isinstance(layer, keras.layers.Embedding):
            return ops.matmul(weights, layer.embeddings)
        if isinstance(layer, ConditionalBatchNormalization):
            return _Normalized(layer)([args[0][0], weights])
        raise InputError(
            f"Classes cannot be mixed: the generator's {type(layer).__name__} takes the label as "
            "an integer. Give integer labels."
        )

    return _walked(generator, [latents, weights], call)


class _Normalized(keras.layers.Layer):
    """Conditional batch normalization by weights of the classes, with the gains of a layer."""

    def __init__(self, layer: ConditionalBatchNormalization):
        super().__init__(dtype=layer.dtype_policy)
        self.layer = layer

    def call(self, inputs):
        features, weights = inputs
        shape = (-1, *(1 for _ in features.shape[1:-1]), features.shape[-1])
        gain = ops.reshape(ops.matmul(weights, self.layer.gain), shape)
        bias = ops.reshape(ops.matmul(weights, self.layer.bias), shape)
        return gain * self.layer.normalization(features, training=False) + bias


def first_kernels(generator: keras.Model) -> list[np.ndarray]:
    """Returns the kernels that a generator multiplies its latents with, `(outputs, size)` each.

    The latents may be joined with a label's vector, or reshaped, before; the columns of the label
    are left out. A kernel is the one of the weights in use: call it where averaged weights are.

    Raises:
        InputError: if no layer with a kernel takes the latents as they are.
    """
    found: list[np.ndarray] = []
    if bridge.is_functional(generator) and generator.built:
        shapes = [(None, *tensor.shape[1:]) for tensor in generator.inputs]
        if len(shapes[0]) == 2:
            _trace(generator, np.arange(shapes[0][1]), found)
    if not found:
        raise InputError(
            "Directions are read from the first layer that takes the latents, a Dense or a "
            "convolution over a vector; this generator has no such layer that can be found."
        )
    return found


def _trace(network, columns, found):
    """Adds the kernels that take the first input; `columns` has each one's number, -1 for none."""
    if isinstance(network, keras.Sequential):
        network = keras.Model(network.inputs, network.outputs)
    inputs = [keras.Input(t.shape[1:], dtype=t.dtype) for t in network.inputs]
    # The tensors are kept, so that no other takes the place of one in memory.
    known: dict[int, tuple[Any, np.ndarray]] = {id(inputs[0]): (inputs[0], columns)}

    def call(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        taken = [part for part in keras.tree.flatten(args) if id(part) in known]
        if not taken:
            return outputs
        if isinstance(layer, keras.layers.Concatenate):
            parts = [
                known[id(part)][1] if id(part) in known else np.full(part.shape[-1], -1)
                for part in keras.tree.flatten(args)
            ]
            known[id(outputs)] = (outputs, np.concatenate(parts))
            return outputs
        here = known[id(taken[0])][1]
        kernel = _kernel(layer)
        if kernel is not None and kernel.shape[1] == len(here):
            ordered = np.zeros((len(kernel), here.max() + 1))
            ordered[:, here[here >= 0]] = kernel[:, here >= 0]
            found.append(ordered)
        elif isinstance(layer, keras.Model) and bridge.is_functional(layer):
            _trace(layer, here, found)
        elif isinstance(layer, _PASSING) and outputs.shape[-1] == len(here):
            known[id(outputs)] = (outputs, here)
        return outputs

    _walked(network, inputs, call)


def _kernel(layer) -> np.ndarray | None:
    """Returns the kernel of a layer or of the one that it wraps, `(outputs, inputs)`."""
    if isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    kernel = getattr(layer, "kernel", None)
    if kernel is None or isinstance(layer, keras.Model):
        return None
    kernel = np.asarray(ops.convert_to_numpy(kernel), np.float64)
    # A transposed convolution's last axes are outputs and inputs, others' inputs and outputs.
    transposed = "Transpose" in type(layer).__name__
    axis = kernel.ndim - 1 if transposed else kernel.ndim - 2
    return np.moveaxis(kernel, axis, -1).reshape(-1, kernel.shape[axis])


def _walked(network, inputs, call: Callable) -> keras.Model:
    given = inputs if isinstance(network.input, (list, tuple)) else inputs[0]
    return keras.models.clone_model(
        network, input_tensors=given, clone_function=lambda layer: layer, call_function=call
    )
