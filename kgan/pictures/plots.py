"""Plots with axes: points, curves, histograms and the losses of a training."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.pictures.checks import checked_range, checked_size, drawable
from kgan.typing import ArrayLike

DPI = 100
INK = "#1f5fa8"
REFERENCE_GREY = "#9a9a9a"
MOST_PANELS = 25
# The panels of `loss_plot`: title, and colours of the curves by name.
LOSS_PANELS = (
    ("losses", {"d_loss": "#b5482a", "g_loss": INK}),
    ("scores", {"d_real": "#3d8f4e", "d_fake": "#8a4fa3"}),
)


def scatter(
    points: np.ndarray,
    value_range: tuple[float, float] | None = None,
    size: int = 640,
    reference: ArrayLike = None,
) -> np.ndarray:
    """Draws a scatter plot of points.

    The axes cover the reference, else `value_range`, else the points themselves.

    Args:
        points: `(n, 2)`.
        value_range: `(low, high)` of both axes.
        size: Width in pixels.
        reference: Real points `(m, 2)`, drawn in grey behind the others.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        InputError: The reference is empty, or has another shape.
    """
    size, value_range = checked_size(size), checked_range(value_range)
    points = drawable("points", points, (2,))
    if points.shape[1] != 2:
        raise InputError(f"points must have shape (n, 2); got {points.shape}.")
    figure, (axes,) = new_panels(1, size)
    if reference is not None:
        reference = _reference(reference, 2)
        axes.scatter(*reference.T, s=8, c=REFERENCE_GREY, alpha=0.7, linewidths=0, label="real")
    points = points[np.isfinite(points).all(axis=1)]
    axes.scatter(*points.T, s=10, c=INK, alpha=0.7, linewidths=0, label="generated")
    spans = [
        _limits(None if reference is None else reference[:, axis], value_range, points[:, axis])
        for axis in (0, 1)
    ]
    # Both axes span the same length, so that a round cluster looks round.
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
    """Draws a histogram of numbers.

    The axis covers the reference, else `value_range`, else the numbers themselves.

    Args:
        values: `(n,)`.
        value_range: `(low, high)` of the horizontal axis.
        size: Width in pixels.
        reference: Real numbers `(m,)`, whose histogram is drawn in grey behind the other.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        InputError: The reference is empty, or has another shape.
    """
    size, value_range = checked_size(size), checked_range(value_range)
    values = drawable("values", values, (1,))
    figure, (axes,) = new_panels(1, size, height=0.75)
    values = values[np.isfinite(values)].astype(np.float64)
    if reference is not None:
        reference = arguments.array("reference", reference, (1, 2), or_else="None")
        reference = _reference(reference[:, None] if reference.ndim == 1 else reference, 1)[:, 0]
    bins = np.linspace(*_limits(reference, value_range, values), 51)
    if reference is not None:
        axes.hist(reference, bins, density=True, color=REFERENCE_GREY, label="real")
    if values.size:
        axes.hist(values, bins, density=True, histtype="step", color=INK, label="generated")
    axes.set_xlim(bins[0], bins[-1])
    if reference is not None:
        axes.legend(loc="upper right", fontsize=8)
    return rendered(figure)


def lines(
    signals: np.ndarray, value_range: tuple[float, float] | None = None, size: int = 640
) -> np.ndarray:
    """Draws the first 25 signals as curves, each in a panel of its own.

    Args:
        signals: `(n, length, channels)`; each channel is a curve.
        value_range: `(low, high)` of the vertical axis; None covers all signals.
        size: Width in pixels.

    Returns:
        uint8 array `(height, width, 3)`.
    """
    size, value_range = checked_size(size), checked_range(value_range)
    signals = drawable("signals", signals, (2, 3))[:MOST_PANELS]
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
    """Draws the losses of a training, and below them the scores of real and generated samples.

    Args:
        history: The attribute `history` of the `History` that `fit` returns, or rows of strings
            as `csv.DictReader` returns them. Curves are drawn for those of `d_loss`, `g_loss`,
            `d_real`, `d_fake` and their `val_` counterparts (dashed) that it holds. The
            horizontal axis is `epoch`, or 1, 2, 3, ... without it.
        size: Width in pixels.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        InputError: The history holds none of these names, or no rows.

    Example:

    ```python
    history = gan.fit(dataset, epochs=20)
    save_png("losses.png", loss_plot(history.history))
    ```
    """
    columns, size = columns_of(history), checked_size(size)
    known = [name for _, names in LOSS_PANELS for name in names]
    if not any(len(columns.get(name, ())) for name in known):
        raise InputError(
            f"There is nothing to draw: none of {', '.join(known)} is in the history, "
            f"which has: {', '.join(columns) or 'nothing'}."
        )
    drawn = [(title, names) for title, names in LOSS_PANELS if any(n in columns for n in names)]
    figure, panels = new_panels(len(drawn), size, height=0.33 * len(drawn), columns=1)
    for axes, (title, names) in zip(panels, drawn, strict=True):
        for name, colour in names.items():
            for label, dashes in ((name, "-"), (f"val_{name}", "--")):
                values = columns.get(label)
                if values is None:
                    continue
                epochs = columns.get("epoch", np.arange(1.0, len(values) + 1))[: len(values)]
                axes.plot(epochs, values[: len(epochs)], dashes, color=colour, label=label)
                if len(values) == 1:  # a line through one point is invisible
                    axes.plot(epochs, values, "o", color=colour)
        axes.set_ylabel(title)
        axes.grid(alpha=0.3)
        axes.legend(loc="best", fontsize=8)
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[-1].set_xlabel("epoch")
    return rendered(figure)


def columns_of(history) -> dict[str, np.ndarray]:
    """Returns columns of numbers from columns or rows; values that are not numbers become NaN."""
    if not isinstance(history, Mapping):
        rows = arguments.listing("history", history, "columns or rows of numbers by name")
        for row in rows:
            arguments.instance("history", row, Mapping, "rows of numbers by name")
        names = dict.fromkeys(name for row in rows for name in row)
        history = {name: [row.get(name) for row in rows] for name in names}
    return {
        name: np.array([_number(v) for v in arguments.listing(f"{name!r}", values, "numbers")])
        for name, values in history.items()
    }


def _number(value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def new_panels(count: int, size: int, height: float = 1.0, columns: int | None = None):
    """Returns (figure, list of axes) without pyplot, whose global state is left unchanged.

    Args:
        count: The number of axes.
        size: Width of the figure in pixels.
        height: Height of the figure divided by its width.
        columns: Axes in a row; None makes the figure about square.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size / DPI, height * size / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def rendered(figure) -> np.ndarray:
    """Returns the pixels of a figure, uint8 `(height, width, 3)`."""
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())[..., :3].copy()


def _reference(reference, width: int) -> np.ndarray:
    """Returns real samples as float64 `(n, width)`; raises an `InputError` for another shape."""
    reference = arguments.array("reference", reference, or_else="None").astype(np.float64)
    if reference.ndim != 2 or reference.shape[1] != width or len(reference) == 0:
        raise InputError(
            f"reference must be real samples of shape (n, {width}), like the generated ones. "
            f"Received shape: {reference.shape}."
        )
    if not np.isfinite(reference).all():
        raise InputError("reference must be real samples; it holds NaN or infinity.")
    return reference


def _limits(reference, value_range, values) -> tuple[float, float]:
    """Returns the limits of an axis, with a margin."""
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
