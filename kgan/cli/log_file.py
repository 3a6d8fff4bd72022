"""`kgan train --log-file`: what a command says, also in a file, each line with its time."""

import contextlib
import datetime
import re
import sys
from pathlib import Path
from typing import Any, TextIO

from kgan.errors import InputError

# How each line begins, which tells a log from a user's other files.
_TIME = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")


class LogFile:
    """A context in which what is printed is also appended to a file, as plain text.

    On a terminal the moving line is left out; every 10 s it has a line of its own.

    Args:
        path: the file, which is made if it is not there.

    Raises:
        InputError: if it cannot be written to, or holds something else than an earlier log.
    """

    def __init__(self, path: str):
        place = Path(path).expanduser()
        try:
            if place.is_file() and place.stat().st_size:
                with place.open("rb") as earlier:
                    is_log = _TIME.match(earlier.read(20))
                if not is_log:
                    raise InputError(
                        f"{path} is there already and is no log, and nothing was appended to it. "
                        "--log-file takes a new file, or one that it wrote before."
                    )
            # Closed by the context's end; an odd name is written with backslashes.
            self._file = place.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        except OSError as error:
            raise InputError(
                f"Cannot write to {path}: {error.strerror}. --log-file takes a file in a folder "
                "that is there."
            ) from None

    def note(self, text: str) -> None:
        """Appends a line, with the time."""
        now = datetime.datetime.now().isoformat(sep=" ", timespec="seconds")
        # A full disk must not end a training because of its log.
        with contextlib.suppress(OSError, ValueError):
            self._file.write(f"{now} {text}\n")

    def __enter__(self) -> "LogFile":
        self._before = sys.stdout, sys.stderr
        self._tees = Tee(sys.stdout, self), Tee(sys.stderr, self)
        sys.stdout, sys.stderr = self._tees
        return self

    def __exit__(self, *error: object) -> None:
        sys.stdout, sys.stderr = self._before
        for tee in self._tees:
            tee.end()
        with contextlib.suppress(OSError):
            self._file.close()


class Tee:
    """A stream that also writes whole lines to a log file.

    Attributes:
        beneath: the stream itself.
    """

    def __init__(self, stream: TextIO, log: LogFile):
        self.beneath: Any = stream
        self._log = log
        self._partial = ""

    def write(self, text: str) -> int:
        *lines, self._partial = (self._partial + text).split("\n")
        for line in filter(str.strip, lines):
            self._log.note(line)
        return self.beneath.write(text)

    def note(self, text: str) -> None:
        """Appends a line to the log file alone."""
        self._log.note(text)

    def end(self) -> None:
        """Appends the beginning of a line that has not ended."""
        if self._partial.strip():
            self._log.note(self._partial)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)
