"""`kgan.compare_runs`: several runs side by side, in one HTML file."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import kgan
from kgan import arguments
from kgan.errors import InputError
from kgan.reports import charts, facts, page
from kgan.reports.writing import checked_target, figures, given, times, verdict
from kgan.runs import RunFolder
from kgan.typing import PathLike

# More are not told apart by their colours.
MOST_RUNS = len(charts.COLOURS)


@dataclasses.dataclass(frozen=True)
class Compared:
    """A run of the page, under a label that no other has."""

    label: str
    facts: facts.Facts


def compare_runs(
    runs: Iterable[PathLike], out: PathLike = "compare.html", overwrite: bool = False
) -> Path:
    """Writes a page that shows runs side by side, into one HTML file that needs no network.

    It has their samples, the settings that differ, the verdicts, the figures of `kgan evaluate`,
    and their curves over each other. No model is loaded. `kgan.compare` is another thing: it
    measures samples against a reference.

    ```python
    path = kgan.compare_runs(["runs/one", "runs/other"], "compare.html")
    ```

    Args:
        runs: the folders of two to eight runs, or names of models that kgan carries.
        out: the file.
        overwrite: whether to replace it, if it exists.

    Returns:
        The file.

    Raises:
        InputError: for fewer or more runs, one that is no run, or a file that may not be written.
    """
    paths = arguments.listing("runs", runs, "a list of the folders of runs")
    if not 2 <= len(paths) <= MOST_RUNS:
        raise InputError(f"Two to {MOST_RUNS} runs are put side by side; got {len(paths)}.")
    target = checked_target(out, arguments.flag("overwrite", overwrite))
    folders = [RunFolder.find(arguments.path("runs", path)) for path in paths]
    found = [facts.read(run, facts.MOST_BYTES // len(folders)) for run in folders]
    compared = [
        Compared(*pair) for pair in zip(_labels(list(map(str, paths)), found), found, strict=True)
    ]
    text = page.html(
        "compare.html.j2",
        runs=compared,
        problems=[f"{run.label}: {each}" for run in compared for each in run.facts.problems],
        settings=_differing([given(run.settings) | times(run) for run in found]),
        verdicts=_table([dict(verdict(run)) for run in found]),
        figures=_table([_latest(run) for run in found]),
        charts=_curves(compared),
        version=kgan.__version__,
    )
    return page.write(target, text)


def _labels(paths: list[str], found: list[facts.Facts]) -> list[str]:
    """Returns the names of the folders, or what the user wrote where two are the same."""
    names = [each.name for each in found]
    labels = [n if names.count(n) == 1 else p for n, p in zip(names, paths, strict=True)]
    return [
        label if labels.count(label) == 1 else f"{label} ({place})"
        for place, label in enumerate(labels, 1)
    ]


def _table(columns: list[dict[str, str]]) -> dict[str, list[str]]:
    """Returns rows by name, with a value for each column."""
    names = dict.fromkeys(name for column in columns for name in column)
    return {name: [column.get(name, "-") for column in columns] for name in names}


def _differing(columns: list[dict[str, str]]) -> dict[str, list[str]]:
    return {name: row for name, row in _table(columns).items() if len(set(row)) > 1}


def _latest(found: facts.Facts) -> dict[str, str]:
    latest: dict[str, str] = {}
    for row in figures(found):
        # The latest comes first.
        latest.setdefault(row["name"], row["value"])
    return latest


def _curves(compared: list[Compared]) -> list[charts.Chart]:
    """Returns a chart for each figure, with a curve for each run that has it."""
    has = {run.label: charts.columns(run.facts) for run in compared}
    names = dict.fromkeys(name for each in has.values() for name in each)
    return [
        charts.chart(
            name,
            [
                dataclasses.replace(charts.curve(run.facts, name), name=run.label)
                for run in compared
                if name in has[run.label]
            ],
        )
        for name in names
    ]
