"""The report at the end of `kgan train`."""

import time
from typing import Any

import click


def give(job: Any) -> None:
    """Writes the report of a finished run. What goes wrong is a warning: the run stands."""
    began = time.monotonic()
    try:
        from kgan.reports import writing

        path = writing.write(job.run, job.gan)
        click.echo(f"All of it on one page: {path} ({time.monotonic() - began:.0f} s)")
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        click.echo(f"Warning: there is no report on this run: {reason}", err=True)
