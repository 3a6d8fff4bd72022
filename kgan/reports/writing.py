"""`kgan.report`: one HTML file that shows a run."""

import json
from pathlib import Path
from typing import Any

import kgan
from kgan import arguments
from kgan.data import kinds
from kgan.disk import marks
from kgan.errors import InputError
from kgan.reports import charts, commands, facts, gallery, page
from kgan.runs import RunFolder, trained
from kgan.typing import PathLike


def report(run: PathLike, out: PathLike | None = None, overwrite: bool = False) -> Path:
    """Writes a page that shows a run, into one HTML file that needs no network.

    It has the growth of the samples, the curves of the training, samples beside real ones and
    their nearest neighbours, interpolations, each class, the verdict, what the monitor found, the
    settings and versions, and the commands that repeat the run. What is not there, as the data
    of a folder that has moved, is left out, and the page says so.

    ```python
    path = kgan.report("runs/vanilla-digits")
    ```

    Args:
        run: the folder of a run, finished or not, or the name of a model that kgan carries.
        out: the file; None takes `report.html` in the folder, and replaces an earlier one.
        overwrite: whether to replace the file `out`, if it exists.

    Returns:
        The file.

    Raises:
        InputError: if there is no run, or the file may not be written.
    """
    folder = RunFolder.find(arguments.path("run", run))
    overwrite = arguments.flag("overwrite", overwrite)
    if out is None and folder.is_carried:
        raise InputError(f"{run} is a model that kgan carries; say where to write: -o FILE.html.")
    target = folder.report if out is None else checked_target(out, overwrite)
    folder.config()
    try:
        gan: Any = trained(folder)
        problem = ""
    except InputError as error:
        gan, problem = None, str(error)
    return write(folder, gan, target, problem)


def checked_target(out: PathLike, overwrite: bool) -> Path:
    """Returns the path of a page to write.

    Raises:
        InputError: if it does not end in .html, or is there and may not be replaced.
    """
    target = Path(arguments.path("out", out)).expanduser()
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"A report is a FILE.html; got {target.name!r}.")
    marks.check_free(target, overwrite)
    return target


def write(run: RunFolder, gan: Any, target: Path | None = None, problem: str = "") -> Path:
    """Writes the page of a run whose model is loaded.

    Args:
        run: the folder.
        gan: its model; None leaves out what takes one.
        target: the file; None takes `report.html` in the folder.
        problem: why there is no model, a sentence.
    """
    found = facts.read(run)
    sections, said = gallery.of_model(found, gan) if gan is not None else ([], [])
    problems = [*found.problems, *([problem] if problem else []), *said]
    usage = kinds.of(gan).usage if gan is not None else ""
    settings = found.settings
    text = page.html(
        "report.html.j2",
        facts=found,
        charts=charts.of_run(found),
        sections=sections,
        problems=problems,
        figures=figures(found),
        verdict=verdict(found),
        from_images=gan is not None and kinds.of(gan).from_images,
        repeat=commands.to_repeat(settings),
        go_on=commands.to_go_on(run.path, settings, found.step, usage) if usage else [],
        settings=given(settings),
        times=times(found),
        config=json.dumps(
            {name: found.config[name] for name in ("model", "compile")}, indent=1, default=str
        ),
        version=kgan.__version__,
    )
    return page.write(target or run.report, text)


def given(settings: dict[str, Any]) -> dict[str, str]:
    """Returns the settings that are not empty, as texts."""
    return {
        name.replace("_", " "): _listed(value)
        for name, value in settings.items()
        # 0 is a setting.
        if not (value is None or value is False or value == [])
    }


def _listed(value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def times(found: facts.Facts) -> dict[str, str]:
    """Returns when, where and with what a run was made."""
    config = found.config
    told = {"started": config.get("started"), "machine": config.get("machine")}
    for place, each in enumerate(config.get("resumed", []), 1):
        told[f"resumed ({place})"] = each.get("started") if isinstance(each, dict) else None
    planned = config.get("total_steps", found.step)
    # Where the clock ends a training, it may take more steps than its schedules were made for.
    more = found.step > planned
    told["steps"] = f"{found.step:,}" + (f", {planned:,} planned" if more else f" of {planned:,}")
    told |= config["versions"]
    return {name: str(value) for name, value in told.items() if value}


def verdict(found: facts.Facts) -> list[tuple[str, str]]:
    """Returns the lines of the verdict: a question and its answer each."""
    record = found.config.get("verdict")
    lines = record.get("lines", []) if isinstance(record, dict) else []
    parts = [str(line).partition(":") for line in lines]
    return [(question.strip(), answer.strip()) for question, _, answer in parts]


def figures(found: facts.Facts) -> list[dict[str, str]]:
    """Returns what `kgan evaluate` measured, a row for each figure, the latest first."""
    rows = []
    for record in reversed(found.evaluations):
        floor = record.get("floor") or {}
        for name, value in (record.get("figures") or {}).items():
            basis = (record.get("rests_on") or {}).get(name) or {}
            rests = [f"{basis[side]:,} {side}" for side in ("fake", "real") if basis.get(side)]
            rests += [str(basis[key]) for key in ("extractor", "caveat") if basis.get(key)]
            rows.append(
                {
                    "name": name,
                    "value": _shown(value),
                    "floor": _shown(floor.get(name)),
                    "step": str(record.get("step", "")),
                    "rests": "; ".join(rests),
                }
            )
    return rows


def _shown(value) -> str:
    return charts.shown(value) if isinstance(value, (int, float)) else "-"
