"""What watches a training of the command line for trouble, and the verdict at its end."""

import math
import shlex
from typing import Any

import click

from kgan.cli import reading
from kgan.data import kinds, splits
from kgan.errors import InputError

# Samples of each kind that the verdict looks at.
MOST_SAMPLES = 500


def watchers(job: Any) -> list:
    """Returns the monitor of a run in a list, and keeps it as `job.monitor`.

    A model that starts from images gets none: its samples are not to be like all real ones.
    """
    from kgan import callbacks

    if kinds.of(job.gan).from_images:
        return []
    job.held_out = held_out(job)
    job.monitor = callbacks.CollapseMonitor(
        job.dataset,
        every_steps=max(1, job.total // 100),
        # In short runs trouble has to be seen sooner.
        least_steps=min(1000, max(100, job.total // 10)),
        warmup=min(5000, max(500, job.total // 2)),
        held_out=job.held_out,
        style="command",
    )
    return [job.monitor]


def held_out(job: Any) -> Any:
    """Returns a dataset of what the run's data holds beside its split; None if there is nothing."""
    settings = job.settings
    if job.dataset.info.modes is not None and len(job.dataset.info.sample_shape) == 1:
        # Of points any number can be drawn.
        settings = settings | {"seed": settings["seed"] + 1}
        return _load(job, settings, settings["split"])
    for split in candidates(settings["split"]):
        try:
            return _load(job, settings, split)
        except InputError:
            continue
    return None


def _load(job, settings, split):
    return reading.load(type(job.gan), settings, split, 250, measuring=job.gan)


def candidates(split: str) -> list[str]:
    """Returns splits that share no sample with `split`, the best first.

    >>> candidates("train[:90%]"), candidates("test")
    (['test', 'train[90%:]'], [])
    """
    try:
        name, start, stop = splits.parse(split)
    except InputError:
        return []
    found = ["test"]
    if stop is not None:
        found.append(f"{name}[{stop}:]")
    if start is not None and start not in ("0", "0%"):
        found.append(f"{name}[:{start}]")
    return [each for each in found if not splits.overlap(each, split)]


def give(job: Any) -> dict[str, Any]:
    """Prints the verdict of a finished run; returns it and what the monitor found, for its record.

    What goes wrong is a warning: the run is finished, whatever is said of it.
    """
    if kinds.of(job.gan).from_images:
        click.echo(
            "No verdict: this model starts from images. `kgan evaluate` measures what it makes of "
            "those that it was not trained on."
        )
        return {}
    monitor = job.monitor
    record: dict[str, Any] = {} if monitor is None else {"findings": monitor.events}
    try:
        from kgan import metrics

        found = metrics.verdict(
            job.gan,
            job.dataset,
            job.held_out if monitor is not None else held_out(job),
            monitor.distances if monitor is not None else (),
            # After a short trial a short look is enough.
            count=min(MOST_SAMPLES, max(100, job.total)),
        )
        click.echo(str(found))
        if found.longer.startswith("probably helps"):
            where, steps = shlex.quote(str(job.run.path)), 2 * job.gan.steps_taken
            click.echo(f"To train longer:      kgan train --resume --out {where} --steps {steps}")
        figures = {
            name: float(value) if math.isfinite(value) else None
            for name, value in found.figures.items()
        }
        lines = list(found.lines)
        record["verdict"] = {"lines": lines, "figures": figures, "step": job.gan.steps_taken}
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        click.echo(f"Warning: there is no verdict on this run: {reason}", err=True)
    return record
