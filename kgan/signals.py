"""Signals that ask a process to end: what Ctrl-C, a scheduler or a closed terminal sends."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

# A scheduler, a container or a spot machine that is stopped; a terminal that is closed.
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminated(KeyboardInterrupt):
    """A signal has asked the process to end at once.

    Whatever handles Ctrl-C handles it too.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: int):
        super().__init__(f"ended by {name(number)}")
        self.number = number


def name(number: int) -> str:
    """Returns what a user calls a signal."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


def status(number: int) -> int:
    """Returns the exit status of a process that a signal has ended, as shells have it."""
    return 128 + number


def number_of(error: BaseException) -> int:
    """Returns the signal that an interruption came from, or the error that click made of it."""
    cause = error if isinstance(error, Terminated) else error.__cause__
    return cause.number if isinstance(cause, Terminated) else signal.SIGINT


def interrupt(number: int, frame: object = None) -> None:
    """A signal handler that ends what is running at once, as Python's own does for Ctrl-C."""
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


@contextlib.contextmanager
def handled(
    numbers: list, handler: Callable[[int, object], None], instead_of: tuple | None = None
) -> Iterator[list]:
    """A context in which a function handles signals; yields those that it handles.

    Only the main thread can handle signals; in another one the list is empty.

    Args:
        numbers: the signals.
        handler: gets the signal and the stack frame.
        instead_of: signals that have another handler than one of these are left to it. `nohup`
            lets a process ignore SIGHUP, and a user's program may have a handler of its own.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            if instead_of is None or signal.getsignal(number) in instead_of:
                before[number] = signal.signal(number, handler)
    try:
        yield list(before)
    finally:
        for number, earlier in before.items():
            # None: one that was not set by Python, which cannot set it again.
            signal.signal(number, signal.SIG_DFL if earlier is None else earlier)
