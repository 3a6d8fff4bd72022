"""The exponential moving average of a network, batch-norm statistics included."""

import math

import keras
import tensorflow as tf

from kgan.errors import InputError


@keras.saving.register_keras_serializable("kgan")
class HalfLife(keras.optimizers.schedules.LearningRateSchedule):
    """The decay of an average by its half-life: 0.5^(1 / steps), for `compile(ema=...)`.

    Args:
        steps: after so many training steps a weight counts half, at the end of the warm-up.
        warm_up: training steps over which the half-life rises from 0 to `steps` along half a
            cosine (Huang et al. 2024's code); 0 for none.
    """

    def __init__(self, steps: float, warm_up: int = 0):
        if not steps > 0 or warm_up < 0:
            raise InputError(
                f"A half-life needs steps > 0 and warm_up >= 0; got {steps} and {warm_up}."
            )
        self.steps, self.warm_up = float(steps), int(warm_up)

    def __call__(self, step):
        half_life = self.steps
        if self.warm_up:
            share = tf.minimum(tf.cast(step, tf.float32) / self.warm_up, 1.0)
            half_life *= 0.5 * (1.0 - tf.cos(math.pi * share))
        return tf.pow(0.5, 1.0 / tf.maximum(half_life, 1e-3))

    def get_config(self):
        return {"steps": self.steps, "warm_up": self.warm_up}


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

    def update(self, step):
        """Moves every average towards its weight, after training step `step` (from 0)."""
        step = tf.cast(step, tf.float32)
        decay = self.decay(step) if callable(self.decay) else self.decay
        decay = tf.minimum(tf.cast(decay, tf.float32), (1.0 + step) / (10.0 + step))
        for weight, average in self.pairs():
            value = tf.convert_to_tensor(weight.value)
            if value.dtype.is_floating:
                now = tf.convert_to_tensor(average.value)
                value = now + tf.cast(1.0 - decay, now.dtype) * (value - now)
            average.assign(value)

    def pairs(self):
        """(weight, its average) for every weight of the networks."""
        return list(zip(self._averaged(), self.weights, strict=True))
