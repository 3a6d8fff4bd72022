"""Normalization whose scale and shift depend on a class."""

from typing import Any

import keras
from keras import ops

from kgan import arguments
from kgan.errors import InputError
from kgan.typing import Config, Shape, Tensors


@keras.saving.register_keras_serializable("kgan")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Batch normalization with a gain and a bias for each class and channel.

    y = gain[label] · (x - mean) / √(variance + epsilon) + bias[label], with the mean and the
    variance of the whole batch, over all classes. The idea is that of de Vries et al. 2017
    (section 3); a table of gains and biases by class is that of Dumoulin et al. 2017 (section
    2.2), and its use in GANs that of Miyato & Koyama 2018.

    Call it with `[features, labels]`:

    - features: `(batch, ..., channels)`
    - labels: integers in `0 .. classes - 1`, `(batch,)` or `(batch, 1)`
    - returns: `(batch, ..., channels)`

    A label out of range makes its sample NaN: a compiled graph cannot raise an error, and the
    gain of another class would go unnoticed.

    Args:
        classes: number of classes.
        momentum: momentum of the moving statistics that inference uses.
        epsilon: added to the variance.
        synchronized: whether statistics are taken over all replicas under `tf.distribute`.

    Raises:
        InputError: for inputs that are not a pair, features of unknown channels, or labels of
            another shape or that are not integers.
    """

    def __init__(
        self,
        classes: int,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.classes = arguments.integer("classes", classes)
        self.momentum = arguments.number("momentum", momentum, least=0, most=1)
        self.epsilon = arguments.number("epsilon", epsilon, least=0)
        self.synchronized = arguments.flag("synchronized", synchronized)
        self.normalization = keras.layers.BatchNormalization(
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=False,
            scale=False,
            synchronized=self.synchronized,
            dtype=self.dtype_policy,
            name="normalization",
        )

    def build(self, input_shape: Shape) -> None:
        features, labels = _pair(input_shape)
        if len(features) < 2 or features[-1] is None:
            raise InputError(
                "ConditionalBatchNormalization takes features (batch, ..., channels) with a known "
                f"number of channels; got {tuple(features)}."
            )
        if len(labels) != 1 and tuple(labels[1:]) != (1,):
            raise InputError(
                "ConditionalBatchNormalization takes labels of shape (batch,) or (batch, 1); got "
                f"{tuple(labels)}. One-hot labels become integers by `keras.ops.argmax`."
            )
        self.normalization.build(features)
        table = (self.classes, features[-1])
        self.gain = self.add_weight(name="gain", shape=table, initializer="ones")
        self.bias = self.add_weight(name="bias", shape=table, initializer="zeros")

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        features, labels = _pair(inputs)
        if not keras.backend.is_int_dtype(labels.dtype):
            raise InputError(
                f"Labels must be integers; got {keras.backend.standardize_dtype(labels.dtype)}. "
                "Convert them with `keras.ops.cast(labels, 'int32')`."
            )
        # A product with one-hot rows, since its first and second derivatives are dense.
        rows = ops.one_hot(ops.reshape(labels, (-1,)), self.classes, dtype=self.compute_dtype)
        # A label out of range has a row of zeros, which 0/0 makes NaN.
        rows = rows / ops.sum(rows, axis=-1, keepdims=True)
        shape = (-1, *(1 for _ in features.shape[1:-1]), features.shape[-1])
        gain = ops.reshape(ops.matmul(rows, self.gain), shape)
        bias = ops.reshape(ops.matmul(rows, self.bias), shape)
        return gain * self.normalization(features, training=training) + bias

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(_pair(input_shape)[0])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "classes": self.classes,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "synchronized": self.synchronized,
        }


def _pair(inputs):
    if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
        raise InputError(f"ConditionalBatchNormalization takes [features, labels]; got {inputs}.")
    return inputs
