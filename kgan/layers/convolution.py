"""Keras's convolutions, computed faster: same weights, same configuration, same function."""

import keras
import tensorflow as tf

# A convolution to so few channels is a product of matrices and a sum of shifted images.
FEW_CHANNELS = 4


@keras.saving.register_keras_serializable("kgan")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`; with stride 2 computed by a convolution and a shuffle.

    A transposed convolution of stride 2 with a k x k kernel is a convolution of ⌈k/2⌉ x ⌈k/2⌉
    kernels to four times the channels, whose values are then put side by side (Shi et al. 2016,
    Is the deconvolution layer the same as a convolutional layer?, section 3). TensorFlow's own
    kernels for the transposed one reach a third of a convolution's speed on CPUs, and less in
    their gradients. An odd kernel has zeros added; what that costs is less than what is won.

    Weights, their names and the configuration are Keras's, so that files move between the two.
    Other strides, paddings, dilations, groups and data formats are computed by Keras.

    Args:
        *args, **kwargs: of `keras.layers.Conv2DTranspose`.
    """

    @property
    def _shuffles(self):
        return (
            tuple(self.strides) == (2, 2)
            and self.padding == "same"
            and tuple(self.dilation_rate) == (1, 1)
            and self.output_padding is None
            and self.data_format == "channels_last"
            and min(self.kernel_size) >= 2
        )

    def call(self, inputs):
        if not self._shuffles:
            return super().call(inputs)
        kernel = tf.convert_to_tensor(self.kernel)
        filters, channels = kernel.shape[2:]
        places = [
            _Places(size, tf.shape(inputs)[axis]) for axis, size in enumerate(self.kernel_size, 1)
        ]
        taps = [place.taps for place in places]
        zeros = [[0, 2 * place.taps - place.size] for place in places]
        kernel = tf.pad(kernel, [*zeros, [0, 0], [0, 0]])
        # (row tap, row slot, column tap, column slot, filters, channels), taps from the last on.
        kernel = tf.reverse(tf.reshape(kernel, [taps[0], 2, taps[1], 2, filters, channels]), [0, 2])
        kernel = tf.reshape(
            tf.transpose(kernel, [0, 2, 5, 1, 3, 4]), [*taps, channels, 4 * filters]
        )
        padded = tf.pad(inputs, [[0, 0], *(place.padding for place in places), [0, 0]])
        made = tf.nn.depth_to_space(tf.nn.conv2d(padded, kernel, 1, "VALID"), 2)
        rows, columns = (slice(place.first, place.first + place.length) for place in places)
        made = made[:, rows, columns]
        made.set_shape(self.compute_output_shape(inputs.shape))
        if self.use_bias:
            made = made + tf.cast(self.bias, made.dtype)
        return self.activation(made) if self.activation is not None else made


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
        positions = length + (1 if self.first else 0)
        self.padding = [left, positions + self.taps - 1 - length - left]


@keras.saving.register_keras_serializable("kgan")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`; to few channels computed by a product of matrices.

    A large kernel and up to four output channels leave little of a convolution's speed on CPUs.
    Every tap's share is then computed for all places by one product, and the shares are shifted
    and summed.

    Weights, their names and the configuration are Keras's, so that files move between the two.
    Other forms are computed by Keras.

    Args:
        *args, **kwargs: of `keras.layers.Conv2D`.
    """

    @property
    def _sums(self):
        rows, columns = self.kernel_size
        return (
            self.filters <= FEW_CHANNELS
            and rows * columns >= 9
            and tuple(self.strides) == (1, 1)
            and self.padding == "same"
            and tuple(self.dilation_rate) == (1, 1)
            and self.groups == 1
            and self.data_format == "channels_last"
        )

    def call(self, inputs):
        if not self._sums or inputs.shape[-1] <= self.filters:
            return super().call(inputs)
        kernel = tf.convert_to_tensor(self.kernel)
        rows, columns, channels, filters = kernel.shape
        height, width = tf.shape(inputs)[1], tf.shape(inputs)[2]
        shares = tf.reshape(
            tf.transpose(kernel, [2, 0, 1, 3]), [channels, rows * columns * filters]
        )
        shares = tf.tensordot(inputs, shares, 1)
        above, left = (rows - 1) // 2, (columns - 1) // 2
        padding = [[above, rows - 1 - above], [left, columns - 1 - left]]
        shares = tf.pad(shares, [[0, 0], *padding, [0, 0]])
        made = tf.add_n(
            [
                shares[
                    :,
                    row : row + height,
                    column : column + width,
                    (row * columns + column) * filters : (row * columns + column + 1) * filters,
                ]
                for row in range(rows)
                for column in range(columns)
            ]
        )
        made.set_shape(self.compute_output_shape(inputs.shape))
        if self.use_bias:
            made = made + tf.cast(self.bias, made.dtype)
        return self.activation(made) if self.activation is not None else made
