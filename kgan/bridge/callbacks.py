"""Keras's callbacks: their state, their TensorBoard, and the epoch that they begin with."""

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def profiles_batches(callback) -> bool:
    """Returns whether a callback is a Keras `TensorBoard` that profiles single batches."""
    return bool(getattr(callback, "_should_trace", False))


def first_epoch(model) -> int | None:
    """Returns the epoch that a callback has set as the first of `fit`; None if none has."""
    return getattr(model, "_initial_epoch", None)


def begin_with_epoch(model, epoch: int | None) -> None:
    """Sets the first epoch, counted from 0, of the `fit` that is starting; None resets it.

    A Keras release that does not read this attribute starts from `initial_epoch`.
    """
    model._initial_epoch = epoch


def direction(metric) -> str | None:
    """Returns "up" or "down", the direction in which a Keras metric improves; None if unknown."""
    found = getattr(metric, "_direction", None)
    return found if found in ("up", "down") else None


class KerasTensorBoard(keras.callbacks.TensorBoard):
    """Keras's `TensorBoard` with public names for the private methods that a subclass needs.

    If a Keras release does not call `epoch_logs`, `write_weights` or `write_networks`, the callback
    writes what Keras writes; if it keeps its writers elsewhere, separate files are written.
    """

    # Methods that a subclass overrides.

    def epoch_logs(self) -> dict:
        """Returns additional logs of an epoch, by name."""
        raise NotImplementedError

    def write_weights(self, epoch: int) -> None:
        """Writes the weights, every `histogram_freq` epochs."""
        raise NotImplementedError

    def write_networks(self) -> None:
        """Writes the graph of the model's layers when training begins."""
        raise NotImplementedError

    def _collect_learning_rate(self, logs):
        return logs | self.epoch_logs()

    def _log_weights(self, epoch):
        self.write_weights(epoch)

    def _write_keras_model_summary(self):
        self.write_networks()

    # Methods that a subclass calls.

    # The end of the event files' names; None leaves them as TensorFlow names them.
    suffix: str | None = None

    def writer(self, run: str) -> Any:
        """Returns the summary writer of the run "train" or "validation"."""
        name = {"train": "_train_writer", "validation": "_val_writer"}[run]
        key = {"train": "train", "validation": "val"}[run]
        if hasattr(keras.callbacks.TensorBoard, name):
            if self.suffix and key not in getattr(self, "_writers", {key: None}):
                # Keras's property returns the one that is there.
                self._writers[key] = tf.summary.create_file_writer(
                    os.path.join(self.log_dir, run), filename_suffix=self.suffix
                )
            return getattr(self, name)
        made: dict = self.__dict__.setdefault("writers_beside", {})
        if run not in made:
            made[run] = tf.summary.create_file_writer(os.path.join(self.log_dir, run))
        return made[run]

    def open_writers(self) -> list:
        """Returns the writers that were used so far."""
        beside = vars(self).get("writers_beside", {})
        return [*getattr(self, "_writers", {}).values(), *beside.values()]

    def leave_writer(self) -> bool:
        """Restores the previous default writer; returns False if there is none."""
        if not getattr(self, "_prev_summary_state", None):
            return False
        self._pop_writer()
        return True

    def stop_profile(self) -> None:
        """Ends the profile of a batch, if one is being written."""
        if getattr(self, "_is_tracing", False):
            self._stop_trace()

    def close_writers(self) -> None:
        """Closes the files; a later use opens new ones."""
        for writer in self.open_writers():
            writer.close()
        self._writers: dict = {}
        self.__dict__.pop("writers_beside", None)

    def write_weight_image(self, weight: Any, tag: str, epoch: int) -> None:
        """Writes a weight as an image, if the Keras release supports it."""
        if hasattr(self, "_log_weight_as_image"):
            self._log_weight_as_image(weight, tag, epoch)


# The state of Keras's callbacks.

# What each has learned from the epochs so far. `_last_batch_seen` of a `ModelCheckpoint` is not
# among them: a resumed epoch counts its batches anew.
_LEARNED = {
    keras.callbacks.EarlyStopping: ("best", "wait", "best_epoch", "best_weights", "stopped_epoch"),
    keras.callbacks.ModelCheckpoint: ("best", "_batches_seen_since_last_saving"),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
}


def callback_state(callback) -> dict | None:
    """Returns the state of one of Keras's callbacks; None if none of it is known."""
    if isinstance(callback, keras.callbacks.CSVLogger):
        if callback.csv_file is None or callback.csv_file.closed:
            return None
        callback.csv_file.flush()
        return {"size": os.path.getsize(callback.filename)}
    for kind, names in _LEARNED.items():
        if isinstance(callback, kind):
            held = {name: getattr(callback, name) for name in names if hasattr(callback, name)}
            return held | {"monitor": callback.monitor}
    return None


def set_callback_state(callback, state: dict) -> bool:
    """Restores what `callback_state` returned; returns False if it watches another quantity."""
    if isinstance(callback, keras.callbacks.CSVLogger):
        # The rows of epochs that are trained again are written again.
        if os.path.getsize(callback.filename) >= state["size"]:
            callback.csv_file.truncate(state["size"])
            callback.append_header = state["size"] == 0
        return True
    if callback.monitor != state["monitor"]:
        return False
    for name in state.keys() - {"monitor"}:
        value = state[name]
        if name == "best_weights" and value is not None:
            # Keras compares shapes. Weights without dimensions are NumPy's numbers, which have
            # one, and were saved as plain ones.
            value = [np.asarray(weight)[()] for weight in value]
        setattr(callback, name, value)
    return True


def has_ended_training(callback) -> bool:
    """Returns whether a callback of Keras had ended the training whose state it restored."""
    return (
        isinstance(callback, keras.callbacks.EarlyStopping)
        and callback.stopped_epoch > 0
        and callback.wait >= callback.patience
    )
