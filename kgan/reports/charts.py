"""The curves of a training as Bokeh figures, in the JSON form that a page embeds."""

import dataclasses
import math
import re
from typing import Any

from kgan.reports.facts import Facts, thinned

# Points of a curve: a screen has no more columns, and a file with them opens slowly.
MOST_POINTS = 1500
# Dark enough on white and light enough on black; Wong 2011, for readers of any colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#7a7ad8", "#c0504d", "#4ba3c3")
_PLACE = ("epoch", "step")


@dataclasses.dataclass(frozen=True)
class Chart:
    """A figure of a page.

    Attributes:
        title: its heading.
        item: what `Bokeh.embed.embed_item` takes.
        alt: what it shows, in words: the last values and the extremes.
        last: (name, first value, last value) of each curve, as text.
    """

    title: str
    item: Any
    alt: str
    last: list[tuple[str, str, str]]


@dataclasses.dataclass(frozen=True)
class Curve:
    """A curve: its name, and its points by step; values that are not finite are gaps."""

    name: str
    steps: list[int]
    values: list[float]


def of_run(facts: Facts) -> list[Chart]:
    """Returns the charts of a run: its losses, its scores, and each other figure."""
    curves = {name: curve(facts, name) for name in columns(facts)}
    return [chart(title, [curves[name] for name in names]) for title, names in groups(list(curves))]


def columns(facts: Facts) -> list[str]:
    """Returns the names of the figures in a history that are finite at least once."""
    names = dict.fromkeys(name for row in facts.rows for name in row)
    return [
        name
        for name in names
        if name not in _PLACE and any(map(math.isfinite, curve(facts, name).values))
    ]


def curve(facts: Facts, name: str) -> Curve:
    """Returns a figure by step. Where nothing was logged, or no finite number, it is NaN."""
    rows = thinned(facts.rows, MOST_POINTS)
    return Curve(name, [int(row["step"]) for row in rows], [_number(row.get(name)) for row in rows])


def groups(names: list[str]) -> list[tuple[str, list[str]]]:
    """Returns the titles of charts, with the figures that share each.

    >>> groups(["d_loss", "g_loss", "d_real", "r1", "val_r1"])
    [('Losses', ['d_loss', 'g_loss']), ('Scores', ['d_real']), ('r1', ['r1', 'val_r1'])]
    """
    found: dict[str, list[str]] = {}
    for name in names:
        plain = name.removeprefix("val_")
        if re.fullmatch(r"\w_(\w+_)?loss", plain):
            title = "Losses"
        elif re.fullmatch(r"\w_(real|fake)(_\w+)?", plain):
            title = "Scores"
        else:
            title = plain
        if plain.startswith("diversity"):
            title = "Diversity"
        found.setdefault(title, []).append(name)
    first = [title for title in ("Losses", "Scores") if title in found]
    return [(title, found[title]) for title in [*first, *(t for t in found if t not in first)]]


def chart(title: str, curves: list[Curve]) -> Chart:
    """Returns a chart of curves over the training steps, with their values on hovering."""
    from bokeh.embed import json_item
    from bokeh.models import BasicTickFormatter, ColumnDataSource, HoverTool
    from bokeh.plotting import figure

    plot = figure(
        height=280,
        sizing_mode="stretch_width",
        # Scrolling a page on a phone must not be caught by a chart.
        tools="box_zoom,reset",
        x_axis_label="step",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_alpha=0,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.xaxis.formatter = BasicTickFormatter(use_scientific=False)
    for place, each in enumerate(curves):
        source = ColumnDataSource({"step": each.steps, "value": each.values}, name=each.name)
        colour = COLOURS[place % len(COLOURS)]
        dash = "dashed" if each.name.startswith("val_") else "solid"
        style: dict[str, Any] = {"source": source, "color": colour, "legend_label": each.name}
        line = plot.line("step", "value", line_width=2, line_dash=dash, **style)
        alone = sum(map(math.isfinite, each.values)) < 3
        if alone:  # a line through one point is invisible
            plot.scatter("step", "value", size=7, **style)
        plot.add_tools(
            HoverTool(
                renderers=[line],
                mode="vline",
                tooltips=[("curve", each.name), ("step", "@step"), ("value", "@value{0.0000}")],
            )
        )
    plot.legend.click_policy = "hide"
    plot.legend.background_fill_alpha = 0
    plot.legend.border_line_alpha = 0
    plot.legend.orientation = "horizontal" if len(curves) < 4 else "vertical"
    plot.add_layout(plot.legend[0], "above")
    last = [(each.name, *_ends(each)) for each in curves]
    said = "; ".join(f"{name} from {begin} to {end}" for name, begin, end in last)
    return Chart(title, json_item(plot), f"Curves over the training steps: {said}.", last)


def javascript() -> str:
    """Returns Bokeh's script, as a page holds it."""
    from bokeh.resources import Resources

    parts = Resources(mode="inline", components=["bokeh"], minified=True).js_raw
    return "\n".join(parts).replace("</script", "<\\/script")


def shown(value: float) -> str:
    """Returns a figure with four digits; "-" for one that is not finite."""
    return f"{value:.4g}" if math.isfinite(value) else "-"


def _ends(each: Curve) -> tuple[str, str]:
    finite = [value for value in each.values if math.isfinite(value)]
    return shown(finite[0]), shown(finite[-1])


def _number(text: str | None) -> float:
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else math.nan
