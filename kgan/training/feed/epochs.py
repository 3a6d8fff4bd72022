"""The start of an epoch in the data, and the warnings at its end."""

import warnings
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import bridge
from kgan.errors import InputError
from kgan.training import guard
from kgan.training.execution import choice


@dataclass
class TrainingData:
    """The prepared data of a `fit`.

    Attributes:
        dataset: the dataset that Keras iterates over; an element holds the batches of one step.
        first_batch: its first element, for timing and compilation.
        steps_per_epoch: the argument for Keras's `fit`; None if the dataset ends with the epoch.
        enter: the callback that sets the position in the data; None if the source has none.
        steps: training steps per epoch; None if unknown.
        endless: whether the dataset does not end with an epoch, so that Keras must count steps.
        once: whether it can be iterated over only once.
    """

    dataset: tf.data.Dataset
    first_batch: Any
    steps_per_epoch: int | None = None
    enter: "EnterEpoch | None" = None
    steps: int | None = None
    endless: bool = False
    once: bool = False


class EnterEpoch(keras.callbacks.Callback):
    """Sets the position in the data, at the start of each epoch, from the model's step counter.

    A resumed run therefore gets the samples in the same order as an uninterrupted run.

    Args:
        source: the `Source`, with `info` and `position`.
        batches_per_step: batches of the source per training step.
        steps: training steps per epoch.
        endless: whether the next epoch continues a pass over the source, because the user has set
            `steps_per_epoch`; else every epoch starts a new pass.
    """

    def __init__(self, source, batches_per_step: int, steps: int, endless: bool):
        super().__init__()
        self.source = source
        self.batches_per_step = batches_per_step
        self.steps = steps
        self.endless = endless
        self.left = steps

    def on_epoch_begin(self, epoch, logs=None):
        taken = self.model.steps_taken
        # Only a restored state resumes within an epoch; another `fit` starts a new one.
        inside = 0
        if self.model.resume_within_epoch:
            known = self.model.steps_into_epoch
            # The fit need not have begun at a multiple of its steps an epoch.
            inside = taken % self.steps if known is None else known
        self.model.resume_within_epoch, self.model.steps_into_epoch = False, None
        self.left = self.steps - inside
        if self.endless:
            batches = taken * self.batches_per_step
            place = divmod(batches, self.source.info.steps_per_epoch)
        else:
            place = (taken - inside) // self.steps, inside * self.batches_per_step
        self.source.position.seek(*place)

    def limit(self, dataset):
        """Returns an endless dataset limited to the remaining steps of the epoch.

        They are counted whenever an iterator is created.
        """

        def count(_):
            left = bridge.numpy_function(lambda: np.int64(self.left), [], tf.int64)
            left.set_shape(())
            return tf.data.Dataset.range(left)

        counter = tf.data.Dataset.range(1).flat_map(count)
        return tf.data.Dataset.zip(counter, dataset).map(lambda _, batch: batch)


class StopAtFault(keras.callbacks.Callback):
    """Ends training after the execution in which an update was skipped.

    A callback apart: Keras waits for the logs of every execution if any callback has this method.
    """

    def on_train_batch_end(self, batch, logs=None):
        if faults := guard.take(self.model):
            guard.stop(self.model, faults[0])


class WatchUpdates(keras.callbacks.Callback):
    """Warns of skipped updates, and of a generator that has run out of batches.

    A few skipped updates do no harm, and loss scaling skips some by design. If all updates of an
    epoch are skipped, it raises an `InputError`.

    With Keras's `TerminateOnNaN` among the callbacks training stops at the first skipped update;
    with `kgan.callbacks.Guard` that callback acts on them instead.

    Args:
        data: the `TrainingData`.
        callbacks: the callbacks of the fit.
    """

    def __init__(self, data: TrainingData, callbacks=()):
        super().__init__()
        self.data = data
        self.guarded = any(getattr(callback, "guards_updates", False) for callback in callbacks)
        kinds = (keras.callbacks.TerminateOnNaN,)
        self.stops = not self.guarded and any(isinstance(each, kinds) for each in callbacks)

    def on_epoch_begin(self, epoch, logs=None):
        # Keras and its callbacks make tensors of epochs, learning rates and logs.
        bridge.forget_numbers()
        if self.model.updates_are_unknown:
            # A state of kgan 0.1.0, in which only the optimizers count updates.
            for player in self.model.players:
                player.count.assign(player.optimizer.iterations)
            self.model.updates_are_unknown = False
        # A callback may have restored a checkpoint, which holds the choice of XLA.
        choice.apply_restored_choice(self.model)
        self.steps = self.model.steps_taken
        self.before = self._updates()

    def on_train_begin(self, logs=None):
        guard.take(self.model)

    def on_epoch_end(self, epoch, logs=None):
        taken = self.model.steps_taken - self.steps
        if not self.guarded and not (self.stops and self.model.stop_training):
            self._report_skipped(epoch, taken)
        if self.data.once:
            self._report_end_of_data(epoch, taken)

    def _updates(self) -> dict:
        players = [player for player in self.model.players if player.variables]
        return {player.name: int(player.count.numpy()) for player in players}

    def _report_skipped(self, epoch, taken):
        players = [player for player in self.model.players if player.variables]
        expected = taken * sum(player.updates for player in players)
        made = sum(self._updates().values()) - sum(self.before.values())
        if made == expected:
            return
        faults = guard.take(self.model)
        first = f" {faults[0]}" if faults else ""
        scales = [float(p.optimizer.dynamic_scale.numpy()) for p in players if p.loss_scaling]
        if not made and not (scales and max(scales) > 1):
            raise InputError(
                f"Every update of epoch {epoch} was left out: losses, gradients or batch "
                "statistics hold NaN or Inf. The weights are as they were before it. Lower the "
                "learning rates, clip the gradients (`global_clipnorm` of the optimizers), or look "
                f"for a division by zero in a term.{first}"
            )
        because = "because their loss, gradients or layer state held NaN or Inf."
        if scales:
            because = (
                "while loss scaling searches for the largest scale at which float16 does not "
                f"overflow (now {max(scales):g})."
            )
        warnings.warn(
            f"Epoch {epoch}: {expected - made} of {expected} updates were left out, {because}"
            f"{first}",
            stacklevel=2,
        )

    def _report_end_of_data(self, epoch, taken):
        if epoch + 1 >= self.params["epochs"]:
            return
        steps_per_epoch = self.data.steps_per_epoch
        if steps_per_epoch is None or taken < steps_per_epoch:
            self.model.stop_training = True
            warnings.warn(
                f"The generator of batches ran out in epoch {epoch + 1} of "
                f"{self.params['epochs']}, and cannot be started again: training ends here. Give "
                "fit a tf.data.Dataset (tf.data.Dataset.from_generator takes the function that "
                "makes the generator), a keras.utils.PyDataset or arrays; or a generator that does "
                "not end, with steps_per_epoch=.",
                stacklevel=2,
            )


def callback_list(callbacks) -> list:
    """Returns the argument `callbacks` of `fit` as a list."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
