"""Keeps TensorFlow's start-up chatter off the terminal."""

import contextlib
import os
import re
import sys
import threading

# TensorFlow 2.21 writes these through a logger that TF_CPP_MIN_LOG_LEVEL does not reach.
_CHATTER = re.compile(
    rb"^(WARNING: All log messages before absl|[IWE]0000 |To enable the following instructions)"
)


@contextlib.contextmanager
def without_chatter():
    """Filters the process's standard error, line by line, for as long as it lasts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        stderr = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        # Already redirected to something that is no file (a test's, a notebook's).
        yield
        return
    back = os.dup(stderr)
    reader, writer = os.pipe()
    sys.stderr.flush()
    os.dup2(writer, stderr)
    os.close(writer)
    thread = threading.Thread(target=_forward, args=(reader, os.dup(back)), daemon=True)
    thread.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        # The last writer closes here, which ends the thread's reading.
        os.dup2(back, stderr)
        os.close(back)
        thread.join(timeout=2)


def _forward(reader: int, stderr: int) -> None:
    """Hands on what comes, less the chatter; a progress bar's lines end in a carriage return."""
    waiting = b""
    with os.fdopen(stderr, "wb", buffering=0) as out:
        while some := os.read(reader, 1 << 16):
            *lines, waiting = re.split(rb"(?<=[\r\n])", waiting + some)
            # Reading goes on if nobody listens any more, or the writers would fail.
            with contextlib.suppress(OSError):
                out.write(b"".join(line for line in lines if not _CHATTER.match(line)))
        with contextlib.suppress(OSError):
            out.write(waiting)
    os.close(reader)
