"""Layers computed otherwise than Keras computes them: the same numbers, sooner.

Inside `faster(networks)` some layers of Keras compute by what stands here. Networks, weights and
files stay Keras's own: what is swapped is how a layer is traced, and only while `kgan` traces.
Which form pays goes by who executes the graph:

- TensorFlow with oneDNN: `few_channels`, and TensorFlow's own fused batch normalization. Its
  transposed convolutions are as good as its convolutions, and stay.
- XLA on a CPU, and TensorFlow without oneDNN: `up` and `down` too, for their transposed
  convolutions reach a third of a convolution's speed, and with few places a hundredth.
- A GPU: none, for its library has all of them.

Figures: docs/performance.md. Every operation has derivatives of any order.
"""

import contextlib
import threading

import keras
import tensorflow as tf
from keras import ops

from kgan import bridge

# Where a convolution to few channels by a product of matrices pays: its intermediate is no
# larger than its input.
_LEAST_TAPS = 9


@tf.custom_gradient
def few_channels(images, kernel):
    """A convolution of stride 1 and padding "same", by a product of matrices.

    Every tap's share is computed for all places by one product, and the shares are shifted and
    summed; a convolution to one or three channels leaves little of a CPU's speed otherwise.

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
    # Taps and filters first: planes are shifted sooner than pixels.
    shares = tf.matmul(table, pixels, transpose_b=True)
    shares = tf.reshape(shares, [len(taps), filters * batch, height, width])
    shares = tf.pad(shares, [[0, 0], [0, 0], [above, below], [left, right]])
    made = tf.add_n(
        [
            shares[tap, :, row : row + height, column : column + width]
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
    """A transposed convolution of stride 2 and padding "same", by a convolution and a shuffle.

    With a k x k kernel it is a convolution of ⌈k/2⌉ x ⌈k/2⌉ kernels to four times the channels,
    whose values are then put side by side (Shi et al. 2016, Is the deconvolution layer the same
    as a convolutional layer?, section 3). An odd kernel has zeros added.

    Args:
        images: `(batch, height, width, channels)`.
        kernel: `(rows, columns, filters, channels)`.

    Returns:
        `(batch, 2 height, 2 width, filters)`.
    """
    rows, columns, filters, channels = kernel.shape
    sizes = tf.shape(images)
    axes = [_Places(rows, sizes[1]), _Places(columns, sizes[2])]
    taps = [axis.taps for axis in axes]
    whole = tf.pad(kernel, [*([0, 2 * axis.taps - axis.size] for axis in axes), [0, 0], [0, 0]])
    # (row tap, row slot, column tap, column slot, filters, channels), taps from the last on.
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
    """A convolution of stride 2 and padding "same"; its gradient for the images is `up`.

    Args:
        images: `(batch, height, width, channels)`, with even height and width.
        kernel: `(rows, columns, channels, filters)`.
    """

    def gradient(upstream):
        return up(upstream, kernel), _to_kernel(images, kernel, upstream)

    return tf.nn.conv2d(images, kernel, 2, "SAME"), gradient


def _to_kernel(images, kernel, upstream):
    """The gradient of a convolution of stride 2 for its kernel."""
    return tf.raw_ops.Conv2DBackpropFilter(
        input=images,
        filter_sizes=tf.shape(kernel),
        out_backprop=upstream,
        strides=[1, 2, 2, 1],
        padding="SAME",
    )


class _Places:
    """Along an axis: how input is padded, and which of the shuffled values are the result.

    Output 2i + a - before takes input i by tap a of the kernel, where "same" has cut `before`.
    Slot s of position p after the shuffle is output 2p + s - cut.
    """

    def __init__(self, size, length):
        before = (size - 2) // 2
        self.size = size
        self.taps = -(-size // 2)
        self.first = before % 2
        self.length = 2 * length
        left = self.taps - 1 - before // 2
        self.padding = [left, self.first + self.taps - 1 - left]


# What takes whose place, and where.

_swapping = threading.Lock()


@contextlib.contextmanager
def faster(networks, xla: bool = False, accelerate: bool = True):
    """Layers of these networks that are traced inside compute by the faster forms.

    Args:
        networks: Keras models. Layers of other classes than Keras's own stay as they are.
        xla: whether what is traced will be compiled by XLA.
        accelerate: False leaves all layers as they are.
    """
    if not accelerate or bridge.has_gpu():
        yield
        return
    layers = {id(la): la for net in networks for la in bridge.layers_within(net)}
    swapped = []
    # Another thread may sample while this one traces a training step.
    with _swapping:
        for layer in layers.values():
            name, form = _form(layer, xla)
            # In the layer's dictionary, past Keras, which would track it and find its name taken.
            if form is not None and name not in vars(layer):
                vars(layer)[name] = form
                swapped.append((layer, name))
    try:
        yield
    finally:
        with _swapping:
            for layer, name in swapped:
                del vars(layer)[name]


def _form(layer, xla):
    """(method, what computes it) where a layer has a faster form; (None, None) elsewhere."""
    shuffles = xla or not bridge.onednn()
    if type(layer) is keras.layers.Conv2D and _is_plain(layer) and layer.groups == 1:
        rows, columns = layer.kernel_size
        taps = rows * columns
        channels = layer.kernel.shape[2]
        if tuple(layer.strides) == (1, 1) and _LEAST_TAPS <= taps <= channels // layer.filters:
            return "convolution_op", few_channels
        if tuple(layer.strides) == (2, 2) and shuffles and min(rows, columns) >= 2:
            return "convolution_op", _down_where_even
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


def _down_where_even(images, kernel):
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
    """Batch normalization in training by TensorFlow's one operation for it."""
    theirs = layer.call

    def call(inputs, training=None, mask=None):
        rank = len(inputs.shape)
        if (
            not training
            or mask is not None
            or rank != 4
            or layer.axis not in (-1, 3)
            or inputs.dtype != tf.float32
        ):
            return theirs(inputs, training=training, mask=mask)
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
        # It gives the unbiased variance; Keras keeps that of the batch itself.
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        variance = variance * (count - 1.0) / count
        keep = layer.momentum
        for average, now in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            before = ops.cast(average, "float32")
            average.assign(before * keep + tf.stop_gradient(now) * (1.0 - keep))
        return made

    return call
