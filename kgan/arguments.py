"""What is asked of arguments: each function returns the value, or says what it should have been."""

import math
import numbers
import operator
from collections.abc import Iterable
from typing import Any

from kgan.errors import InputError, unknown


def integer(name: str, value: Any, least: int | None = 1, or_else: str = "") -> int:
    """`value` as an integer of at least `least`; of any size where that is None.

    Args:
        name: what messages call it.
        value: what was given. True and False count in Python; as a number they are a slip.
        least: the smallest that will do.
        or_else: what else would have been fine, in words.

    Raises:
        InputError: where it is none, or smaller.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or (least is not None and number < least):
        wanted = {None: "an integer", 1: "a positive integer"}
        wanted = wanted.get(least, f"an integer of at least {least}")
        raise _wrong(name, wanted, or_else, value)
    return number


def number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    or_else: str = "",
) -> float:
    """`value` as a finite float within bounds.

    Args:
        name: what messages call it.
        value: what was given.
        least, above: the lower bound, which belongs to the range or does not.
        most, below: the upper bound, likewise.
        or_else: what else would have been fine, in words.

    Raises:
        InputError: where it is no number, not finite, or out of bounds.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        found = float(value) if real or getattr(value, "shape", None) == () else math.nan
    except (OverflowError, TypeError, ValueError):
        found = math.nan
    fits = (
        math.isfinite(found)
        and (least is None or found >= least)
        and (above is None or found > above)
        and (most is None or found <= most)
        and (below is None or found < below)
    )
    if not fits:
        raise _wrong(name, _range(least, above, most, below), or_else, value)
    return found


def fraction(name: str, value: Any) -> float:
    """`value` as a number in [0, 1): a share that leaves something, such as that of a dropout."""
    return number(name, value, least=0, below=1)


def boolean(name: str, value: Any, or_else: str = "") -> bool:
    """`value`, which is True or False; `or_else` names what else would have been fine."""
    if not isinstance(value, bool):
        wanted = "True, False" if or_else else "True or False"
        raise _wrong(name, wanted, or_else, value)
    return value


def choice(name: str, value: Any, known: Iterable, of: str = "", or_else: str = "") -> Any:
    """`value`, which is one of those known.

    Args:
        name: what messages call it.
        value: what was given.
        known: names, with the nearest ones in the message; or numbers.
        of: whose choice it is, such as "R3GAN", where that is not plain.
        or_else: what else would have been fine, in words.
    """
    known = list(known)
    if isinstance(value, (str, numbers.Real)) and not isinstance(value, bool) and value in known:
        return known[known.index(value)]
    if all(isinstance(each, str) for each in known) and not or_else:
        raise unknown(f"{name} of {of}" if of else name, value, known)
    raise _wrong(name, " or ".join(map(repr, known)), or_else, value)


def classes(value: Any, needed: bool = False) -> int:
    """How many classes a model is told apart: 2 and more, or 0 for none.

    Args:
        value: what was given; None means none.
        needed: whether there must be some.
    """
    zero = isinstance(value, numbers.Real) and not isinstance(value, bool) and value == 0
    if not needed and (value is None or zero):
        return 0
    count = integer("classes", value, or_else="" if needed else "0 for none")
    if count == 1:
        raise InputError("One class tells nothing apart; leave classes out, or give 2 or more.")
    return count


def shape(name: str, value: Any, meant: str, ranks: Iterable[int] = ()) -> tuple[int, ...]:
    """`value` as a tuple of positive integers.

    Args:
        name: what messages call it.
        value: what was given: a tuple, or what can be made one.
        meant: what its entries are, such as "(height, width, channels)".
        ranks: how many entries it may have; any number where nothing is said.
    """
    try:
        if isinstance(value, (str, bytes, dict, set)):
            raise TypeError
        sides = tuple(integer(name, side) for side in value)
    except (TypeError, InputError):
        sides = ()
    if not sides or (ranks and len(sides) not in ranks):
        raise InputError(f"{name} is {meant}, positive integers; got {value!r}.")
    return sides


def image_shape(value: Any, points: bool = False) -> tuple[int, ...]:
    """`value` as (height, width, channels); or, where points will do, `(dimensions,)`."""
    meant = "(height, width, channels)"
    if points:
        return shape("image_shape", value, f"{meant}, or (dimensions,) of points", (1, 3))
    return shape("image_shape", value, meant, (3,))


def interval(name: str, value: Any, or_else: str = "") -> tuple[float, float]:
    """`value` as a pair (low, high) of finite numbers, the lower first.

    Args:
        name: what messages call it.
        value: what was given.
        or_else: what else would have been fine, in words.
    """
    try:
        low, high = (number(name, bound) for bound in value)
    except (TypeError, ValueError):
        low = high = 0.0
    if not low < high:
        wanted = "two numbers (low, high) with low < high, like (-1, 1)"
        raise _wrong(name, wanted, or_else, value)
    return low, high


def seed_and_name(given: Any, name: Any) -> None:
    """Refuses a seed that is none, and a name that Keras would not take."""
    seed(given)
    if name is not None and (not isinstance(name, str) or not name or "/" in name):
        raise _wrong("name", 'a word without "/"', "None", name)


def seed(value: Any) -> int | None:
    """`value` as a seed: an integer, or None."""
    return None if value is None else integer("seed", value, None, or_else="None")


def _range(least, above, most, below) -> str:
    low, high = (above if least is None else least), (below if most is None else most)
    if low is None and high is None:
        return "a finite number"
    if low is None:
        return f"a number of at most {high}" if below is None else f"a number below {high}"
    if high is None:
        if least is not None:
            return f"a number of at least {low}"
        return f"a number above {low}" if low else "a positive number"
    left, right = ("(" if least is None else "["), (")" if most is None else "]")
    return f"a number in {left}{low}, {high}{right}"


def _wrong(name, wanted, or_else, value) -> InputError:
    also = f" or {or_else}" if or_else else ""
    return InputError(f"{name} must be {wanted}{also}; got {value!r}.")
