"""How far a run is: a moving line on a terminal, elsewhere a line now and then."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import keras
from rich.text import Text

from kgan.cli import terminal
from kgan.cli.reports import Reports

# Seconds between two lines where there is no terminal, and between two reports.
LINE_SECONDS = 10.0
# The speed is that of the latest minute: it changes with the load of the machine.
_WINDOW_SECONDS = 60.0
_NARROWEST_BAR, _WIDEST_BAR = 8, 24
_COMPILING = "compiling the step"


class Pace:
    """The speed of a training, over the latest minute.

    The first call to `tick` is the end of the first step, so that the time in which it was
    compiled does not count.

    Args:
        total: training steps of the whole run.
    """

    def __init__(self, total: int):
        self.total = total
        self._marks: deque[tuple[float, int]] = deque()

    def tick(self, now: float, done: int) -> None:
        """Notes that so many steps are done, at a time in seconds."""
        self._marks.append((now, done))
        # One mark stays that is older than the window, so that a long step is a mark's distance.
        while len(self._marks) > 2 and now - self._marks[1][0] >= _WINDOW_SECONDS:
            self._marks.popleft()

    @property
    def begun(self) -> bool:
        """Whether the first step is done."""
        return bool(self._marks)

    def speed(self) -> float | None:
        """Returns the steps a second; None before there are two marks."""
        if len(self._marks) < 2:
            return None
        (since, first), (until, last) = self._marks[0], self._marks[-1]
        return (last - first) / (until - since) if until > since and last > first else None

    def left(self) -> float | None:
        """Returns the seconds until the last step, or None if they are not known."""
        speed = self.speed()
        return (self.total - self._marks[-1][1]) / speed if speed else None


class Progress(keras.callbacks.Callback):
    """Shows the steps taken, the time left, the speed and the losses.

    On a terminal it is one line that fits, which also moves while the first step is compiled;
    elsewhere it is a line every 10 s. With `reports` it is a JSON object every 10 s.

    Args:
        total: training steps of the whole run.
        reports: what reports the run as JSON, or None.
        clock: returns the time in seconds.
        ends: when the clock ends the training, by `clock`; None if the number of steps does.
    """

    steps_between = None

    def __init__(
        self,
        total: int,
        reports: Reports | None = None,
        clock: Callable[[], float] = time.monotonic,
        ends: float | None = None,
    ):
        super().__init__()
        self._ends, self._trains_since = ends, 0.0
        self.total, self.reports = total, reports
        self.pace = Pace(total)
        self._clock = clock
        self._logs: dict[str, float] = {}
        self._done = 0
        self._what, self._begun = _COMPILING, 0.0
        self._told = self._looked = 0.0
        self._line: terminal.Line | None = None

    def begin(self) -> None:
        """Shows that something is going on; `fit` may take long until training begins."""
        self._told = self._looked = self._clock()
        self._begun = self._begun or self._told
        if self.reports is None and self._line is None:
            self._line = terminal.show(self._moving)

    def says(self, what: str | None) -> None:
        """Sets what the line says before the first step; None is that it is compiled."""
        self._what, self._begun = what or _COMPILING, self._clock()

    def on_train_begin(self, logs=None):
        self.begin()
        self._done = self.model.steps_taken
        self._trains_since = self._clock()

    def on_train_batch_end(self, batch, logs=None):
        now = self._clock()
        self.pace.tick(now, self.model.steps_taken)
        if self._line is not None and now - self._looked >= 0.2:
            self._looked = now
            self._look(logs)
        if now - self._told >= LINE_SECONDS:
            self._told = now
            self._look(logs)
            self._tell()

    def on_epoch_end(self, epoch, logs=None):
        self._look(logs)
        if self.reports is not None:
            self.reports.epoch(epoch, self._done, self.total, self._logs)

    def on_train_end(self, logs=None):
        self._done = self.model.steps_taken
        self._tell()
        self.close()

    def close(self) -> None:
        """Ends the line, so that later output starts on a new one."""
        if self._line is not None:
            self._line.close()
        self._line = None

    def _look(self, logs) -> None:
        """Reads the figures; the line is drawn from another thread, which must not."""
        self._done = self.model.steps_taken
        self._logs = {name: float(value) for name, value in (logs or {}).items()}

    def _tell(self) -> None:
        """Prints a line where there is no terminal, writes it to the log file, or reports."""
        if self.reports is not None:
            self.reports.progress(
                self._done, self.total, self.pace.speed(), self._seconds_left(), self._logs
            )
            return
        share = round(_WIDEST_BAR * self._share())
        bar = "#" * share + "." * (_WIDEST_BAR - share)
        parts = [self._speed() or "preparing", self._left(), *_losses(self._logs)]
        line = f"[{bar}] {self._count()}  {'  '.join(filter(None, parts))}"
        terminal.print_line(line, moving=self._line is not None)

    def _share(self) -> float:
        """Returns how much of the training is done, 0 to 1: of its time, or of its steps."""
        if self._ends is None:
            return min(1.0, self._done / self.total)
        whole = self._ends - self._trains_since
        return min(1.0, (self._clock() - self._trains_since) / whole) if whole > 0 else 1.0

    def _seconds_left(self) -> float | None:
        return self.pace.left() if self._ends is None else max(0.0, self._ends - self._clock())

    def _count(self) -> str:
        return f"{self._done}/{self.total}" if self._ends is None else f"step {self._done}"

    def _speed(self) -> str:
        speed = self.pace.speed()
        return f"{speed:.{0 if speed >= 10 else 1}f} steps/s" if speed else ""

    def _left(self) -> str:
        left = self._seconds_left()
        more = self._share() < 1
        return f"{terminal.clock(left)} left" if left is not None and more else ""

    def _moving(self, columns: int) -> Iterator[Any]:
        """Yields the parts of the line on a terminal, which together fit so many columns."""
        if not self.pace.begun:
            yield from terminal.waiting(self._what, self._clock() - self._begun, columns)
            return
        count = self._count()
        room = columns - _NARROWEST_BAR - 1 - len(count)
        shown = []
        for part in filter(None, (self._left(), self._speed(), *_losses(self._logs))):
            if len(part) + 2 > room:
                # A narrow terminal has no place for the rest, and half a number says nothing.
                break
            room -= len(part) + 2
            shown.append(part)
        width = _NARROWEST_BAR + max(0, min(room, _WIDEST_BAR - _NARROWEST_BAR))
        yield terminal.bar(self._share(), 1.0, width)
        yield Text(" " + "  ".join([count, *shown]))


def _losses(logs: dict[str, float]) -> list[str]:
    """Formats the logs, losses first, because a narrow terminal leaves out the rest."""
    names = sorted(logs, key=lambda name: not name.endswith("_loss"))
    return [f"{name} {logs[name]:.3f}" for name in names]
