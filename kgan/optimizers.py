"""Two optimizers where Keras expects one, and an Adam whose memory may change."""

import functools

import keras
import tensorflow as tf

from kgan.errors import unknown


class Players:
    """Stands at `gan.optimizer`, so that Keras callbacks find a learning rate to turn.

    Reading `learning_rate` gives the generator's. Setting it multiplies both players' rates by
    the same factor, so that `ReduceLROnPlateau` and `LearningRateScheduler` keep the ratio of
    the two time scales.
    """

    def __init__(self, d_optimizer, g_optimizer):
        # Not `optimizers`: Keras's callbacks would find them there and give each the same rate.
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        self.built = True
        self._ratio = self._present_ratio() or 1.0

    def _present_ratio(self):
        d_rate, g_rate = (
            float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            for optimizer in (self.d_optimizer, self.g_optimizer)
        )
        return d_rate / g_rate if d_rate and g_rate else None

    @property
    def variables(self):
        return [*self.d_optimizer.variables, *self.g_optimizer.variables]

    @property
    def iterations(self):
        return self.g_optimizer.iterations

    @property
    def learning_rate(self):
        return self.g_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        # A rate of zero, as some warm-ups begin with, leaves no ratio to read: remember the last.
        self._ratio = self._present_ratio() or self._ratio
        self.d_optimizer.learning_rate = float(value) * self._ratio
        self.g_optimizer.learning_rate = float(value)


def get(optimizer, float16: bool):
    """An optimizer of one player's own, with loss scaling where the networks run in float16."""
    if isinstance(optimizer, keras.optimizers.Optimizer) and optimizer.built:
        # Its slots belong to other variables; compile starts the game anew.
        optimizer = type(optimizer).from_config(optimizer.get_config())
    try:
        optimizer = keras.optimizers.get(optimizer)
    except (ValueError, TypeError):
        names = [name.lower() for name in dir(keras.optimizers) if name[0].isupper()]
        raise unknown("optimizer", optimizer, names) from None
    if float16 and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def apply(optimizer, gradients, variables, moves=None) -> None:
    """As `optimizer.apply(gradients, variables)`; Adam by TensorFlow's one operation for it.

    Keras writes Adam's update as a dozen operations for each variable. They read and write each
    number a dozen times, and in a small network starting them takes longer than the arithmetic.
    `moves`, of `apply_where`, is a scalar that says whether anything is to change.
    """
    if not _is_plain_adam(optimizer):
        optimizer.apply(gradients, variables)
        return
    # Past Keras, which tracks what is set on an optimizer.
    vars(optimizer)["_backend_update_step"] = functools.partial(_adam, optimizer, moves)
    try:
        optimizer.apply(gradients, variables)
    finally:
        del vars(optimizer)["_backend_update_step"]


def can_stand_still(optimizer) -> bool:
    """Whether `apply_where` knows how to leave out an update of this optimizer."""
    return (
        _is_plain_adam(optimizer)
        and not optimizer.weight_decay
        and not optimizer.use_ema
        and not optimizer.gradient_accumulation_steps
    )


def apply_where(condition, optimizer, gradients, variables) -> None:
    """As `apply` where a scalar condition holds; elsewhere everything stays as it is.

    By numbers in place of a condition around it, for which XLA copies all weights and slots:
    an Adam of rate 0 that forgets nothing does not move.
    """
    gradients = [None if g is None else tf.where(condition, g, tf.zeros_like(g)) for g in gradients]
    apply(optimizer, gradients, variables, condition)
    optimizer.iterations.assign_sub(tf.cast(~condition, optimizer.iterations.dtype))


def _is_plain_adam(optimizer):
    return (
        type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW, ScheduledAdam)
        and not optimizer.amsgrad
        and tf.distribute.get_strategy().num_replicas_in_sync == 1
        # A method of Keras's own, not for us to rely on; without it its slower way is taken.
        and hasattr(optimizer, "_backend_update_step")
    )


def _adam(optimizer, moves, gradients, variables, learning_rate):
    """Kingma and Ba 2015, algorithm 1 in the order of the end of section 2, as Keras has it."""
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    betas = [
        tf.cast(beta(optimizer.iterations) if callable(beta) else beta, tf.float32)
        for beta in (optimizer.beta_1, optimizer.beta_2)
    ]
    powers = [tf.pow(beta, step) for beta in betas]
    if moves is not None:
        betas = [tf.where(moves, beta, 1.0) for beta in betas]
        learning_rate = tf.where(moves, learning_rate, 0.0)
    for gradient, variable in zip(gradients, variables, strict=True):
        place = optimizer._get_variable_index(variable)
        slots = optimizer._momentums[place], optimizer._velocities[place]
        handles = [
            (v.value if isinstance(v, keras.Variable) else v).handle for v in (variable, *slots)
        ]
        kind = variable.dtype
        beta_1_power, beta_2_power, rate, beta_1, beta_2, epsilon = (
            tf.cast(number, kind) for number in (*powers, learning_rate, *betas, optimizer.epsilon)
        )
        tf.raw_ops.ResourceApplyAdam(
            var=handles[0],
            m=handles[1],
            v=handles[2],
            beta1_power=beta_1_power,
            beta2_power=beta_2_power,
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=tf.cast(gradient, kind),
        )


@keras.saving.register_keras_serializable("kgan")
class ScheduledAdam(keras.optimizers.Adam):
    """Adam whose beta_2 may be a schedule of the training step, as R3GAN's is.

    The bias correction takes the beta_2 of the step, as the code of Huang et al. 2024 does.

    Args:
        learning_rate, beta_1, **kwargs: as in `keras.optimizers.Adam`.
        beta_2: a number, or a schedule (`keras.optimizers.schedules`) with values in (0, 1).
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, **kwargs):
        if isinstance(beta_2, dict):
            beta_2 = keras.saving.deserialize_keras_object(beta_2)
        super().__init__(learning_rate, beta_1, beta_2, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        schedule = self.beta_2
        if callable(schedule):
            self.beta_2 = keras.ops.cast(schedule(self.iterations), variable.dtype)
        try:
            super().update_step(gradient, variable, learning_rate)
        finally:
            self.beta_2 = schedule

    def get_config(self):
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
        self.rate, self.steps = float(rate), int(steps)

    def __call__(self, step):
        left = 2.0 * (1.0 - keras.ops.cast(step, "float32") / self.steps)
        return self.rate * keras.ops.clip(left, 0.0, 1.0)

    def get_config(self):
        return {"rate": self.rate, "steps": self.steps}
