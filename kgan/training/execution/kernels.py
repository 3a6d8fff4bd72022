"""Faster implementations of Keras layers that compute the same numbers.

In the context `faster(networks)` some Keras layers are traced with these implementations. The
networks, weights and files remain Keras's own. Which implementations are used depends on what
executes the graph:

- TensorFlow with oneDNN: `few_channels`, and TensorFlow's fused batch normalization. oneDNN's
  transposed convolutions are as fast as its convolutions, and are not replaced.
- XLA on a CPU, and TensorFlow without oneDNN: also `up` and `down`, because their transposed
  convolutions have a third of the speed of a convolution, and for small images a hundredth.
- A GPU: none, because cuDNN has fast kernels for all of them.

docs/performance.md has figures. Every operation has derivatives of any order.
"""

import contextlib

import keras
import tensorflow as tf
from keras import ops

from kgan import bridge
from kgan.training.execution.swapping import swapped

# `few_channels` is used from this kernel size on, if its intermediate is no larger than its input.
_LEAST_TAPS = 9
# Types of activations that the fused batch normalization takes. Its statistics, like its scale and
# offset, are float32 with all of them.
_FUSED_TYPES = (tf.float32, tf.bfloat16, tf.float16)


@tf.custom_gradient
def few_channels(images, kernel):
    """A convolution of stride 1 and padding "same", computed by a matrix product.

    One product computes the contributions of every tap of the kernel to all positions; they are
    then shifted and summed. Ordinary convolutions to one or three channels are slow on a CPU.

    Args:
        images: `(batch, height, width, channels)`.
        kernel: `(rows, columns, channels, filters)`.

    Returns:
        `(batch, height, width, filters)`.
    """
    rows, columns, channels, filters = kernel.shape
    batch, height, width = tf.unstack(tf.shape(images)[:3])
    above, left = (rows - 1) // 2, (columns - 1) // 2
    below, right = rows - 1 - above, columns - 1 - left
    taps = [(row, column) for row in range(rows) for column in range(columns)]
    pixels = tf.reshape(images, [-1, channels])
    table = tf.reshape(tf.transpose(kernel, [0, 1, 3, 2]), [len(taps) * filters, channels])
    # Taps and filters first: shifting whole planes is faster than shifting pixels.
    parts = tf.matmul(table, pixels, transpose_b=True)
    parts = tf.reshape(parts, [len(taps), filters * batch, height, width])
    parts = tf.pad(parts, [[0, 0], [0, 0], [above, below], [left, right]])
    made = tf.add_n(
        [
            parts[tap, :, row : row + height, column : column + width]
            for tap, (row, column) in enumerate(taps)
        ]
    )
    made = tf.transpose(tf.reshape(made, [filters, batch, height, width]), [1, 2, 3, 0])

    def gradient(upstream):
        planes = tf.reshape(tf.transpose(upstream, [3, 0, 1, 2]), [-1, height, width])
        planes = tf.pad(planes, [[0, 0], [below, above], [right, left]])
        shifted = tf.stack(
            [
                planes[:, row : row + height, column : column + width]
                for row, column in reversed(taps)
            ]
        )
        shifted = tf.reshape(shifted, [len(taps) * filters, batch * height * width])
        to_images = tf.reshape(tf.matmul(shifted, table, transpose_a=True), tf.shape(images))
        to_kernel = tf.reshape(tf.matmul(shifted, pixels), [rows, columns, filters, channels])
        return to_images, tf.transpose(to_kernel, [0, 1, 3, 2])

    return made, gradient


@tf.custom_gradient
def up(images, kernel):
    """A transposed convolution of stride 2, padding "same", by a convolution and a pixel shuffle.

    A k x k kernel becomes ⌈k/2⌉ x ⌈k/2⌉ kernels of a convolution to four times the channels, which
    depth-to-space rearranges (Shi et al. 2016, Is the deconvolution layer the same as a
    convolutional layer?, section 3). A kernel of odd size is padded with zeros.

    Args:
        images: `(batch, height, width, channels)`.
        kernel: `(rows, columns, filters, channels)`.

    Returns:
        `(batch, 2 height, 2 width, filters)`.
    """
    rows, columns, filters, channels = kernel.shape
    sizes = tf.shape(images)
    axes = [_AxisLayout(rows, sizes[1]), _AxisLayout(columns, sizes[2])]
    taps = [axis.taps for axis in axes]
    whole = tf.pad(kernel, [*([0, 2 * axis.taps - axis.size] for axis in axes), [0, 0], [0, 0]])
    # (row tap, row slot, column tap, column slot, filters, channels), with the taps reversed.
    whole = tf.reverse(tf.reshape(whole, [taps[0], 2, taps[1], 2, filters, channels]), [0, 2])
    whole = tf.reshape(tf.transpose(whole, [0, 2, 5, 1, 3, 4]), [*taps, channels, 4 * filters])
    padded = tf.pad(images, [[0, 0], *(axis.padding for axis in axes), [0, 0]])
    made = tf.nn.depth_to_space(tf.nn.conv2d(padded, whole, 1, "VALID"), 2)
    height, width = (slice(axis.first, axis.first + axis.length) for axis in axes)
    made = made[:, height, width]

    def gradient(upstream):
        to_kernel = _to_kernel(upstream, kernel, images)
        return down(upstream, kernel), to_kernel

    return made, gradient


