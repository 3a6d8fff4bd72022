"""What the folder of a run tells without its model: nothing in it is taken for granted."""

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

from kgan.callbacks.checkpoint_files import find_checkpoints
from kgan.disk import locks
from kgan.errors import InputError
from kgan.reports.embedding import Picture, of_file
from kgan.runs import RunFolder, history

_FRAME = re.compile(r"step-(\d{7,})(?:-([\w-]+))?\.png")
# Pictures of a strip, and the bytes of all that a page shows.
MOST_FRAMES = 30
MOST_BYTES = 3_000_000


@dataclasses.dataclass(frozen=True)
class Strip:
    """Pictures of the same samples at several steps of a training.

    Attributes:
        name: what they show, where a family previews several sets; "" for the samples.
        steps: the steps, in their order.
        frames: a picture for each.
    """

    name: str
    steps: tuple[int, ...]
    frames: tuple[Picture, ...]


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a run's folder tells.

    Attributes:
        run: the folder.
        config: its `config.json`.
        rows: the rows of `history.csv`, texts by column.
        strips: the growth of its samples.
        evaluations: what `kgan evaluate` measured, the latest last.
        findings: what the monitor found, as `CollapseMonitor.events` has it.
        step: the last step that is known.
        status: "finished", "still training", or "not finished", in words.
        problems: what could not be read, a sentence each.
    """

    run: RunFolder
    config: dict[str, Any]
    rows: list[dict[str, str]]
    strips: list[Strip]
    evaluations: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    step: int
    status: str
    problems: list[str]

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.run.path.resolve().name

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the command line."""
        return self.config["settings"]

    @property
    def not_finite(self) -> int:
        """How many rows have a loss that is not finite."""
        return sum(
            any(_infinite(text) for name, text in row.items() if name.endswith("_loss"))
            for row in self.rows
        )


def read(run: RunFolder, most_bytes: int = MOST_BYTES) -> Facts:
    """Reads the folder of a run.

    Args:
        run: the folder.
        most_bytes: how many bytes the pictures may have before they are compressed.

    Raises:
        InputError: if there is no run, or its configuration cannot be read.
    """
    config, problems = run.config(), []
    rows, problem = history.read(run.history)
    if problem:
        problems.append(f"history.csv: {problem}")
    strips, failed = _strips(run.samples, most_bytes)
    if failed:
        problems.append(f"{failed} of the pictures in samples/ could not be read.")
    try:
        evaluations = run.evaluated()
    except InputError as error:
        evaluations = []
        problems.append(str(error))
    saved = find_checkpoints(run.checkpoints)
    steps = [int(row["step"]) for row in rows] + [each.iterations for each in saved]
    step = max([*steps, config.get("finished_steps", 0)])
    if config.get("finished_steps", -1) >= step and run.model.is_file():
        status = "finished"
    else:
        # A process that was killed leaves its note as well.
        held = (run.path / locks.HOLDER).is_file()
        status = "still training" if held else "not finished"
    return Facts(
        run=run,
        config=config,
        rows=rows,
        strips=strips,
        evaluations=evaluations,
        findings=_findings(config, saved),
        step=step,
        status=status,
        problems=problems,
    )


def _strips(folder: Path, most_bytes: int) -> tuple[list[Strip], int]:
    """Returns the strips of a folder of pictures, and how many pictures could not be read."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.glob("step-*.png"):
        match = _FRAME.fullmatch(path.name)
        if match:
            found.setdefault(match[2] or "", []).append((int(match[1]), path))
    strips, failed = [], 0
    frames = max(4, MOST_FRAMES // max(1, len(found)))
    for name, paths in sorted(found.items()):
        steps, shown = [], []
        for step, path in thinned(sorted(paths), frames):
            alt = f"{name or 'Samples'} after {step:,} training steps"
            try:
                shown.append(of_file(path, alt, most=most_bytes // (frames * len(found))))
            except (OSError, ValueError, SyntaxError):  # Pillow's, for damaged files
                failed += 1
                continue
            steps.append(step)
        if shown:
            strips.append(Strip(name, tuple(steps), tuple(shown)))
    return strips, failed


def thinned(values: list, most: int) -> list:
    """Returns at most so many values, evenly spaced, with the first and the last."""
    if len(values) <= most:
        return values
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]


def _findings(config, saved) -> list[dict[str, Any]]:
    """Returns the warnings of a finished run, or else those in its newest checkpoint."""
    found = config.get("findings")
    if found is None and saved:
        states = saved[-1].note.get("callbacks", {})
        state = states.get("CollapseMonitor", {}) if isinstance(states, dict) else {}
        found = state.get("events") if isinstance(state, dict) else None
    if not isinstance(found, list):
        return []
    return [each for each in found if isinstance(each, dict) and "message" in each]


def _infinite(text: str) -> bool:
    # An empty cell is a figure that was not logged.
    return bool(text) and not math.isfinite(float(text))
