"""`history.csv`: the logs of a run by epoch, read so that damaged lines do no harm."""

import csv
import io
import math
from pathlib import Path

# The columns that every row has.
PLACE = ("epoch", "step")


def read(path: Path) -> tuple[list[dict[str, str]], str]:
    """Reads the rows of a history, as text by column name.

    A row is an epoch's if its epoch and step are numbers that grow from row to row, and each of its
    figures is a number or blank. Other rows are left out, and so is a last line that was cut.

    Args:
        path: the file; if there is none, there are no rows.

    Returns:
        (rows, what was left out, as a sentence; empty if nothing was).
    """
    if not path.is_file():
        return [], ""
    lines, cut = _lines(path)
    if not lines:
        return [], "It is empty, or was cut in its first line."
    names = lines[0]
    sound = all(name.isprintable() and "\ufffd" not in name for name in names)
    if not (sound and set(PLACE) <= set(names) and len(set(names)) == len(names)):
        return [], "Its first line does not name the columns, so none of it was read."
    rows, foreign, last = [], [], (-1, -1)
    for number, cells in enumerate(lines[1:], 2):
        if not cells:
            continue
        # Cells beyond the last column have no name, and rows of earlier releases may have some.
        row = dict.fromkeys(names, "") | dict(zip(names, cells, strict=False))
        place = tuple(_count(row[name]) for name in PLACE)
        # An epoch whose end was not reached is written again with the same step.
        good = place[0] > last[0] and place[1] >= last[1] and all(map(_is_figure, row.values()))
        if good:
            rows.append(row)
            last = place
        else:
            foreign.append(number)
    said = [f"Line {', '.join(map(str, foreign[:5]))} is no epoch's"] * bool(foreign)
    said += ["Its last line was cut"] * cut
    return rows, f"{' and '.join(said)}; left out." if said else ""


def _lines(path):
    """Returns the lines as lists of cells, without a last one that was cut, and whether it was."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    cut = bool(text) and not text.endswith("\n")
    if cut:
        text = text[: text.rfind("\n") + 1]
    lines = []
    for line in text.splitlines(keepends=True):
        try:
            # A line at a time: a stray quotation mark would swallow those after it.
            lines += list(csv.reader(io.StringIO(line, newline=""))) or [[]]
        except csv.Error:
            lines.append(["?"])
    return lines, cut


def _count(text) -> int:
    # Longer ones are no numbers of epochs or steps, and `int` refuses very long ones.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -2


def _is_figure(text) -> bool:
    try:
        return not text or not math.isnan(float(text)) or text.strip().lower() == "nan"
    except ValueError:
        return False


def columns(path: Path) -> list[str]:
    """Returns the column names; empty if there is no file, or its first line names none."""
    if not path.is_file():
        return []
    lines, _ = _lines(path)
    return lines[0] if lines else []


def with_row(path: Path, names: list[str], row: dict) -> bytes:
    """Returns what a file with these columns holds, and a further row.

    It is not appended in place: on a full disk a part of the row would stay.
    """
    text = io.StringIO(newline="")
    csv.DictWriter(text, names, restval="").writerow(row)
    return path.read_bytes() + text.getvalue().encode()


def write(path: Path, rows: list[dict]) -> None:
    """Writes a file with a column for each name that any row has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
