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


def overlap(one: str, other: str) -> bool:
    """Whether two splits of a data set share samples, as far as their names tell.

    Where a slice counts samples and the other percents, they are taken to.

    >>> overlap("train[:1000]", "train"), overlap("train[90%:]", "train[:90%]")
    (True, False)
    """
    try:
        (name, *edges), (other_name, *other_edges) = parse(one), parse(other)
        counted = {edge.endswith("%") for edge in (*edges, *other_edges) if edge}
    except InputError:
        name = other_name = counted = None
    if name is None or name != other_name:
        # TensorFlow Datasets joins splits, as in "train[:10%]+test"; "all" holds every other.
        left, right = (set(re.findall(r"[A-Za-z]\w*", split)) for split in (one, other))
        return bool(left & right) or "all" in left | right
    if len(counted) > 1:
        return True
    # More samples than any data set has, so that no edge is cut off.
    size = 10**12
    left, right = (range(*bounds(split, size).indices(size)) for split in (one, other))
    return max(left.start, right.start) < min(left.stop, right.stop)
