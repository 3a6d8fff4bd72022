"""Parts of a data set: "train", "test", and slices like "train[:1000]" or "train[90%:]"."""

import re

from kgan.errors import InputError

_SPLIT = re.compile(r"(?P<name>[^\[\]]+)(\[(?P<start>-?\d+%?)?:(?P<stop>-?\d+%?)?\])?")


def parse(split: object) -> tuple[str, str | None, str | None]:
    """`(name, start, stop)` of a split; start and stop are text or None."""
    match = _SPLIT.fullmatch(split) if isinstance(split, str) else None
    if match is None:
        raise InputError(
            f'split must be a name like "train", or a slice of one like "train[:1000]" or '
            f'"train[90%:]"; got {split!r}.'
        )
    return match["name"], match["start"], match["stop"]


def bounds(split: str, size: int) -> slice:
    """The part of `size` samples that the slice in `split` names, as Python slices do."""

    def edge(text):
        if text is None:
            return None
        if text.endswith("%"):
            return round(int(text[:-1]) * size / 100)
        return int(text)

    _, start, stop = parse(split)
    return slice(edge(start), edge(stop))
