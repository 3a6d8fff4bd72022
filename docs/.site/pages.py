"""Pages of the site that are made from the code and from the results of the benchmarks.

- `families/`: each family with its paper, settings, sheet, figures and API;
- `reference/`: the public names, by module;
- `results/`: the tables and sheets under `benchmarks/results/`;
- `changelog.md`.
"""

import importlib
import inspect
import json
import re
import sys
from pathlib import Path

import mkdocs_gen_files

from kgan.models import CATALOGUE
from kgan.models.outline import outline

sys.path.insert(0, str(Path(__file__).parent))
import links

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MODELS = json.loads((RESULTS / "quality.json").read_text())["models"]

# Board rows of a family beside those that bear its name.
ROWS = {
    "vanilla": ("stable", "joint_batch", "relu", "leaky_relu", "minimax", "points-ring"),
    "sngan": ("sngan-projection",),
}
FIGURES = ("frechet_distance", "precision", "recall", "coverage", "modes", "high_quality")
SHEETS = {path.stem for path in RESULTS.glob("*.png")}


def write(path: str, text: str) -> None:
    with mkdocs_gen_files.open(path, "w") as file:
        file.write(text)


def copy(source: Path, target: str) -> None:
    with mkdocs_gen_files.open(target, "wb") as file:
        file.write(source.read_bytes())


def rows_of(name: str) -> list[str]:
    own = [row for row in MODELS if row == name or row.startswith(f"{name}-")]
    return [*own, *(row for row in ROWS.get(name, ()) if row in MODELS and row not in own)]


def board(rows: list[str]) -> list[str]:
    """Returns the table of the board's rows: means over the seeds."""
    if not rows:
        return ["It has not been measured on the board."]
    lines = [
        "| row of the board | seeds | seconds | " + " | ".join(FIGURES) + " |",
        "| --- " * (len(FIGURES) + 3) + "|",
    ]
    for row in rows:
        runs = list(MODELS[row].values())
        cells = []
        for figure in FIGURES:
            values = [run["figures"][figure] for run in runs if figure in run["figures"]]
            cells.append(f"{sum(values) / len(values):.3g}" if values else "")
        seconds = sum(run["seconds"] for run in runs) / len(runs)
        lines.append(f"| {row} | {len(runs)} | {seconds:.0f} | " + " | ".join(cells) + " |")
    return [
        *lines,
        "",
        "What the rows are, and the floor of each figure: "
        "[the quality board](../results/quality.md). Distances are of kgan's own features, not "
        "FIDs.",
    ]


def family(name: str) -> str:
    """Returns the page of a family."""
    entry = CATALOGUE[name]
    rows = rows_of(name)
    sheets = [row for row in [name, *rows] if row in SHEETS]
    lines = [f"# {entry.class_name}", "", f"{entry.paper}. Takes {entry.data}.", ""]
    for sheet in list(dict.fromkeys(sheets))[:3]:
        lines += [f"![Samples of the row {sheet}](../results/{sheet}.png)", ""]
    if sheets:
        lines += ["Samples after the training that the board states, chosen by nobody.", ""]
    known = outline(entry)
    lines += ["## Settings", "", *settings(known), "", "## Figures", ""]
    lines += (
        board(rows)
        if name not in ("srgan", "pix2pix", "cyclegan")
        else ["[What was measured](../from_images.md#what-was-measured)."]
    )
    lines += ["", "## API", "", f"::: {entry.module}.{entry.class_name}", ""]
    return "\n".join(lines)


def settings(known) -> list[str]:
    """Returns the options of a family and what `compile()` takes, from the docstring and code."""
    lines = ["| option | default | meaning |", "| --- | --- | --- |"]
    for option in known.options:
        lines.append(f"| `{option.name}` | {option.default or ''} | {_cell(option.meaning)} |")
    if known.presets:
        lines += ["", f"Presets: {', '.join(f'`{preset}`' for preset in known.presets)}."]
    counts = [
        f"batches of {known.batch_size}" if known.batch_size else "",
        f"{known.training_steps:,} steps" if known.training_steps else "",
    ]
    if any(counts):
        lines += ["", f"By default `kgan train` takes {', '.join(filter(None, counts))}."]
    for preset, taken in known.settings.items():
        of = f" with the preset `{preset}`" if preset else ""
        lines += ["", f"`compile()`{of} takes:", "", "| argument | default |", "| --- | --- |"]
        lines += [f"| `{name}` | {_cell(value)} |" for name, value in taken.items()]
    return lines


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|")


for file in sorted(RESULTS.iterdir()):
    if file.suffix == ".png":
        copy(file, f"results/{file.name}")
    elif file.suffix == ".md":
        text = file.read_text(encoding="utf-8")
        write(f"results/{file.name}", text if text.startswith("# ") else f"# {file.stem}\n\n{text}")
write("changelog.md", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))

index = ["# The families", "", "All train by the same step.", ""]
index += ["| name | class | paper | takes |", "| --- | --- | --- | --- |"]
for name, entry in CATALOGUE.items():
    if not entry.module.startswith("kgan."):
        continue
    write(f"families/{name}.md", family(name))
    index.append(f"| [`{name}`]({name}.md) | `{entry.class_name}` | {entry.paper} | {entry.data} |")
write("families/index.md", "\n".join(index) + "\n")


# What has its place in the reference.
WRITTEN: set[str] = set()


def reference(module: str, title: str) -> str:
    """Returns the page of a module: its public objects, wherever they are written."""
    found = importlib.import_module(module)
    lines = [f"# {module}", "", f"{title.capitalize()}.", ""]
    public = getattr(found, "__all__", None) or [
        name
        for name, value in vars(found).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(module)
    ]
    for name in sorted(public, key=str.lower):
        value = getattr(found, name)
        if inspect.ismodule(value):
            continue
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            lines += [f"## `{name}`", "", f"A value of the type `{type(value).__name__}`.", ""]
            continue
        place = f"{value.__module__}.{value.__qualname__}"
        if place not in WRITTEN:
            WRITTEN.add(place)
            lines += [f"::: {place}", ""]
    return "\n".join(lines)


contents = ["# Reference", "", "| module | what is in it |", "| --- | --- |"]
# The package itself last: most of its names are those of a module.
for module, title in reversed(links.MODULES.items()):
    write(f"reference/{module.replace('.', '_')}.md", reference(module, title))
for module, title in links.MODULES.items():
    short = module.replace(".", "_")
    contents.append(f"| [`{module}`]({short}.md) | {title} |")
write("reference/index.md", "\n".join(contents) + "\n")
