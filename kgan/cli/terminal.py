"""A line on a terminal that moves while something takes long. Elsewhere there is none.

It goes to standard output. `rich` draws it from a thread of its own, as far as the main thread lets
it: also while TensorFlow loads, and while a step is compiled.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO

from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import ControlType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_A_SECOND = 5
# Narrower terminals are taken as so wide.
_NARROWEST = 20
# What moves at present, if anything does.
_moving: list["Line"] = []


def is_terminal() -> bool:
    """Whether standard output is a terminal that can erase a line."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


class _Careful:
    """Standard output for a thread that draws: one that is gone must not end the training."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Above:
    """Standard output while a line moves: whole lines are printed above it.

    Args:
        console: the console that draws the line.
        stream: the stream in whose place it stands.
    """

    def __init__(self, console: Console, stream: TextIO):
        self._console, self._stream = console, stream
        self._partial = ""

    def write(self, text: str) -> int:
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            # The terminal breaks long lines, so that what is copied from there has no breaks.
            self._console.print(Text.from_ansi(line), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Does nothing: a line is printed when it is whole."""

    def rest(self) -> str:
        """Returns the beginning of a line that has not ended."""
        return self._partial

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Line:
    """A line that is drawn anew several times a second, until it is closed.

    What is printed meanwhile stands above it.

    Args:
        parts: returns what the line shows in so many columns, as renderables of rich.
        stays: whether the line is left there when it is closed; else it is erased.
    """

    def __init__(self, parts: Callable[[int], Iterable[Any]], stays: bool = True):
        # A log file beside the terminal does not want what moves.
        self._tee = sys.stdout if hasattr(sys.stdout, "beneath") else None
        self._stream = sys.stdout.beneath if self._tee else sys.stdout  # type: ignore
        self._parts = parts
        careful: Any = _Careful(self._stream)
        self.console = Console(file=careful, force_terminal=True, force_jupyter=False)
        self._live = Live(
            console=self.console,
            get_renderable=self._row,
            refresh_per_second=_A_SECOND,
            transient=not stays,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._above = _Above(self.console, self._stream)
        self._put(self._above)
        _moving.append(self)
        self._live.start(refresh=True)

    def _put(self, stream: Any) -> None:
        """Makes a stream the standard output, or what stands beneath the log file's."""
        if self._tee is not None:
            self._tee.beneath = stream
        else:
            sys.stdout = stream

    def _row(self) -> Table:
        row = Table.grid(padding=0)
        # The last column stays free: some terminals begin a new line after it.
        parts = list(self._parts(max(_NARROWEST, self.console.width - 1)))
        for _ in parts:
            row.add_column(no_wrap=True)
        row.add_row(*parts)
        return row

    def make_room(self) -> None:
        """Erases the line, so that a message may stand there; it is drawn again below it."""
        self.console.control(
            Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)),
        )

    def close(self) -> None:
        """Stops drawing."""
        if self not in _moving:
            return
        _moving.remove(self)
        self._live.stop()
        self._put(self._stream)
        if self._above.rest():
            self._stream.write(self._above.rest())


def show(parts: Callable[[int], Iterable[Any]], stays: bool = True) -> Line | None:
    """Returns a `Line` on a terminal, which is drawn until it is closed.

    Elsewhere, and where a line moves already, it returns None.
    """
    return Line(parts, stays) if is_terminal() and not _moving else None


def make_room() -> None:
    """Erases the line that moves, if one does, so that a message may stand there."""
    for line in _moving:
        line.make_room()


def print_line(text: str, moving: bool) -> None:
    """Prints a line; where one moves on the terminal, only into the log file, if there is one."""
    if moving:
        note = getattr(sys.stdout, "note", None)
        if note is not None:
            note(text)
        return
    # If the reader is gone (Ctrl-C ends a `tee` first), training must still end properly.
    with contextlib.suppress(OSError):
        print(text, flush=True)


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Shows on a terminal that something takes long, and how long it has taken, until it ends.

    Args:
        what: such as "loading TensorFlow".
    """
    begun = time.monotonic()
    line = show(lambda columns: waiting(what, time.monotonic() - begun, columns), stays=False)
    try:
        yield
    finally:
        if line is not None:
            line.close()


def waiting(what: str, seconds: float, columns: int) -> Iterator[Any]:
    """Yields a wheel that turns, what is waited for, and for how long, in so many columns."""
    unicode = (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")
    wheel = Spinner("dots" if unicode else "line")
    place = int(seconds * 1000 / wheel.interval) % len(wheel.frames)
    passed = f" {clock(seconds)}"
    yield Text(f"{wheel.frames[place]} ", "cyan")
    yield Text(what[: columns - 2 - len(passed)] + passed)


def bar(done: float, total: float, width: int) -> ProgressBar:
    """Returns a bar of so many columns."""
    return ProgressBar(total=total, completed=min(done, total), width=width)


def clock(seconds: float) -> str:
    """Returns a duration as 0:05, 1:05 or 1:01:01."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
