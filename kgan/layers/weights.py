"""Wrappers that run a layer with weights computed from those it trains."""

import math
from typing import Any

import keras
from keras import ops

from kgan import arguments
from kgan.errors import InputError
from kgan.typing import Config, Shape, Tensors

_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


class _Reweighted(keras.layers.Wrapper):
    """Runs a layer with values that `_weights` computes from its weights.

    The layer's own weights remain the trainable variables: they are read and never written.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any):
        if not isinstance(layer, keras.layers.Layer):
            raise InputError(f"{type(self).__name__} wraps a Keras layer; got {layer!r}.")
        if kwargs.pop("dtype", None) is not None:
            raise InputError(
                f"{type(self).__name__} has the dtype of the layer it wraps: give `dtype` to the "
                f"{type(layer).__name__}."
            )
        # The new weights are computed in the precision of the variables. Inputs pass unchanged:
        # the wrapped layer casts them, and the new weights, to its compute dtype.
        super().__init__(layer, dtype=layer.variable_dtype, autocast=False, **kwargs)

    def _weights(self, training):
        """Returns (variable, value) pairs to run the layer with."""
        raise NotImplementedError

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        # A scope does not see the values of an outer scope, which may hold averaged weights or
        # discard updates, so the current value of each variable is passed on.
        current = [(variable, variable.value) for variable in self.layer.variables]
        with keras.StatelessScope(current + self._weights(training), collect_losses=True) as scope:
            before = [scope.get_current_value(variable) for variable, _ in current]
            outputs = self.layer(inputs)
        for (variable, _), value in zip(current, before, strict=True):
            # State that the layer updated, such as a custom layer's running mean.
            if scope.get_current_value(variable) is not value:
                variable.assign(scope.get_current_value(variable))
        for loss in scope.losses:
            self.layer.add_loss(loss)
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: Tensors, training: bool = False) -> Any:
        # The wrapped layer's own, since its dtype may be half precision.
        return self.layer.compute_output_spec(inputs)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["dtype"]
        return config


@keras.saving.register_keras_serializable("kgan")
class SpectralNormalization(_Reweighted):
    """Divides a layer's kernel by its largest singular value (Miyato et al. 2018, algorithm 1).

    W is the kernel as a matrix with one row per output channel, and u, which is layer state, an
    estimate of its first left singular vector. A call in training mode updates u and divides by
    σ:

        v ← Wᵀu / ‖Wᵀu‖    u ← Wv / ‖Wv‖    σ(W) = uᵀWv    the layer runs with W / σ(W)

    In inference v is computed from the stored u, which does not change. The gradient treats u and
    v as constants and flows through σ (section 2.3).
    `keras.layers.SpectralNormalization` differs: it overwrites the trained kernel with W / σ(W)
    at every step, and its gradient lacks the part through σ.

    The kernel of a transposed convolution is transposed, so that its rows are output channels
    too; a depthwise kernel has one row per pair of input channel and depth multiplier.

    Algorithm 1 starts from a random u. The first σ are then much too small, and in the first
    steps the layer far exceeds the intended Lipschitz constant. Here u starts from 15 iterations
    on the initial kernel, as in PyTorch's parametrization; loading replaces it by the saved u.

    Input and output shapes are those of the wrapped layer.

    Args:
        layer: a layer with a `kernel` (`Dense`, `Conv2D`, `Conv2DTranspose`, ...) or
            `embeddings`. Its dtype is the wrapper's too.
        iterations: iterations of the power method in each call in training mode.
        epsilon: a norm or σ no larger than this counts as zero, so that a kernel of zeros and its u
            do not change.

    Raises:
        InputError: for a layer without a kernel of its own, for a `dtype`, or for a setting out
            of range.

    Example:

    ```python
    keras.Sequential([
        keras.Input((32, 32, 3)),
        kgan.layers.SpectralNormalization(keras.layers.Conv2D(64, 3)),
    ])
    ```
    """

    def __init__(
        self, layer: keras.layers.Layer, iterations: int = 1, epsilon: float = 1e-12, **kwargs: Any
    ):
        super().__init__(layer, **kwargs)
        self.iterations = arguments.integer("iterations", iterations)
        self.epsilon = arguments.number("epsilon", epsilon, above=0)

    def build(self, input_shape: Shape | None = None) -> None:
        super().build(input_shape)
        kernel = _kernel(self.layer)
        self.u = self.add_weight(
            name="u",
            shape=(math.prod(kernel.shape[axis] for axis in _output_axes(self.layer)),),
            # As an initializer it runs after the kernel's, however late Keras creates both.
            initializer=self._first_u,
            dtype=keras.backend.result_type(kernel.dtype, "float32"),
            trainable=False,
            # Replicas share one kernel and compute the same u from it.
            aggregation="only_first_replica",
        )

    def _first_u(self, shape, dtype=None):
        u = keras.initializers.RandomNormal(stddev=1.0)(shape, dtype=dtype)
        return self._power_method(self._matrix(), u, iterations=15)[0]

    def _matrix(self):
        """Returns Wᵀ, `(other axes, output channels)`, in float32 or more."""
        kernel = ops.convert_to_tensor(_kernel(self.layer).value)
        kernel = ops.cast(kernel, keras.backend.result_type(kernel.dtype, "float32"))
        axes = _output_axes(self.layer)
        others = [axis for axis in range(len(kernel.shape)) if axis not in axes]
        transposed = ops.transpose(kernel, (*others, *axes))
        return ops.reshape(transposed, (-1, math.prod(kernel.shape[axis] for axis in axes)))

    def _power_method(self, matrix, u, iterations):
        """Returns u and v after some iterations; after none, the normalized u and its v."""
        matrix = ops.stop_gradient(matrix)
        u = self._unit(u, u)
        v = None
        for _ in range(iterations):
            v = self._unit(ops.matmul(matrix, u), 0.0)
            u = self._unit(ops.matmul(v, matrix), u)
        if v is None:
            v = self._unit(ops.matmul(matrix, u), 0.0)
        return u, v

    def _unit(self, vector, default):
        """Returns the vector scaled to length 1, or `default` if its length is zero or NaN."""
        norm = ops.sqrt(ops.sum(ops.square(vector)))
        return ops.where(norm > self.epsilon, vector / ops.maximum(norm, self.epsilon), default)

    def _weights(self, training):
        kernel = _kernel(self.layer)
        matrix = self._matrix()
        u, v = self._power_method(matrix, self.u.value, self.iterations if training else 0)
        if training:
            self.u.assign(u)
        sigma = ops.sum(ops.matmul(v, matrix) * u)
        sigma = ops.where(sigma > self.epsilon, sigma, 1.0)
        return [(kernel, ops.cast(kernel.value, sigma.dtype) / sigma)]

    def get_config(self) -> Config:
        return {**super().get_config(), "iterations": self.iterations, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("kgan")
class EqualizedLearningRate(_Reweighted):
    """Scales a layer's weights at each call, not at initialization (Karras et al. 2018, 4.1).

    The kernel is drawn from a normal distribution of standard deviation `1 / multiplier`, and the
    layer runs with:

        kernel · gain / √fan_in · multiplier    bias · multiplier

    At the start this equals He's initialization (with a gain of √2). Optimizers like Adam, whose
    steps do not depend on a gradient's scale, then change all layers at one relative rate.

    fan_in is the number of weights per output channel, also in transposed convolutions.

    Input and output shapes are those of the wrapped layer.

    Args:
        layer: a layer with a `kernel`, not built yet, whose kernel initializer is replaced.
            Its dtype is the wrapper's too.
        gain: √2 before a (leaky) ReLU; 1 for a last layer without activation.
        multiplier: factor on the rate at which the weights learn, relative to other layers; 0.01 in
            StyleGAN's mapping network (Karras et al. 2019, appendix C).

    Raises:
        InputError: for a layer without a kernel or one already built, for a `dtype`, or for a
            setting that is not positive.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        gain: float = math.sqrt(2),
        multiplier: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(layer, **kwargs)
        self.gain = arguments.number("gain", gain, above=0)
        self.multiplier = arguments.number("multiplier", multiplier, above=0)
        name = "depthwise_initializer" if isinstance(layer, _DEPTHWISE) else "kernel_initializer"
        if not hasattr(layer, name):
            raise InputError(
                f"EqualizedLearningRate wraps a layer with a kernel; got a {type(layer).__name__}."
            )
        initializer = keras.initializers.RandomNormal(stddev=1.0 / self.multiplier)
        # A loaded layer is already built, with this initializer.
        if layer.built and getattr(layer, name).get_config() != initializer.get_config():
            raise InputError(
                f"EqualizedLearningRate draws the kernel itself, but the {type(layer).__name__} "
                "is built already. Wrap it before its first use."
            )
        setattr(layer, name, initializer)

    def build(self, input_shape: Shape | None = None) -> None:
        super().build(input_shape)
        shape = _kernel(self.layer).shape
        outputs = math.prod(shape[axis] for axis in _output_axes(self.layer))
        self._scale = self.gain / math.sqrt(math.prod(shape) / outputs) * self.multiplier

    def _weights(self, training):
        kernel = _kernel(self.layer)
        scaled = [(kernel, kernel.value * self._scale)]
        bias = getattr(self.layer, "bias", None)
        if bias is not None:
            scaled.append((bias, bias.value * self.multiplier))
        return scaled

    def get_config(self) -> Config:
        return {**super().get_config(), "gain": self.gain, "multiplier": self.multiplier}


def _kernel(layer):
    """Returns the variable by which a layer multiplies its inputs."""
    for name in ("kernel", "embeddings"):
        kernel = getattr(layer, name, None)
        if isinstance(kernel, keras.Variable):
            return kernel
    raise InputError(
        f"A {type(layer).__name__} has no `kernel` or `embeddings` of its own to change. Wrap "
        "the Dense, Conv or Embedding layers."
    )


def _output_axes(layer) -> tuple[int, ...]:
    """Returns the axes of a layer's kernel that index its output channels."""
    last = len(_kernel(layer).shape) - 1
    if isinstance(layer, _TRANSPOSED):
        return (last - 1,)
    if isinstance(layer, _DEPTHWISE):
        return (last - 1, last)
    return (last,)
