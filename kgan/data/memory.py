"""How much memory is free, and the check that something fits before its memory is taken."""

import contextlib
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from kgan.errors import InputError

# Processes in a container may take less than the machine has free: (limit, taken, counters of
# what is taken) in cgroups of version 2 and 1.
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)


def free() -> float:
    """Returns the bytes that this process can still take, also within a container's limit."""
    return max(0.0, min(psutil.virtual_memory().available, *map(_left_in, _CGROUPS)))


def _left_in(cgroup) -> float:
    limit, taken, counters = map(Path, cgroup)
    try:
        # Files that the system has cached count as taken, but are dropped when memory is needed.
        cached = dict(line.split() for line in counters.read_text().splitlines())
        cached = cached.get("total_inactive_file", cached.get("inactive_file", 0))
        return int(limit.read_text()) - int(taken.read_text()) + int(cached)
    except (OSError, ValueError):  # there is no such cgroup, or its limit is "max"
        return math.inf


def must_fit(size_in_bytes: float, what: str, instead: str) -> None:
    """Checks that something fits into the memory that is free.

    Args:
        size_in_bytes: what it takes.
        what: its name, the subject of the error message.
        instead: what the user can do, one sentence.

    Raises:
        InputError: if it takes more than is free.
    """
    left = free()
    if size_in_bytes > left:
        raise InputError(
            f"{what} would take {in_units(size_in_bytes)} of memory, and {in_units(left)} are "
            f"free. {instead}"
        )


def in_units(size_in_bytes: float) -> str:
    """Returns a size in words, such as "2.4 GB"."""
    power = min(6, int(math.log10(max(1, size_in_bytes))) // 3)
    unit = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")[power]
    return f"{size_in_bytes / 1000**power:.3g} {unit}"


class Turns:
    """Lets several threads take memory at once while they fit together, and else one by one.

    A thread that needs much waits until the others have given theirs back, so that the memory
    needed is that of the largest item and not that of one for each thread.

    Args:
        share: the share of the free memory that several threads may take together.
    """

    def __init__(self, share: float = 0.25):
        self._share = share
        self._taken = 0.0
        self._threads = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def take(self, size_in_bytes: float) -> Iterator[None]:
        """A context in which this much memory is used."""
        with self._changed:
            self._changed.wait_for(lambda: not self._threads or self._fits(size_in_bytes))
            self._taken += size_in_bytes
            self._threads += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken -= size_in_bytes
                self._threads -= 1
                self._changed.notify_all()

    def _fits(self, size_in_bytes):
        return size_in_bytes + self._taken <= self._share * free()
