"""Drawings of trade-offs: one quality of a model against another."""

from collections.abc import Iterable, Mapping

import numpy as np

from kgan.errors import InputError
from kgan.pictures.plots import INK, columns_of, new_panels, rendered

_TRADES = (("recall", "precision"), ("coverage", "density"))


def truncation_plot(rows: Iterable[Mapping[str, object]], size: int = 900) -> np.ndarray:
    """Draws variety against fidelity, a point for each truncation, with its value beside it.

    Args:
        rows: what `kgan.metrics.truncation_curve` returns, or rows such as `csv.DictReader`
            gives: `truncation`, and `precision` and `recall` or `density` and `coverage`.
        size: Width in pixels.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        InputError: There is no row, or neither pair of figures is there.

    Example:

    ```python
    rows = kgan.metrics.truncation_curve(gan.generate, images, value_range=gan.data_range)
    save_png("truncation.png", truncation_plot(rows))
    ```
    """
    rows = list(rows)
    columns = columns_of(rows)
    trades = [trade for trade in _TRADES if set(trade) <= columns.keys()]
    if not trades:
        raise InputError(
            "There is no curve to draw: it takes precision and recall, or density and coverage. "
            f"The rows have: {', '.join(columns) or 'nothing'}."
        )
    figure, panels = new_panels(len(trades), size, height=0.9 / len(trades), columns=len(trades))
    for axes, (across, up) in zip(panels, trades, strict=True):
        axes.plot(columns[across], columns[up], "o-", color=INK, linewidth=1, markersize=4)
        beside = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 8}
        for row, *place in zip(rows, columns[across], columns[up], strict=True):
            if np.isfinite(place).all():
                axes.annotate(_named(row.get("truncation")), place, **beside)
        # From 0 on, or the noise of a few thousandths looks like a trend.
        axes.set_xlim(0, 1.1)
        axes.set_ylim(0, 1.1 * max(1.0, np.nanmax(columns[up], initial=0.0)))
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.grid(alpha=0.3)
    return rendered(figure)


def _named(truncation) -> str:
    # A CSV file holds an empty cell where there was none.
    return "none" if truncation in (None, "") else str(truncation)
