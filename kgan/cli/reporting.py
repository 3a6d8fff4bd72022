"""Figures of `kgan evaluate` as a table, and what each rests on."""

# Over 300 samples of a GAN of 8x8 digits, six draws had a standard deviation of 9 %
# (notebooks/08_measuring.ipynb); over 191 drawings draws went from 4.4 to 6.8.
_STEADY = 1000


def table(figures: dict, floor: dict, rests_on: dict, heads: tuple[str, str]) -> str:
    """Returns a line for each figure: its name, its value, its floor, what it rests on.

    Args:
        figures: the figures by name; None for one that is not finite.
        floor: the floor by name; empty without one.
        rests_on: by name, the report of its metric.
        heads: the heads of both columns.
    """
    lines = [f"{'':22} {heads[0]:>12}" + (f" {heads[1]:>12}" if floor else "")]
    for name, report in rests_on.items():
        if name.endswith("_std") and figures.get(name) is None and floor.get(name) is None:
            # A standard deviation over one subset is none.
            continue
        line = f"{name:22} {number(figures.get(name)):>12}"
        line += f" {number(floor.get(name)):>12}" if floor else ""
        lines.append(f"{line}   {basis(report, heads[0])}".rstrip())
    few = [report.get("fake") for name, report in rests_on.items() if "frechet" in name]
    if few and (few[0] or _STEADY) < _STEADY:
        lines.append(
            f"\nOver {few[0]} samples a Fréchet distance changes by a tenth or more from draw to "
            "draw: take differences of that size for chance, or more samples."
        )
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Returns a figure with four digits; "-" for None."""
    return "-" if value is None else f"{value:.4g}"


def basis(report: dict, word: str = "generated") -> str:
    """Returns what a figure was measured with, such as "300 generated, 300 real; digits".

    Args:
        report: of the metric.
        word: what the measured samples are.
    """
    counts = [
        f"{report[side]} {of}"
        for side, of in (("fake", word), ("real", "real"))
        if report.get(side) is not None
    ]
    parts = [", ".join(counts), report.get("extractor"), report.get("reference")]
    parts.append(report.get("caveat"))
    return "; ".join(part for part in parts if part)
