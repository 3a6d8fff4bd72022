"""`kgan report` and `kgan compare`: their options."""

import json

import click

from kgan.cli.parameters import as_json
from kgan.cli.reports import spoken


def _answer(path, json_lines: bool) -> None:
    size = path.stat().st_size
    facts = {"report": str(path), "bytes": size}
    click.echo(json.dumps(facts) if json_lines else f"Written: {path} ({size / 1e6:.1f} MB)")


@click.command()
@click.argument("run", type=click.Path())
@click.option("-o", "--out", type=click.Path(), help="FILE.html. Default: RUN/report.html.")
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
@as_json
def report(run, out, overwrite, json_lines):
    """Show RUN on one page.

    Samples, curves, neighbours, the verdict, settings.

    The page is one file that needs no network. It replaces the one that training wrote. RUN may
    still be training.
    """
    import kgan
    from kgan.cli.terminal import working

    with spoken(json_lines), working("loading the run and drawing samples"):
        path = kgan.report(run, out, overwrite)
    _answer(path, json_lines)


@click.command()
@click.argument("runs", type=click.Path(), nargs=-1, required=True, metavar="RUN RUN ...")
@click.option(
    "-o", "--out", type=click.Path(), default="compare.html", show_default=True, help="FILE.html."
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
@as_json
def compare(runs, out, overwrite, json_lines):
    """Show runs side by side on one page.

    Samples, settings that differ, figures, curves.

    To measure samples against others: kgan evaluate A B.
    """
    import kgan
    from kgan.cli.terminal import working

    with spoken(json_lines), working("reading the runs"):
        path = kgan.compare_runs(list(runs), out, overwrite)
    _answer(path, json_lines)
