"""One progress bar for a whole run."""

import sys
import time

import keras


class Progress(keras.callbacks.Callback):
    """Steps done of all, speed and the running losses; a line now and then where no terminal is.

    Args:
        total: training steps of the whole run.
    """

    def __init__(self, total: int):
        super().__init__()
        self.total = total
        self._terminal = sys.stdout.isatty()
        self._interval = 0.2 if self._terminal else 10.0
        self._shown = 0.0

    def on_train_begin(self, logs=None):
        self._started_at = int(self.model.iterations.numpy())
        self._start = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if now - self._shown < self._interval:
            return
        self._shown = now
        self._show(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._latest = logs

    def on_train_end(self, logs=None):
        self._show(logs or {})
        print(flush=True)

    def _show(self, logs):
        done = int(self.model.iterations.numpy())
        elapsed = time.monotonic() - self._start
        speed = (done - self._started_at) / max(elapsed, 1e-9)
        left = (self.total - done) / speed if speed else 0.0
        share = min(1.0, done / self.total)
        bar = "#" * round(24 * share) + "." * (24 - round(24 * share))
        losses = "  ".join(f"{name} {float(value):.3f}" for name, value in logs.items())
        line = (
            f"[{bar}] {done}/{self.total}  {speed:.0f} steps/s  {_clock(elapsed)}"
            f" < {_clock(left)}  {losses}"
        )
        if self._terminal:
            print("\r\033[K" + line[: _width()], end="", flush=True)
        else:
            print(line, flush=True)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns - 1
