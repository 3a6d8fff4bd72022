"""What binds a training to one process: the lock on its folder, and signals that end it."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

from kgan import signals
from kgan.disk import locks
from kgan.training import scopes, workers


class OfOneProcess(scopes.Scope):
    """A callback whose folder no other process may write while `fit` runs.

    It notes SIGTERM and SIGHUP, so that the callback can save before the process exits with the
    signal's status; a second signal ends the process at once. A program that handles these signals
    itself, or trains in another thread, keeps its own way.
    """

    folder: Path

    def __init__(self):
        super().__init__()
        self._locked = False
        self._signal: int | None = None
        self._handlers: contextlib.ExitStack | None = None

    def __enter__(self) -> "OfOneProcess":
        # `fit` enters this only if it will leave it: a handler must not outlive the training.
        self._signal = None
        self._handlers = contextlib.ExitStack()
        self._handlers.enter_context(
            signals.handled(signals.ENDING, self._note_signal, (signal.SIG_DFL,))
        )
        return self

    def __exit__(self, *error: object) -> None:
        self.unlock()
        self._handlers.close()
        if self._signal is not None and error[0] is None:
            raise SystemExit(signals.status(self._signal))

    @property
    def asked_to_end(self) -> str:
        """The name of the signal that has asked the process to end; empty if none has."""
        return "" if self._signal is None else signals.name(self._signal)

    def report_stop(self, steps: int, saved: Path) -> None:
        """Prints how to resume, if a signal has ended the training."""
        if self._signal is not None:
            print(
                f"Stopped by {self.asked_to_end} after {steps} steps; the state is saved in "
                f"{saved}. Resume with Checkpoint({str(self.folder)!r}, resume=True)."
            )

    def stop_if_asked(self) -> None:
        """Ends training after this step if a signal has asked for it, in this process or another.

        All workers call it after the same steps.
        """
        if workers.any_asks(self.model, self._signal is not None):
            self.model.stop_training = True

    def lock(self) -> None:
        """Locks the folder until `unlock` or the end of `fit`.

        Raises:
            InputError: if another process holds it; the message says which.
        """
        # The workers of one training share a folder, in which the first one writes.
        if self._locked or not workers.writes(self.model):
            return
        locks.acquire(
            self.folder,
            "Wait until it ends, stop it, or give this training a folder of its own.",
        )
        self._locked = True

    def unlock(self) -> None:
        """Lets other processes write the folder."""
        if self._locked:
            self._locked = False
            locks.release(self.folder)

    @contextlib.contextmanager
    def unlocked_on_error(self) -> Iterator[None]:
        """Unlocks the folder if training ends with an error, of which Keras tells no callback."""
        try:
            yield
        except BaseException:
            self.unlock()
            raise

    def _note_signal(self, number: int, frame: object) -> None:
        if self._signal is not None:
            raise SystemExit(signals.status(number))
        self._signal = number
