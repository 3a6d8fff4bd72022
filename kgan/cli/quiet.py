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
    original = os.dup(stderr)
    reader, writer = os.pipe()

    def forward():
        with os.fdopen(reader, "rb") as lines, os.fdopen(original, "wb", buffering=0) as out:
            for line in lines:
                if not _CHATTER.match(line):
                    out.write(line)

    sys.stderr.flush()
    os.dup2(writer, stderr)
    os.close(writer)
    back = os.dup(original)
    thread = threading.Thread(target=forward, daemon=True)
    thread.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        # The last writer closes here, which ends the thread's reading.
        os.dup2(back, stderr)
        os.close(back)
        thread.join(timeout=2)
