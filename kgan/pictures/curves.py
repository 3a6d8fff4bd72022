"""Plots of trade-offs between two figures of a model."""

from collections.abc import Iterable, Mapping

import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.pictures.checks import checked_size
from kgan.pictures.plots import INK, columns_of, new_panels, rendered

# Pairs of figures: the horizontal and the vertical axis.
_TRADE_OFFS = (("recall", "precision"), ("coverage", "density"))


def truncation_plot(rows: Iterable[Mapping[str, object]], size: int = 900) -> np.ndarray:
    """Draws fidelity against variety: a point for each truncation, labelled with its value.

    Args:
        rows: The rows that `kgan.metrics.truncation_curve` returns, or rows of strings as
            `csv.DictReader` returns them: `truncation`, and `precision` and `recall` or
            `density` and `coverage`.
        size: Width in pixels.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        InputError: There are no rows, or they hold neither pair of figures.

    Example:

    ```python
    rows = kgan.metrics.truncation_curve(gan.generate, images, value_range=gan.data_range)
    save_png("truncation.png", truncation_plot(rows))
    ```
    """
    rows, size = arguments.listing("rows", rows, "rows of figures by name"), checked_size(size)
    columns = columns_of(rows)
    pairs = [pair for pair in _TRADE_OFFS if set(pair) <= columns.keys()]
    if not pairs:
        raise InputError(
            "There is no curve to draw: it takes precision and recall, or density and coverage. "
            f"The rows have: {', '.join(columns) or 'nothing'}."
        )
    figure, panels = new_panels(len(pairs), size, height=0.9 / len(pairs), columns=len(pairs))
    for axes, (x_name, y_name) in zip(panels, pairs, strict=True):
        x, y = columns[x_name], columns[y_name]
        axes.plot(x, y, "o-", color=INK, linewidth=1, markersize=4)
        beside = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 8}
        for row, *point in zip(rows, x, y, strict=True):
            if np.isfinite(point).all():
                axes.annotate(_label(row.get("truncation")), point, **beside)
        # The axes start at 0; otherwise noise of a few thousandths would look like a trend.
        axes.set_xlim(0, 1.1)
        axes.set_ylim(0, 1.1 * max(1.0, np.nanmax(y, initial=0.0)))
        axes.set_xlabel(x_name)
        axes.set_ylabel(y_name)
        axes.grid(alpha=0.3)
    return rendered(figure)


def _label(truncation) -> str:
    # In a CSV file None is an empty cell.
    return "none" if truncation in (None, "") else str(truncation)
