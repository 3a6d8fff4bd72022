"""The exponential moving average of a network, batch-norm statistics included."""

import keras
import tensorflow as tf

from kgan.errors import InputError


class WeightAverage(keras.layers.Layer):
    """Averages of all weights of networks, kept beside them.

    After update t (from 0) the average moves by ``1 - min(decay, (1 + t) / (10 + t))`` towards
    the weights: the ramp keeps the random start out of the average of a young run. The moving
    statistics of normalization layers are weights like the others and averaged with them;
    averaged weights with the latest statistics would not fit each other.

    Args:
        networks: built Keras models.
        decay: in [0, 1), 0.999 for instance; or a schedule of the training step.
    """

    def __init__(self, networks, decay):
        super().__init__(name="weight_average", trainable=False)
        if not callable(decay) and not 0 <= decay < 1:
            raise InputError(
                f"ema is a decay in [0, 1), such as 0.999, or a schedule; got {decay!r}."
            )
        self.decay = decay
        # A plain tuple behind a function: an attribute would make the networks children of this
        # layer and save them twice.
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
        """Moves every average towards its weight, after training step `step` (from 0).

        Args:
            step: the training step, a scalar.
            where: a scalar condition; nothing moves where it does not hold. None is always.
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
        """(weight, its average) for every weight of the networks."""
        return list(zip(self._averaged(), self.weights, strict=True))
