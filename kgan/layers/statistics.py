"""Statistics of a batch as features for a discriminator."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments, replicas
from kgan.errors import InputError
from kgan.typing import Config, Shape, Tensors


@keras.saving.register_keras_serializable("kgan")
class MinibatchStdDev(keras.layers.Layer):
    """Appends the standard deviation within groups of samples (Karras et al. 2018, section 3).

    The batch is split into groups. The standard deviation of each feature over a group, averaged
    over all features and positions, is one number; each sample of the group gets it as a constant
    feature map. It shows the discriminator when generated samples are too alike.

    As in the authors' code, sample i belongs to group i mod m of m groups, and the channels can
    be split into several parts that give one map each. That code requires `group_size` to divide
    the batch. Here the size of a group is the smallest divisor of the batch that is at least
    `group_size` (14 samples and a `group_size` of 4 give two groups of 7), or the whole batch if
    that is smaller. A group of one sample would have a deviation of zero.

    - input: `(batch, ..., channels)`, with any number of spatial axes
    - returns: `(batch, ..., channels + features)`

    Args:
        group_size: least number of samples in a group.
        features: number of maps to append; must divide the channels.

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
        number, *sizes, _ = ops.shape(inputs)
        deviations = self._deviations(replicas.whole(inputs))
        deviations = replicas.rows(number, lambda count: deviations)
        maps = ops.broadcast_to(deviations, (number, *sizes, self.features))
        return ops.concatenate([inputs, maps], axis=-1)

    def _deviations(self, inputs):
        """Returns the numbers of each sample, `(batch, 1, ..., features)`."""
        batch, *sizes, channels = ops.shape(inputs)
        group = self._group(batch)
        # Squares and their sum over many features leave the range of half precision.
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        split = (group, batch // group, -1, self.features, channels // self.features)
        x = ops.reshape(x, split)
        variance = ops.mean(ops.square(x - ops.mean(x, axis=0)), axis=0)
        # The authors' 1e-8: without it equal samples would have an infinite gradient.
        deviation = ops.mean(ops.sqrt(variance + 1e-8), axis=(1, 3))
        deviation = ops.cast(ops.tile(deviation, (group, 1)), inputs.dtype)
        return ops.reshape(deviation, (batch, *(1 for _ in sizes), self.features))

    def _group(self, batch):
        """Returns the size of a group: an int, or a tensor if the batch size is a tensor."""
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
