"""Self-attention over the positions of feature maps."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments
from kgan.errors import InputError
from kgan.layers import checks
from kgan.layers.weights import SpectralNormalization
from kgan.typing import Config, Shape, Tensors


@keras.saving.register_keras_serializable("kgan")
class SelfAttention(keras.layers.Layer):
    """Attends from each position of a feature map to all others (Zhang et al. 2019, section 3).

    With queries g, keys f and values h, 1×1 convolutions of x without biases, and positions i, j:

        β_ji = softmax over i of f(x_i)ᵀ g(x_j)    (equation 1)
        o_j  = v(Σ_i β_ji h(x_i))                  (equation 2), v a 1×1 convolution to C channels
        y    = γ o + x                             (equation 3), γ learned, 0 at the start

    Queries and keys have C / `reduction` channels. As in the authors' code, but not in the
    paper's text, values have C / 2 channels, and keys and values are max-pooled 2×2, which makes
    β four times smaller. Odd sizes are rounded up.

    - input and output: `(batch, height, width, channels)`

    Args:
        reduction: divisor of the channels of queries and keys; at least one channel remains.
        pool: whether keys and values are max-pooled; False attends to every position, as in the
            paper's text.
        spectral_normalization: wraps the convolutions in `SpectralNormalization`, as the
            authors do in generator and discriminator.
        kernel_initializer: of the convolutions.

    Raises:
        InputError: for a `reduction` that is not a positive integer, or an input of another shape.
    """

    def __init__(
        self,
        reduction: int = 8,
        pool: bool = True,
        spectral_normalization: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.reduction = arguments.integer("reduction", reduction)
        self.pool = arguments.flag("pool", pool)
        self.spectral_normalization = arguments.flag(
            "spectral_normalization", spectral_normalization
        )
        try:
            self.kernel_initializer = keras.initializers.get(kernel_initializer)
        except (TypeError, ValueError) as error:
            raise InputError(
                "kernel_initializer must be an initializer of Keras or its name, such as "
                f"'glorot_uniform'; got {kernel_initializer!r}."
            ) from error

    def build(self, input_shape: Shape) -> None:
        checks.feature_maps(self, input_shape)
        channels = input_shape[-1]
        query_channels = max(1, channels // self.reduction)
        value_channels = max(1, channels // 2)
        self.queries = self._convolution(input_shape, query_channels, "queries")
        self.keys = self._convolution(input_shape, query_channels, "keys")
        self.values = self._convolution(input_shape, value_channels, "values")
        attended_shape = (*input_shape[:-1], value_channels)
        self.attended = self._convolution(attended_shape, channels, "attended")
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def _convolution(self, input_shape, channels, name):
        # An initializer draws the same numbers at each call, so each convolution has a copy.
        initializer = keras.initializers.get(keras.initializers.serialize(self.kernel_initializer))
        layer = keras.layers.Conv2D(
            channels,
            1,
            use_bias=False,
            kernel_initializer=initializer,
            dtype=self.dtype_policy,
            name=name,
        )
        if self.spectral_normalization:
            layer = SpectralNormalization(layer, name=f"{name}_normalized")
        layer.build(input_shape)
        return layer

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        queries = _flattened(self.queries(inputs))
        keys = _flattened(self._pooled(self.keys(inputs)))
        values = _flattened(self._pooled(self.values(inputs)))
        # Unscaled products overflow float16, and the softmax needs float32.
        precise = keras.backend.result_type(queries.dtype, "float32")
        products = ops.matmul(
            ops.cast(queries, precise), ops.transpose(ops.cast(keys, precise), (0, 2, 1))
        )
        attention = ops.cast(ops.softmax(products, axis=-1), values.dtype)
        attended = ops.matmul(attention, values)
        attended = ops.reshape(attended, (*ops.shape(inputs)[:-1], values.shape[-1]))
        return self.gamma * self.attended(attended) + inputs

    def _pooled(self, maps):
        if not self.pool:
            return maps
        batch, height, width, channels = ops.shape(maps)
        # A reshape and a maximum: XLA lacks the second derivative of `max_pool` in half precision.
        # An odd size is padded by repeating the last row or column.
        maps = tf.pad(maps, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]], "SYMMETRIC")
        blocks = (batch, (height + 1) // 2, 2, (width + 1) // 2, 2, channels)
        return ops.max(ops.reshape(maps, blocks), axis=(2, 4))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "reduction": self.reduction,
            "pool": self.pool,
            "spectral_normalization": self.spectral_normalization,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _flattened(maps):
    """Reshapes `(batch, height, width, channels)` to `(batch, height · width, channels)`."""
    return ops.reshape(maps, (ops.shape(maps)[0], -1, maps.shape[-1]))
