"""The exponential moving average of a network's weights and batch-norm statistics."""

import numbers

import keras
import tensorflow as tf

from kgan.errors import InputError


class WeightAverage(keras.layers.Layer):
    """Exponential moving averages of all weights of some networks.

    After training step t (from 0) an average is ``d * average + (1 - d) * weight`` with
    ``d = min(decay, (1 + t) / (10 + t))``. The ramp removes the random initial weights from the
    average early in training. The moving statistics of normalization layers are averaged like all
    weights: averaged weights do not fit the latest statistics.

    Args:
        networks: built Keras models.
        decay: a number in [0, 1), such as 0.999, or a schedule of the training step.

    Raises:
        InputError: if `decay` is neither.
    """

    def __init__(self, networks, decay):
        super().__init__(name="weight_average", trainable=False)
        real = isinstance(decay, numbers.Real) and not isinstance(decay, bool)
        if not callable(decay) and not (real and 0 <= decay < 1):
            raise InputError(
                f"ema is a decay in [0, 1), such as 0.999, or a schedule; got {decay!r}."
            )
        self.decay = decay
        # Hidden in a function: Keras would track an attribute and save the weights twice.
        weights = tuple(weight for network in networks for weight in network.weights)
        self._averaged = lambda: weights
        for weight in weights:
            average = self.add_weight(
                shape=weight.shape,
                dtype=weight.dtype,
                initializer="zeros",
                trainable=False,
                aggregation="only_first_replica",
                name=weight.name,
            )
            average.assign(weight.value)
        self.built = True

    def update(self, step, where=None):
        """Updates every average by its weight.

        Args:
            step: the training step, counted from 0, a scalar.
            where: a scalar bool tensor; if it is false, nothing changes. None means true.
        """
        step = tf.cast(step, tf.float32)
        decay = self.decay(step) if callable(self.decay) else self.decay
        decay = tf.minimum(tf.cast(decay, tf.float32), (1.0 + step) / (10.0 + step))
        for weight, average in self.pairs():
            value = tf.convert_to_tensor(weight.value)
            if value.dtype.is_floating:
                now = tf.convert_to_tensor(average.value)
                value = now + tf.cast(1.0 - decay, now.dtype) * (value - now)
            if where is not None:
                value = tf.where(where, value, average.value)
            average.assign(value)

    def pairs(self):
        """Returns (weight, its average) for every weight of the networks."""
        return list(zip(self._averaged(), self.weights, strict=True))
