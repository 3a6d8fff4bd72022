"""Keeps TensorFlow's start-up chatter off the terminal."""

import contextlib
import os
import re
import sys
import threading

# TensorFlow 2.21 writes these through a logger that TF_CPP_MIN_LOG_LEVEL does not reach; the last
# two are those of LiteRT's converter and interpreter.
_CHATTER = re.compile(
    rb"^(WARNING: All log messages before absl|[IWE]0000 |To enable the following instructions"
    rb"|fully_quantize: \d|INFO: Created TensorFlow Lite)"
)


@contextlib.contextmanager
def without_chatter():
    """Filters the process's standard error, line by line, while the context is open."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        stderr = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        # Standard error is no file here, as in a test or a notebook.
        yield
        return
    original = os.dup(stderr)
    reader, writer = os.pipe()
    sys.stderr.flush()
    os.dup2(writer, stderr)
    os.close(writer)
    thread = threading.Thread(target=_forward, args=(reader, os.dup(original)), daemon=True)
    thread.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        # This closes the pipe's last writer, which ends the thread.
        os.dup2(original, stderr)
        os.close(original)
        thread.join(timeout=2)


def _forward(reader: int, stderr: int) -> None:
    """Copies lines from `reader` to `stderr` without the chatter, until `reader` ends.

    Lines end in a newline, or in a carriage return as those of a progress bar.
    """
    partial = b""
    with os.fdopen(stderr, "wb", buffering=0) as out:
        while chunk := os.read(reader, 1 << 16):
            *lines, partial = re.split(rb"(?<=[\r\n])", partial + chunk)
            # If standard error is closed, keep reading: a full pipe would block the writers.
            with contextlib.suppress(OSError):
                out.write(b"".join(line for line in lines if not _CHATTER.match(line)))
        with contextlib.suppress(OSError):
            out.write(partial)
    os.close(reader)
