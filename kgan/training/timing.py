"""How long a training step takes, by a few seconds of the training itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

# Steps that are timed at least, however slow they are.
_LEAST_STEPS = 3


@dataclass(frozen=True)
class Timing:
    """What a few steps showed.

    Attributes:
        step: seconds of a training step, with what lies between the steps.
        start: seconds from `fit` to the end of the first step beyond the step itself: tracing,
            compiling, and the trials of the fastest execution.
        steps: how many steps were timed.
    """

    step: float
    start: float
    steps: int


class _Watch(keras.callbacks.Callback):
    """Notes when executions end, and stops `fit` after some seconds of them."""

    steps_between = None

    def __init__(self, seconds: float, clock: Callable[[], float]):
        super().__init__()
        self.seconds, self.clock = seconds, clock
        # (time, steps taken) at the end of the first and of the last execution.
        self.first: tuple[float, int] | None = None
        self.last: tuple[float, int] | None = None

    def on_train_batch_end(self, batch, logs=None):
        self.last = (self.clock(), self.model.steps_taken)
        self.first = self.first or self.last
        if (
            self.last[0] - self.first[0] >= self.seconds
            and self.last[1] - self.first[1] >= _LEAST_STEPS
        ):
            self.model.stop_training = True


def measure(
    model: Any,
    dataset: Any,
    seconds: float = 5.0,
    clock: Callable[[], float] = time.monotonic,
) -> Timing:
    """Trains for some seconds, and returns how fast that was.

    The model's weights and its other state change, so give one that is not used afterwards. What is
    timed is the real step in its final form: on the given data, after XLA and the number of steps
    an execution have been chosen as for a long training.

    Args:
        model: a compiled `kgan.game.Game`.
        dataset: a dataset of `kgan.data`, whose position is set back to its start.
        seconds: how long to time after the first step; at least 3 steps are timed.
        clock: returns a time in seconds; `time.process_time` counts those of the processor, which
            other programs on the machine do not change much.
    """
    watch = _Watch(seconds, clock)
    begun, before = clock(), model.steps_taken
    # Long enough that `fit` chooses as for a long training; the callback ends it.
    model.fit(dataset, epochs=1_000_000, verbose=0, callbacks=[watch])
    dataset.position.seek(0)
    (first, taken), (last, all_taken) = watch.first, watch.last
    step = (last - first) / (all_taken - taken)
    return Timing(step, max(0.0, first - begun - (taken - before) * step), all_taken - taken)
