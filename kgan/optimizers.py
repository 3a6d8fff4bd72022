"""Two optimizers where Keras expects one."""

import keras

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
