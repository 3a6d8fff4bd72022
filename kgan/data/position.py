"""Where in the data the next iterator starts."""

import threading

import numpy as np

from kgan import arguments


class Position:
    """The place from which the next iterator over a dataset reads.

    Every iterator that is started takes the place and moves it to the start of the
    following epoch: the first reads epoch 0, the next one epoch 1, and so on. An
    iterator that was abandoned half-way counts too. `seek` sets the place, so that a
    resumed run reads what the unbroken run would have read.

    A place is plain Python state behind a lock, not a `tf.Variable`: a variable made
    inside a distribution strategy would be mirrored, and prefetching must not see
    the next epoch's value.
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
        """How many of that epoch's first batches it leaves out."""
        return self._skip

    def seek(self, epoch: int, skip_batches: int = 0) -> None:
        """Make the next iterator read `epoch` from its batch `skip_batches` on.

        Skipping a whole epoch or more carries over: with 10 batches an epoch,
        `seek(0, 25)` is `seek(2, 5)`, so a count of steps done can be passed as it is.
        Skipping costs nothing for data in memory and for folders.

        Raises:
            InputError: a negative number, or not a whole one.
        """
        epoch = arguments.integer("epoch", epoch, least=0)
        skip = arguments.integer("skip_batches", skip_batches, least=0)
        with self._lock:
            self._epoch = epoch + skip // self._steps_per_epoch
            self._skip = skip % self._steps_per_epoch

    def start(self) -> np.ndarray:
        """Take the place and move on: `[epoch, skipped batches]`, int64. The pipeline calls it."""
        with self._lock:
            place = np.array([self._epoch, self._skip], "int64")
            self._epoch += 1
            self._skip = 0
        return place
