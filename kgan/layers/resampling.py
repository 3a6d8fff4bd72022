"""Layers that change the size of feature maps and have second derivatives."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments
from kgan.errors import InputError
from kgan.layers import checks
from kgan.typing import Config, Shape, Tensors


class _Shuffling(keras.layers.Layer):
    def __init__(self, scale: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = arguments.integer("scale", scale)

    def build(self, input_shape: Shape) -> None:
        checks.feature_maps(self, input_shape)
        self.compute_output_shape(input_shape)

    def get_config(self) -> Config:
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("kgan")
class PixelShuffle(_Shuffling):
    """Rearranges channels into pixels (Shi et al. 2016, section 3.2, equation 4).

    - input: `(batch, height, width, scale² · channels)`
    - returns: `(batch, scale · height, scale · width, channels)`

    The order is that of the equation and of TensorFlow's `depth_to_space`: channel `c` at row `a`
    and column `b` of an output block comes from channel `(a · scale + b) · channels + c`.
    PyTorch's `PixelShuffle` takes it from channel `c · scale² + a · scale + b`.

    Args:
        scale: factor by which height and width grow.

    Raises:
        InputError: for channels that scale² does not divide, or an input of another shape.
    """

    def call(self, inputs: Tensors) -> Tensors:
        return tf.nn.depth_to_space(inputs, self.scale) if self.scale > 1 else inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        if channels % self.scale**2:
            raise InputError(
                f"PixelShuffle(scale={self.scale}) needs channels that {self.scale**2} divides; "
                f"got {tuple(input_shape)}."
            )
        return (
            batch,
            height and height * self.scale,
            width and width * self.scale,
            channels // self.scale**2,
        )


@keras.saving.register_keras_serializable("kgan")
class PixelUnshuffle(_Shuffling):
    """Rearranges pixels into channels; the inverse of `PixelShuffle`.

    - input: `(batch, scale · height, scale · width, channels)`
    - returns: `(batch, height, width, scale² · channels)`, in `space_to_depth`'s order

    Args:
        scale: factor by which height and width shrink.

    Raises:
        InputError: for sizes that scale does not divide, or an input of another shape.
    """

    def call(self, inputs: Tensors) -> Tensors:
        return tf.nn.space_to_depth(inputs, self.scale) if self.scale > 1 else inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        _check_divisible("PixelUnshuffle", input_shape, self.scale)
        return (
            batch,
            height and height // self.scale,
            width and width // self.scale,
            channels * self.scale**2,
        )


class _Resampling(keras.layers.Layer):
    # The mode of `ops.pad` for each `border`; with a width of 1 "symmetric" repeats the edge.
    _borders = {"edge": "symmetric", "zeros": "constant"}

    def __init__(self, border: str = "edge", **kwargs: Any):
        super().__init__(**kwargs)
        self.border = arguments.choice("border", border, self._borders, of=type(self).__name__)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 3:
            raise InputError(
                f"{type(self).__name__} takes (batch, ..., channels) with a spatial axis, such as "
                f"(batch, height, width, channels); got {tuple(input_shape)}."
            )
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensors) -> Tensors:
        for axis in range(1, len(inputs.shape) - 1):
            widths = [(1, 1) if a == axis else (0, 0) for a in range(len(inputs.shape))]
            padded = ops.pad(inputs, widths, mode=self._borders[self.border])
            inputs = self._resampled(inputs, padded, axis)
        return inputs

    def get_config(self) -> Config:
        return {**super().get_config(), "border": self.border}


@keras.saving.register_keras_serializable("kgan")
class Upsample(_Resampling):
    """Doubles the size along each spatial axis, smoothed by a binomial filter.

    Repeats each value and applies the filter [1, 2, 1] / 4, which equals inserting zeros between
    values and applying the filter [1, 3, 3, 1] / 4. This is the interpolative upsampler of R3GAN
    (Huang et al. 2024; `Resamplers.py` of the authors' code, filter [1, 2, 1]) and of StyleGAN2
    (Karras et al. 2020). Along an axis:

        y_2i = (x_{i-1} + 3 x_i) / 4    y_2i+1 = (3 x_i + x_{i+1}) / 4

    This is bilinear interpolation. Unlike TensorFlow's bilinear resize it has second derivatives,
    and it needs no depthwise convolution, which is slow on CPUs.

    - input: `(batch, height, width, channels)`, or any number of spatial axes
    - returns: `(batch, 2 · height, 2 · width, channels)`

    Args:
        border: values beyond the border. "edge" repeats the outermost value, so that constants
            stay constant; "zeros" is the authors' choice, and reduces the outermost values by a
            quarter.

    Raises:
        InputError: for an unknown border, or inputs without spatial axes.
    """

    def _resampled(self, x, padded, axis):
        size = ops.shape(x)
        near = 0.75 * x
        even = near + 0.25 * _part(padded, axis, slice(None, -2))
        odd = near + 0.25 * _part(padded, axis, slice(2, None))
        pairs = ops.stack([even, odd], axis=axis + 1)
        return ops.reshape(pairs, (*size[:axis], 2 * size[axis], *size[axis + 1 :]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sizes, channels = input_shape
        return (batch, *(size and 2 * size for size in sizes), channels)


@keras.saving.register_keras_serializable("kgan")
class Downsample(_Resampling):
    """Halves the size along each spatial axis, smoothed by a binomial filter.

    Applies the filter [1, 2, 1] / 4 and takes the mean of each pair, which equals applying the
    filter [1, 3, 3, 1] / 8 and keeping every second value. This is the interpolative downsampler
    of R3GAN (Huang et al. 2024; `Resamplers.py` of the authors' code, filter [1, 2, 1]) and of
    StyleGAN2 (Karras et al. 2020). Along an axis:

        y_j = (x_{2j-1} + 3 x_2j + 3 x_2j+1 + x_{2j+2}) / 8

    - input: `(batch, height, width, channels)`, or any number of spatial axes, of even sizes
    - returns: `(batch, height / 2, width / 2, channels)`

    Args:
        border: as in `Upsample`.

    Raises:
        InputError: for an unknown border, odd sizes, or inputs without spatial axes.
    """

    def _resampled(self, x, padded, axis):
        size = ops.shape(x)
        # Pair k holds x_{2k-1} and x_2k, and pair k + 1 the two that follow.
        pairs = (*size[:axis], size[axis] // 2 + 1, 2, *size[axis + 1 :])
        pairs = ops.reshape(padded, pairs)
        odd, even = (_part(pairs, axis + 1, index) for index in (0, 1))
        left = 0.125 * odd + 0.375 * even
        right = 0.375 * odd + 0.125 * even
        return _part(left, axis, slice(None, -1)) + _part(right, axis, slice(1, None))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sizes, channels = input_shape
        _check_divisible("Downsample", input_shape, 2)
        return (batch, *(size and size // 2 for size in sizes), channels)


def _part(x, axis, index):
    """Returns `x` indexed along one axis."""
    return x[(slice(None),) * axis + (index,)]


def _check_divisible(layer, shape, scale):
    """Raises `InputError` for known sizes that `scale` does not divide."""
    if any(size is not None and size % scale for size in shape[1:-1]):
        raise InputError(f"{layer} needs sizes that {scale} divides; got {tuple(shape)}.")
