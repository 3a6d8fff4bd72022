"""`kgan train --json`: a run as JSON, one object a line."""

import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from kgan.cli.log_file import LogFile
from kgan.errors import InputError


class Reports:
    """Writes one JSON object a line; each has an `event`.

    - `start`, before the first step: `run`, `model`, `data`, `samples`, `batch_size`,
      `total_steps`;
    - `progress`, every 10 s: `step`, `total_steps`, `steps_per_second`, `seconds_left`, `logs`;
    - `epoch`, after every epoch: `epoch`, which is counted from 0, `step`, `total_steps`, `logs`;
    - `end`: `status` ("finished", "stopped" or "failed"), `step`, `total_steps`, `run`, `bytes`,
      of a finished run `model` and `saved_model`, and of a failed one `error`.

    A figure that is not finite is null, because JSON has no other way to write it.

    Args:
        stream: where to write.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def started(self, job: Any) -> None:
        """Says what a `kgan.cli.training.Job` trains, on what."""
        info = job.dataset.info
        facts = {"run": str(job.run.path), "model": job.settings["model"], "data": info.name}
        counts = {"samples": info.size, "batch_size": info.batch_size, "total_steps": job.total}
        self._write("start", facts | counts)

    def progress(
        self,
        step: int,
        total: int,
        speed: float | None,
        left: float | None,
        logs: dict[str, float],
    ) -> None:
        """Says how far the run is, in steps and seconds."""
        facts = {"step": step, "total_steps": total, "steps_per_second": speed}
        self._write("progress", facts | {"seconds_left": left, "logs": logs})

    def epoch(self, epoch: int, step: int, total: int, logs: dict[str, float]) -> None:
        """Says what was logged at the end of an epoch, which is counted from 0."""
        self._write("epoch", {"epoch": epoch, "step": step, "total_steps": total, "logs": logs})

    def ended(self, job: Any, status: str, **files: str) -> None:
        """Says how a `kgan.cli.training.Job` ended, and where it has left what."""
        facts = {"status": status, "step": job.gan.steps_taken, "total_steps": job.total}
        place = {"run": str(job.run.path), "bytes": job.run.bytes()}
        self._write("end", facts | place | files)

    def _write(self, event: str, facts: dict[str, Any]) -> None:
        line = json.dumps(finite({"event": event} | facts))
        # Whoever reads them may be gone: the training goes on.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()


def finite(value: Any) -> Any:
    """Returns a value for JSON, with None in place of NaN and infinity."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextlib.contextmanager
def spoken(
    as_json: bool, log_file: str | None = None, spelled: Callable[[str], str] = str
) -> Iterator[Reports | None]:
    """A context in which a command speaks as the user has asked for.

    With JSON, what is meant for people goes to standard error. Yields what reports, or None.

    Args:
        as_json: whether the command reports as JSON.
        log_file: a file to which all that is said is appended, or None.
        spelled: returns the message of an error as the command line prints it.

    Raises:
        InputError: if the file cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        stream = sys.stdout
        log = stack.enter_context(LogFile(log_file)) if log_file else None
        if as_json:
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        try:
            yield Reports(stream) if as_json else None
        except InputError as error:
            if log is not None:
                log.note(f"Error: {spelled(str(error))}")
            raise
