"""Parts of a data set: "train", "test", and slices like "train[:1000]" or "train[90%:]"."""

import re

from kgan.errors import InputError

_SPLIT = re.compile(r"(?P<name>[^\[\]]+)(\[(?P<start>-?\d{1,15}%?)?:(?P<stop>-?\d{1,15}%?)?\])?")


def parse(split: object) -> tuple[str, str | None, str | None]:
    """Returns `(name, start, stop)` of a split; start and stop are text, such as "90%", or None.

    Raises:
        InputError: if the text is not a split.
    """
    match = _SPLIT.fullmatch(split) if isinstance(split, str) else None
    if match is None:
        raise InputError(
            f'split must be a name like "train", or a slice of one like "train[:1000]" or '
            f'"train[90%:]"; got {split!r}.'
        )
    return match["name"], match["start"], match["stop"]


def bounds(split: str, size: int) -> slice:
    """Returns the Python slice of `size` samples that `split` names.

    Raises:
        InputError: if the text is not a split, or names none of the samples.
    """
    found = _slice(split, size)
    if size and not range(*found.indices(size)):
        raise InputError(
            f"The split {split!r} holds none of the {size} samples. Slices are written "
            '"train[FIRST:END]", and END is greater than FIRST.'
        )
    return found


def _slice(split, size):
    def edge(text):
        if text is None:
            return None
        if text.endswith("%"):
            return round(int(text[:-1]) * size / 100)
        return int(text)

    _, start, stop = parse(split)
    return slice(edge(start), edge(stop))


def rest(split: str) -> str | None:
    """Returns the split of what a slice at the start or the end leaves; None if it leaves nothing.

    >>> rest("train[:90%]"), rest("train[1000:]"), rest("train")
    ('train[90%:]', 'train[:1000]', None)
    """
    name, start, stop = parse(split)
    if (start is None) == (stop is None) or (start or stop) == "0":
        return None
    return f"{name}[{stop}:]" if start is None else f"{name}[:{start}]"


def overlap(one: str, other: str) -> bool:
    """Whether two splits of a data set share samples, judged by their names alone.

    If one slice counts samples and the other percents, the answer is True, to be safe.

    >>> overlap("train[:1000]", "train"), overlap("train[90%:]", "train[:90%]")
    (True, False)
    """
    try:
        (name, *edges), (other_name, *other_edges) = parse(one), parse(other)
        counted = {edge.endswith("%") for edge in (*edges, *other_edges) if edge}
    except InputError:
        name = other_name = counted = None
    if name is None or name != other_name:
        # TensorFlow Datasets joins splits, as in "train[:10%]+test"; "all" contains every split.
        left, right = (set(re.findall(r"[A-Za-z]\w*", split)) for split in (one, other))
        return bool(left & right) or "all" in left | right
    if len(counted) > 1:
        return True
    # More samples than any data set has, so that no bound is clipped.
    size = 10**12
    left, right = (range(*_slice(split, size).indices(size)) for split in (one, other))
    return max(left.start, right.start) < min(left.stop, right.stop)
