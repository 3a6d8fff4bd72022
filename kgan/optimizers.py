"""Two optimizers where Keras expects one."""

import keras


class Players:
    """Stands at `gan.optimizer`, so that Keras callbacks find a learning rate to turn.

    Reading `learning_rate` gives the generator's. Setting it multiplies both players' rates by
    the same factor, so that `ReduceLROnPlateau` and `LearningRateScheduler` keep the ratio of
    the two time scales.
    """

    def __init__(self, d_optimizer, g_optimizer):
        self.optimizers = (d_optimizer, g_optimizer)
        self.built = True

    @property
    def variables(self):
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]

    @property
    def iterations(self):
        return self.optimizers[-1].iterations

    @property
    def learning_rate(self):
        return self.optimizers[-1].learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        before = float(keras.ops.convert_to_numpy(self.learning_rate))
        for optimizer in self.optimizers[:-1]:
            rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            # From zero there is no ratio to keep.
            optimizer.learning_rate = rate * float(value) / before if before else float(value)
        self.optimizers[-1].learning_rate = float(value)


def get(optimizer, float16: bool):
    """An optimizer of one player's own, with loss scaling where the networks run in float16."""
    if isinstance(optimizer, keras.optimizers.Optimizer) and optimizer.built:
        # Its slots belong to other variables; compile starts the game anew.
        optimizer = type(optimizer).from_config(optimizer.get_config())
    optimizer = keras.optimizers.get(optimizer)
    if float16 and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
