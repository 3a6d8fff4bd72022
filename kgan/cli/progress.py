"""The progress bar of a run."""

import contextlib
import shutil
import sys
import time

import keras

_WIDTH = 24


class Progress(keras.callbacks.Callback):
    """Shows the steps taken, the speed and the losses; without a terminal, a line every 10 s.

    Args:
        total: training steps of the whole run.
    """

    steps_between = None

    def __init__(self, total: int):
        super().__init__()
        self.total = total
        self._terminal = sys.stdout.isatty()
        self._interval = 0.2 if self._terminal else 10.0
        self._logs = {}
        self._open = False

    def on_train_begin(self, logs=None):
        self._shown = time.monotonic()
        self._first = None
        if self._terminal:
            self._show()

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        self._logs = logs
        # The first step includes compilation, so the speed is measured from its end.
        self._first = self._first or (now, self._done())
        if now - self._shown >= self._interval:
            self._shown = now
            self._show()

    def on_epoch_end(self, epoch, logs=None):
        self._logs = logs

    def on_train_end(self, logs=None):
        self._show()
        self.close()

    def close(self) -> None:
        """Ends the line of the bar, so that later output starts on a new one."""
        if self._open:
            self._print("\n")
        self._open = False

    def _done(self) -> int:
        return self.model.steps_taken

    def _show(self):
        done = self._done()
        share = round(_WIDTH * min(1.0, done / self.total))
        line = (
            f"[{'#' * share}{'.' * (_WIDTH - share)}] {done}/{self.total}  {self._speed(done)}"
            f"{_losses(self._logs)}"
        )
        if self._terminal:
            self._print("\r\033[K" + line[: shutil.get_terminal_size().columns - 1])
            self._open = True
        else:
            self._print(line + "\n")

    def _speed(self, done) -> str:
        if self._first is None:
            return "preparing"
        since, step = self._first
        elapsed = time.monotonic() - since
        if done == step or not elapsed:
            return ""
        speed = (done - step) / elapsed
        left = f"  {_clock((self.total - done) / speed)} left" if done < self.total else ""
        return f"{speed:.{0 if speed >= 10 else 1}f} steps/s{left}"

    def _print(self, text):
        # If the reader is gone (Ctrl-C ends a `tee` first), training must still end properly.
        with contextlib.suppress(OSError):
            print(text, end="", flush=True)


def _losses(logs) -> str:
    """Formats the logs, losses first, because a narrow terminal cuts off the rest."""
    names = sorted(logs, key=lambda name: not name.endswith("_loss"))
    return "".join(f"  {name} {float(logs[name]):.3f}" for name in names)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
