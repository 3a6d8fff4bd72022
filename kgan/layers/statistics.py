"""What a discriminator may learn from a batch as a whole."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments
from kgan.errors import InputError
from kgan.typing import Config, Shape, Tensors


@keras.saving.register_keras_serializable("kgan")
class MinibatchStdDev(keras.layers.Layer):
    """Appends how much the samples of a group differ (Karras et al. 2018, section 3).

    The batch is split into groups; the standard deviation of each feature over a group, averaged
    over all features and places, is one number, appended to each of the group's samples as a
    constant feature map. A generator without variety shows by it.

    Groups, and several maps from as many parts of the channels, are as in the authors' code:
    with m groups, sample i belongs to group i mod m. The code demands that `group_size` divides
    the batch. Here a group is the smallest divisor of the batch that is no smaller than
    `group_size` (14 samples and a `group_size` of 4 give two groups of 7), or the whole batch
    where that is smaller. A group of one would say nothing.

    - input: `(batch, ..., channels)`, with or without places
    - returns: `(batch, ..., channels + features)`

    Args:
        group_size: samples in a group.
        features: maps to append; must divide the channels.

    Raises:
        InputError: for channels that are unknown or that `features` does not divide.
    """

    def __init__(self, group_size: int = 4, features: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.group_size = arguments.integer("group_size", group_size)
        self.features = arguments.integer("features", features)

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        if len(input_shape) < 2 or channels is None or channels % self.features:
            raise InputError(
                "MinibatchStdDev takes (batch, ..., channels) with channels that "
                f"features={self.features} divides; got {tuple(input_shape)}."
            )

    def call(self, inputs: Tensors) -> Tensors:
        batch, *places, channels = ops.shape(inputs)
        group = self._group(batch)
        # Squares and their sum over many features leave the range of half precision.
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        split = (group, batch // group, -1, self.features, channels // self.features)
        x = ops.reshape(x, split)
        variance = ops.mean(ops.square(x - ops.mean(x, axis=0)), axis=0)
        # The authors' 1e-8: samples that are alike would have an endless gradient.
        deviation = ops.mean(ops.sqrt(variance + 1e-8), axis=(1, 3))
        deviation = ops.cast(ops.tile(deviation, (group, 1)), inputs.dtype)
        deviation = ops.reshape(deviation, (batch, *(1 for _ in places), self.features))
        maps = ops.broadcast_to(deviation, (batch, *places, self.features))
        return ops.concatenate([inputs, maps], axis=-1)

    def _group(self, batch):
        """The group size for a batch, an int or, where the graph leaves it open, a tensor."""
        if isinstance(batch, int):
            low = min(self.group_size, batch)
            return next(size for size in range(low, batch + 1) if batch % size == 0)
        sizes = tf.range(1, batch + 1)
        fits = (sizes >= tf.minimum(self.group_size, batch)) & (batch % sizes == 0)
        return tf.reduce_min(tf.where(fits, sizes, batch))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], input_shape[-1] + self.features)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "group_size": self.group_size,
            "features": self.features,
        }
