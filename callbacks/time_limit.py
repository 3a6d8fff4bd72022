"""Ends a training when its time is up."""

import time

import keras

from kgan import arguments
from kgan.training import workers
from kgan.typing import Logs


class TimeLimit(keras.callbacks.Callback):
    """Ends `fit` after a given time, at the end of the step that is being taken.

    Schedules end with the steps that `training_steps` names, whether or not those are reached, so
    choose them first: `kgan.models.auto(dataset, minutes=...)` does.

    Args:
        minutes: how long it may take.
        begun: when the time began, by `time.monotonic()`; None means when training begins, which is
            after `fit` has tried how to run the steps fastest.

    Attributes:
        reached: whether the latest `fit` was ended so.

    Raises:
        InputError: if `minutes` is not positive.

    Example:

    ```python
    gan.fit(dataset, epochs=1000, callbacks=[kgan.callbacks.TimeLimit(minutes=30)])
    ```
    """

    steps_between = None

    def __init__(self, minutes: float, begun: float | None = None):
        super().__init__()
        self.minutes = arguments.number("minutes", minutes, above=0)
        self.begun = begun
        self.reached = False

    def on_train_begin(self, logs: Logs = None) -> None:
        self.reached = False
        begun = time.monotonic() if self.begun is None else self.begun
        self._end = begun + 60 * self.minutes

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if workers.any_asks(self.model, time.monotonic() >= self._end):
            self.reached = True
            self.model.stop_training = True
