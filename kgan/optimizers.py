"""Optimizers and schedules that papers on GANs use and Keras lacks.

They are Keras optimizers and schedules, and can be serialized and used wherever Keras takes those.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from kgan import arguments
from kgan.errors import InputError
from kgan.typing import Config, Tensor


@keras.saving.register_keras_serializable("kgan")
class ScheduledAdam(keras.optimizers.Adam):
    """Adam whose beta_2 may be a schedule of the training step, as in R3GAN.

    The bias correction uses the current value of beta_2, as in the code of Huang et al. 2024.

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
            beta_2 = arguments.config("beta_2", beta_2)
        try:
            super().__init__(learning_rate, beta_1, beta_2, **kwargs)
        except ValueError as error:
            raise InputError(str(error)) from error

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
    """A learning rate that is constant for the first half of training, then decays linearly to 0.

    It is the schedule of Zhu et al. 2017 (CycleGAN), section 4.

    Args:
        rate: the learning rate of the first half.
        steps: training steps in all.

    Raises:
        InputError: if `rate` is negative, or `steps` is not a positive integer.
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
    """The decay of a moving average, given by its half-life, for `compile(ema=...)`.

    The decay is 0.5^(1 / half-life).

    Args:
        steps: the half-life after the warm-up, in training steps.
        warm_up: training steps over which the half-life rises from 0 to `steps` along half a
            cosine (code of Huang et al. 2024); 0 for none.

    Raises:
        InputError: if `steps` is not positive, or `warm_up` is not a non-negative integer.
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
