"""The position in the data from which the next iterator reads."""

import threading

import numpy as np

from kgan import arguments


class Position:
    """The position (epoch and batch) from which the next iterator over a dataset reads.

    Each new iterator starts at the position and moves it to the start of the following epoch:
    the first iterator reads epoch 0, the second epoch 1, and so on. An iterator that is not read
    to its end counts as well. `seek` sets the position, so that a resumed run reads the same
    batches as a run that was never interrupted.

    The position is plain Python state behind a lock, not a `tf.Variable`: a variable made
    inside a distribution strategy would be mirrored, and prefetching must not see
    the next epoch's value.

    Args:
        steps_per_epoch: batches in an epoch.
    """

    def __init__(self, steps_per_epoch: int):
        self._steps_per_epoch = steps_per_epoch
        self._lock = threading.Lock()
        self._epoch = 0
        self._skip = 0

    @property
    def epoch(self) -> int:
        """The epoch that the next iterator reads."""
        return self._epoch

    @property
    def skip_batches(self) -> int:
        """How many batches at the start of that epoch the next iterator skips."""
        return self._skip

    def seek(self, epoch: int, skip_batches: int = 0) -> None:
        """Makes the next iterator read `epoch` from its batch `skip_batches` on.

        Skipped batches carry over to later epochs: with 10 batches an epoch, `seek(0, 25)` is
        `seek(2, 5)`, so a count of past steps can be passed as it is. Skipping costs nothing
        for data in memory and for folders.

        Args:
            epoch: the epoch, counted from 0.
            skip_batches: batches to skip from the start of that epoch.

        Raises:
            InputError: if a number is negative or not an integer.
        """
        epoch = arguments.integer("epoch", epoch, least=0)
        skip = arguments.integer("skip_batches", skip_batches, least=0)
        with self._lock:
            self._epoch = epoch + skip // self._steps_per_epoch
            self._skip = skip % self._steps_per_epoch

    def start(self) -> np.ndarray:
        """Returns the position, int64 `[epoch, batches to skip]`, and moves to the next epoch.

        The pipeline calls it once for each new iterator.
        """
        with self._lock:
            position = np.array([self._epoch, self._skip], "int64")
            self._epoch += 1
            self._skip = 0
        return position
