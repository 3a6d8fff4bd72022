"""Drawings with axes: points, curves, histograms and the course of a training."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from kgan.errors import InputError
from kgan.typing import ArrayLike

DPI = 100
INK = "#1f5fa8"
PAST = "#9a9a9a"
MOST_PANELS = 25
COURSES = (
    ("losses", {"d_loss": "#b5482a", "g_loss": INK}),
    ("scores", {"d_real": "#3d8f4e", "d_fake": "#8a4fa3"}),
)


def scatter(
    points: np.ndarray,
    value_range: tuple[float, float] | None = None,
    size: int = 640,
    reference: ArrayLike = None,
) -> np.ndarray:
    """Draws points `(n, 2)`, over grey `reference` points `(m, 2)` where given.

    The axes cover the reference, else `value_range`, else the points themselves.
    """
    figure, (axes,) = new_panels(1, size)
    if reference is not None:
        reference = _reference(reference, 2)
        axes.scatter(*reference.T, s=8, c=PAST, alpha=0.7, linewidths=0, label="real")
    points = points[np.isfinite(points).all(axis=1)]
    axes.scatter(*points.T, s=10, c=INK, alpha=0.7, linewidths=0, label="generated")
    spans = [
        _limits(None if reference is None else reference[:, axis], value_range, points[:, axis])
        for axis in (0, 1)
    ]
    # Equal spans on both axes: a round cluster has to look round.
    reach = max(high - low for low, high in spans) / 2
    (left, right), (bottom, top) = spans
    axes.set_xlim((left + right) / 2 - reach, (left + right) / 2 + reach)
    axes.set_ylim((bottom + top) / 2 - reach, (bottom + top) / 2 + reach)
    axes.set_aspect("equal")
    if reference is not None:
        axes.legend(loc="upper right", fontsize=8, framealpha=0.8)
    return rendered(figure)


def histogram(
    values: np.ndarray,
    value_range: tuple[float, float] | None = None,
    size: int = 640,
    reference: ArrayLike = None,
) -> np.ndarray:
    """Draws how numbers `(n,)` are distributed, over the reference's distribution in grey."""
    figure, (axes,) = new_panels(1, size, height=0.75)
    values = values[np.isfinite(values)].astype(np.float64)
    if reference is not None:
        reference = _reference(np.reshape(reference, (len(reference), -1)), 1)[:, 0]
    bins = np.linspace(*_limits(reference, value_range, values), 51)
    if reference is not None:
        axes.hist(reference, bins, density=True, color=PAST, label="real")
    if values.size:
        axes.hist(values, bins, density=True, histtype="step", color=INK, label="generated")
    axes.set_xlim(bins[0], bins[-1])
    if reference is not None:
        axes.legend(loc="upper right", fontsize=8)
    return rendered(figure)


def lines(
    signals: np.ndarray, value_range: tuple[float, float] | None = None, size: int = 640
) -> np.ndarray:
    """Draws signals `(n, length, channels)`, a panel each, the first 25 of them."""
    signals = signals[:MOST_PANELS]
    figure, panels = new_panels(len(signals), size, height=0.75)
    low, high = _limits(None, value_range, signals)
    for place, (axes, signal) in enumerate(zip(panels, signals, strict=True)):
        axes.plot(np.where(np.isfinite(signal), signal, np.nan), linewidth=1)
        axes.set_ylim(low, high)
        axes.set_xlim(0, max(len(signal) - 1, 1))
        axes.tick_params(labelsize=7, labelbottom=False, labelleft=place == 0)
    return rendered(figure)


def loss_plot(
    history: Mapping[str, Iterable] | Iterable[Mapping[str, object]], size: int = 900
) -> np.ndarray:
    """Draws the course of a training: losses above, scores of real and generated below.

    Args:
        history: `History.history` as `fit` returns it, or rows such as
            `csv.DictReader` gives. `d_loss`, `g_loss`, `d_real`, `d_fake` and their
            `val_` counterparts (dashed) are drawn, as far as they are there; `epoch`
            is the horizontal axis if there is one, else 1, 2, 3, ...
        size: Width in pixels.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        InputError: None of the names is there, or there is no row.

    Example:

    ```python
    history = gan.fit(dataset, epochs=20)
    save_png("losses.png", loss_plot(history.history))
    ```
    """
    columns = columns_of(history)
    known = [name for _, names in COURSES for name in names]
    if not any(len(columns.get(name, ())) for name in known):
        raise InputError(
            f"There is no course to draw: none of {', '.join(known)} is in the history, "
            f"which has: {', '.join(columns) or 'nothing'}."
        )
    courses = [(title, names) for title, names in COURSES if any(n in columns for n in names)]
    figure, panels = new_panels(len(courses), size, height=0.33 * len(courses), columns=1)
    for axes, (title, names) in zip(panels, courses, strict=True):
        for name, colour in names.items():
            for shown, dashes in ((name, "-"), (f"val_{name}", "--")):
                values = columns.get(shown)
                if values is None:
                    continue
                epochs = columns.get("epoch", np.arange(1.0, len(values) + 1))[: len(values)]
                mark = "o" if len(values) == 1 else None
                axes.plot(epochs, values[: len(epochs)], dashes, color=colour, label=shown)
                if mark:
                    axes.plot(epochs, values, mark, color=colour)
        axes.set_ylabel(title)
        axes.grid(alpha=0.3)
        axes.legend(loc="best", fontsize=8)
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[-1].set_xlabel("epoch")
    return rendered(figure)


def columns_of(history) -> dict[str, np.ndarray]:
    """Columns of numbers from columns or rows; what is no number becomes NaN."""
    if not isinstance(history, Mapping):
        rows = list(history)
        names = dict.fromkeys(name for row in rows for name in row)
        history = {name: [row.get(name) for row in rows] for name in names}
    return {name: np.array([_number(v) for v in values]) for name, values in history.items()}


def _number(value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def new_panels(count: int, size: int, height: float = 1.0, columns: int | None = None):
    """A figure that belongs to nobody else: pyplot's global state stays untouched."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size / DPI, height * size / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def rendered(figure) -> np.ndarray:
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())[..., :3].copy()


def _reference(reference, width: int) -> np.ndarray:
    reference = np.asarray(reference, np.float64)
    if reference.ndim != 2 or reference.shape[1] != width or len(reference) == 0:
        raise InputError(
            f"reference must be real samples of shape (n, {width}), as the generated ones "
            f"are. Received shape: {reference.shape}."
        )
    return reference


def _limits(reference, value_range, values) -> tuple[float, float]:
    if reference is not None:
        low, high = float(np.min(reference)), float(np.max(reference))
    elif value_range is not None:
        low, high = map(float, value_range)
    else:
        finite = np.asarray(values, np.float64)
        finite = finite[np.isfinite(finite)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.08 * (high - low) or 0.5
    return low - margin, high + margin