@tf.custom_gradient
def down(images, kernel):
    """A convolution of stride 2, padding "same", whose gradient for the images uses `up`.

    Args:
        images: `(batch, height, width, channels)`, with even height and width.
        kernel: `(rows, columns, channels, filters)`.

    Returns:
        `(batch, height / 2, width / 2, filters)`.
    """

    def gradient(upstream):
        return up(upstream, kernel), _to_kernel(images, kernel, upstream)

    return tf.nn.conv2d(images, kernel, 2, "SAME"), gradient


def _to_kernel(images, kernel, upstream):
    """Returns the gradient of a convolution of stride 2 with respect to its kernel."""
    return tf.raw_ops.Conv2DBackpropFilter(
        input=images,
        filter_sizes=tf.shape(kernel),
        out_backprop=upstream,
        strides=[1, 2, 2, 1],
        padding="SAME",
    )


class _AxisLayout:
    """The padding of the input along one axis, and the part of the shuffled output to keep.

    Input i contributes to output 2i + a - before by tap a of the kernel; "same" padding removes
    the first `before` outputs. After the shuffle, slot s of position p is output 2p + s - first.
    """

    def __init__(self, size, length):
        before = (size - 2) // 2
        self.size = size
        self.taps = -(-size // 2)
        self.first = before % 2
        self.length = 2 * length
        left = self.taps - 1 - before // 2
        self.padding = [left, self.first + self.taps - 1 - left]


# Replacing the methods of layers.


def faster(
    networks, xla: bool = False, accelerate: bool = True
) -> contextlib.AbstractContextManager:
    """Returns a context in which layers of some networks are traced with faster implementations.

    Args:
        networks: Keras models. Only layers of Keras's own classes are changed.
        xla: whether what is traced will be compiled by XLA.
        accelerate: False changes nothing.
    """
    if not accelerate or bridge.has_gpu():
        return contextlib.nullcontext()
    return swapped(networks, lambda layer: _form(layer, xla))


def _form(layer, xla):
    """Returns (method name, faster implementation) for a layer, or (None, None)."""
    shuffles = xla or not bridge.onednn()
    if type(layer) is keras.layers.Conv2D and _is_plain(layer) and layer.groups == 1:
        rows, columns = layer.kernel_size
        taps = rows * columns
        channels = layer.kernel.shape[2]
        if tuple(layer.strides) == (1, 1) and _LEAST_TAPS <= taps <= channels // layer.filters:
            return "convolution_op", _to_few_channels
        if tuple(layer.strides) == (2, 2) and shuffles and min(rows, columns) >= 2:
            return "convolution_op", _down_if_even
        if tuple(layer.strides) == (2, 2) and layer.compute_dtype == "bfloat16":
            return "convolution_op", _down_from_one_pixel
    if type(layer) is keras.layers.Conv2DTranspose and _is_plain(layer) and shuffles:
        rows, columns = layer.kernel_size
        if (
            tuple(layer.strides) == (2, 2)
            and layer.output_padding is None
            and min(rows, columns) >= 2
        ):
            return "call", _transposed(layer)
    if type(layer) is keras.layers.BatchNormalization and not xla and _fuses(layer):
        return "call", _normalized(layer)
    return None, None


def _is_plain(layer):
    return (
        layer.built
        and layer.data_format == "channels_last"
        and layer.padding == "same"
        and tuple(layer.dilation_rate) == (1, 1)
    )


def _to_few_channels(images, kernel):
    # Without a graph a custom gradient takes tensors, and refuses variables.
    return few_channels(images, tf.convert_to_tensor(kernel))


def _down_from_one_pixel(images, kernel):
    """A convolution of stride 2, which of images of one pixel is one of stride 1.

    In bfloat16 oneDNN's gradient for the kernel is uninitialised memory where the stride is larger
    than the images (TensorFlow 2.21).
    """
    stride = 1 if tuple(images.shape[1:3]) == (1, 1) else 2
    return tf.nn.conv2d(images, tf.convert_to_tensor(kernel), stride, "SAME")


def _down_if_even(images, kernel):
    kernel = tf.convert_to_tensor(kernel)
    sides = images.shape[1:3]
    if None in sides or sides[0] % 2 or sides[1] % 2:
        return tf.nn.conv2d(images, kernel, 2, "SAME")
    return down(images, kernel)


def _transposed(layer):
    def call(inputs):
        made = up(inputs, tf.convert_to_tensor(layer.kernel))
        made.set_shape(layer.compute_output_shape(inputs.shape))
        if layer.use_bias:
            made = made + tf.cast(layer.bias, made.dtype)
        return made if layer.activation is None else layer.activation(made)

    return call


def _fuses(layer):
    return layer.built and layer.trainable and not layer.synchronized and not _renorms(layer)


def _renorms(layer):
    return getattr(layer, "renorm", False)


def _normalized(layer):
    """Returns batch normalization by TensorFlow's fused operation, which is used in training."""
    keras_call = layer.call

    def call(inputs, training=None, mask=None):
        rank = len(inputs.shape)
        if (
            not training
            or mask is not None
            or rank != 4
            or layer.axis not in (-1, 3)
            or inputs.dtype not in _FUSED_TYPES
            or inputs.dtype != layer.compute_dtype
        ):
            return keras_call(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        made, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(layer.gamma) if layer.scale else tf.ones([channels]),
            offset=tf.convert_to_tensor(layer.beta) if layer.center else tf.zeros([channels]),
            mean=[],
            variance=[],
            epsilon=layer.epsilon,
            is_training=True,
        )
        # The operation returns the unbiased variance; Keras averages the biased one.
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        variance = variance * (count - 1.0) / count
        momentum = layer.momentum
        for average, now in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            before = ops.cast(average, "float32")
            average.assign(before * momentum + tf.stop_gradient(now) * (1.0 - momentum))
        return made

    return call
