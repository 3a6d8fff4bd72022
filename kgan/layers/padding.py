"""Padding that Keras's own layers lack."""

from typing import Any

import keras
from keras import ops

from kgan import arguments
from kgan.errors import InputError
from kgan.layers import checks
from kgan.typing import Config, Shape, Tensors


@keras.saving.register_keras_serializable("kgan")
class ReflectionPadding2D(keras.layers.Layer):
    """Reflects images at their borders, without repeating the outermost row or column.

    - input: `(batch, height, width, channels)`, larger than the padding
    - returns: `(batch, height + 2 · padding, width + 2 · padding, channels)`

    Args:
        padding: number of rows and columns added at each side.

    Raises:
        InputError: for images that are no larger than the padding, or an input of another shape.
    """

    def __init__(self, padding: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.padding = arguments.integer("padding", padding)

    def build(self, input_shape: Shape) -> None:
        checks.feature_maps(self, input_shape)
        if any(size is not None and size <= self.padding for size in input_shape[1:3]):
            raise InputError(
                f"ReflectionPadding2D({self.padding}) needs images larger than {self.padding}; got "
                f"{tuple(input_shape)}."
            )

    def call(self, inputs: Tensors) -> Tensors:
        around = (self.padding, self.padding)
        return ops.pad(inputs, [(0, 0), around, around, (0, 0)], mode="reflect")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sizes, channels = input_shape
        return (batch, *(size and size + 2 * self.padding for size in sizes), channels)

    def get_config(self) -> Config:
        return {**super().get_config(), "padding": self.padding}
