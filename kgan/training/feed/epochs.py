"""Where in the data an epoch begins, and what is said when it ends."""

import warnings
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan.errors import InputError
from kgan.training.execution import choice


@dataclass
class TrainingData:
    """A prepared dataset and where it stands.

    Attributes:
        dataset: what Keras iterates over; as many batches an element as a step takes.
        first_batch: its first element, for checks and compilation.
        steps_per_epoch: what is left for Keras to count: the user's number, or None where the
            dataset ends by itself.
        enter: what points the data at an epoch, where the source has a position.
        steps: training steps of an epoch, where they are known.
        endless: whether the dataset goes on past an epoch, and Keras alone ends it.
        once: whether it can be run through once only.
    """

    dataset: tf.data.Dataset
    first_batch: Any
    steps_per_epoch: int | None = None
    enter: "EnterEpoch | None" = None
    steps: int | None = None
    endless: bool = False
    once: bool = False


class EnterEpoch(keras.callbacks.Callback):
    """Points the data at the place that the model's step counter stands in.

    So a run that was saved and loaded sees the samples in the order of the unbroken run.

    Args:
        source: the `Source`, with `info` and `position`.
        batches_per_step: batches of the source that a training step takes.
        steps: steps in an epoch.
        endless: whether the passes over the source follow each other without a gap, because the
            user says how long an epoch is; else every epoch starts a pass.
    """

    def __init__(self, source, batches_per_step: int, steps: int, endless: bool):
        super().__init__()
        self.source = source
        self.batches_per_step = batches_per_step
        self.steps = steps
        self.endless = endless
        self.left = steps

    def on_epoch_begin(self, epoch, logs=None):
        taken = int(self.model.iterations.numpy())
        # Only a restored state continues within an epoch; a user's next `fit` is a new one.
        inside = taken % self.steps if self.model.resume_within_epoch else 0
        self.model.resume_within_epoch = False
        self.left = self.steps - inside
        if self.endless:
            batches = taken * self.batches_per_step
            place = divmod(batches, self.source.info.steps_per_epoch)
        else:
            place = taken // self.steps, inside * self.batches_per_step
        self.source.position.seek(*place)

    def limit(self, dataset):
        """The steps of one epoch of an endless dataset, counted when its iterator starts."""

        def count(_):
            left = tf.numpy_function(lambda: np.int64(self.left), [], tf.int64)
            left.set_shape(())
            return tf.data.Dataset.range(left)

        counter = tf.data.Dataset.range(1).flat_map(count)
        return tf.data.Dataset.zip(counter, dataset).map(lambda _, batch: batch)


class WatchUpdates(keras.callbacks.Callback):
    """Says when updates are left out because a number is not finite, and when data has ended.

    A few updates are no harm, and loss scaling leaves some out by design; a whole epoch of them
    is a run that learns nothing.

    Args:
        data: the `TrainingData`.
    """

    def __init__(self, data: TrainingData):
        super().__init__()
        self.data = data

    def on_epoch_begin(self, epoch, logs=None):
        if self.model.updates_are_unknown:
            # A state of kgan 0.1.0, which left counting to the optimizers.
            for player in self.model.players:
                player.count.assign(player.optimizer.iterations)
            self.model.updates_are_unknown = False
        # A checkpoint that was restored at the start says how its run was executed.
        choice.follow(self.model)
        self.steps = int(self.model.iterations.numpy())
        self.before = self._updates()

    def on_epoch_end(self, epoch, logs=None):
        taken = int(self.model.iterations.numpy()) - self.steps
        self._warn_of_updates(epoch, taken)
        if self.data.once:
            self._warn_of_the_end(epoch, taken)

    def _updates(self) -> dict:
        players = [player for player in self.model.players if player.variables]
        return {player.name: int(player.count.numpy()) for player in players}

    def _warn_of_updates(self, epoch, taken):
        players = [player for player in self.model.players if player.variables]
        asked = taken * sum(player.updates for player in players)
        made = sum(self._updates().values()) - sum(self.before.values())
        if made == asked:
            return
        scales = [float(p.optimizer.dynamic_scale) for p in players if p.loss_scaling]
        if not made and not (scales and max(scales) > 1):
            raise InputError(
                f"Every update of epoch {epoch} was left out: losses, gradients or batch "
                "statistics hold NaN or Inf. The weights are as they were before it. Lower the "
                "learning rates, clip the gradients (`global_clipnorm` of the optimizers), or look "
                "for a division by zero in a term."
            )
        because = "for their loss, gradients or layer state held NaN or Inf."
        if scales:
            because = (
                "while loss scaling looks for the largest scale at which float16 does not "
                f"overflow (now {max(scales):g})."
            )
        warnings.warn(
            f"Epoch {epoch}: {asked - made} of {asked} updates were left out, {because}",
            stacklevel=2,
        )

    def _warn_of_the_end(self, epoch, taken):
        if epoch + 1 >= self.params["epochs"]:
            return
        whole = self.data.steps_per_epoch
        if whole is None or taken < whole:
            self.model.stop_training = True
            warnings.warn(
                f"The generator of batches ran out in epoch {epoch + 1} of "
                f"{self.params['epochs']}, and cannot be started again: training ends here. Give "
                "fit a tf.data.Dataset (tf.data.Dataset.from_generator takes the function that "
                "makes the generator), a keras.utils.PyDataset or arrays; or a generator that goes "
                "on, with steps_per_epoch=.",
                stacklevel=2,
            )


def callback_list(callbacks) -> list:
    """The callbacks of a `fit` as a list, whatever holds them."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
