"""Optimizers and schedules that papers on GANs need and Keras lacks.

They are Keras's in every other way: serialize them, give them to `compile`, use them elsewhere.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from kgan import arguments
from kgan.typing import Config, Tensor


@keras.saving.register_keras_serializable("kgan")
class ScheduledAdam(keras.optimizers.Adam):
    """Adam whose beta_2 may be a schedule of the training step, as R3GAN's is.

    The bias correction takes the beta_2 of the step, as the code of Huang et al. 2024 does.

    Args:
        learning_rate, beta_1, **kwargs: as in `keras.optimizers.Adam`.
        beta_2: a number, or a schedule (`keras.optimizers.schedules`) with values in (0, 1).
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float | keras.optimizers.schedules.LearningRateSchedule = 0.999,
        **kwargs: Any,
    ):
        if isinstance(beta_2, dict):
            beta_2 = keras.saving.deserialize_keras_object(beta_2)
        super().__init__(learning_rate, beta_1, beta_2, **kwargs)

    def update_step(
        self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor
    ) -> None:
        schedule = self.beta_2
        if callable(schedule):
            self.beta_2 = keras.ops.cast(schedule(self.iterations), variable.dtype)
        try:
            super().update_step(gradient, variable, learning_rate)
        finally:
            self.beta_2 = schedule

    def get_config(self) -> Config:
        config = super().get_config()
        if callable(self.beta_2):
            config["beta_2"] = keras.saving.serialize_keras_object(self.beta_2)
        return config


@keras.saving.register_keras_serializable("kgan")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that stays for the first half of a training and then falls to 0.

    Args:
        rate: of the first half.
        steps: of the whole training.
    """

    def __init__(self, rate: float, steps: int):
        self.rate = arguments.number("rate", rate, least=0)
        self.steps = arguments.integer("steps", steps)

    def __call__(self, step: Tensor) -> Tensor:
        left = 2.0 * (1.0 - keras.ops.cast(step, "float32") / self.steps)
        return self.rate * keras.ops.clip(left, 0.0, 1.0)

    def get_config(self) -> Config:
        return {"rate": self.rate, "steps": self.steps}


@keras.saving.register_keras_serializable("kgan")
class HalfLife(keras.optimizers.schedules.LearningRateSchedule):
    """The decay of an average by its half-life: 0.5^(1 / steps), for `compile(ema=...)`.

    Args:
        steps: after so many training steps a weight counts half, at the end of the warm-up.
        warm_up: training steps over which the half-life rises from 0 to `steps` along half a
            cosine (Huang et al. 2024's code); 0 for none.
    """

    def __init__(self, steps: float, warm_up: int = 0):
        self.steps = arguments.number("steps", steps, above=0)
        self.warm_up = arguments.integer("warm_up", warm_up, least=0)

    def __call__(self, step: Tensor) -> Tensor:
        half_life = self.steps
        if self.warm_up:
            share = tf.minimum(tf.cast(step, tf.float32) / self.warm_up, 1.0)
            half_life *= 0.5 * (1.0 - tf.cos(math.pi * share))
        return tf.pow(0.5, 1.0 / tf.maximum(half_life, 1e-3))

    def get_config(self) -> Config:
        return {"steps": self.steps, "warm_up": self.warm_up}
