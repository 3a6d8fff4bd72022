"""Checks of arguments: each function returns the checked value or raises an `InputError`."""

import math
import numbers
import operator
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from kgan.errors import InputError, unknown
from kgan.precision import POLICIES

_LARGEST = 2**63


def integer(
    name: str, value: Any, least: int | None = 1, or_else: str = "", most: int | None = None
) -> int:
    """Returns `value` as an integer of at least `least` and at most `most`.

    Args:
        name: the argument's name in the error message.
        value: the value to check. Booleans are rejected, although Python counts them as integers.
        least: the smallest allowed value; None allows any integer.
        or_else: what else the caller accepts, in words, for the error message.
        most: the largest allowed value; None sets no limit.

    Raises:
        InputError: if `value` is not an integer, less than `least` or greater than `most`.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except (TypeError, AttributeError):
        # A tensor of a fraction raises an `AttributeError`.
        number = None
    # Larger ones fit no counter and no shape; seeds, which any integer may be, have no bound.
    if number is None or (least is not None and not least <= number < _LARGEST):
        wanted = {None: "an integer", 1: "a positive integer"}
        wanted = wanted.get(least, f"an integer of at least {least}")
        if number is not None and number >= _LARGEST:
            wanted = "an integer below 2^63"
        raise _wrong(name, wanted, or_else, value)
    if most is not None and number > most:
        raise _wrong(name, f"at most {most}", or_else, value)
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
    """Returns `value` as a finite float within bounds.

    Args:
        name: the argument's name in the error message.
        value: the value to check: a number, or an array or tensor of shape `()`.
        least, above: the lower bound, inclusive (`least`) or exclusive (`above`).
        most, below: the upper bound, inclusive (`most`) or exclusive (`below`).
        or_else: what else the caller accepts, in words, for the error message.

    Raises:
        InputError: if `value` is not a number, not finite, or out of bounds.
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
    """Returns `value` as a number in [0, 1), such as a dropout rate."""
    return number(name, value, least=0, below=1)


def boolean(name: str, value: Any, or_else: str = "") -> bool:
    """Returns `value`, True or False; `or_else` as in `integer`."""
    if not isinstance(value, bool):
        wanted = "True, False" if or_else else "True or False"
        raise _wrong(name, wanted, or_else, value)
    return value


def array(name: str, value: Any, ranks: Iterable[int] = (), or_else: str = "") -> np.ndarray:
    """Returns `value` as an array of numbers.

    Args:
        name: the argument's name in the error message.
        value: the value to check: an array, a tensor, or nested lists of numbers.
        ranks: the allowed numbers of axes; empty allows any.
        or_else: what else the caller accepts, in words, for the error message.

    Raises:
        InputError: if `value` is no array of numbers, or has another number of axes.
    """
    also = f" or {or_else}" if or_else else ""
    try:
        found = np.asarray(value)
        if found.dtype.kind not in "biuf":
            # NumPy does not know bfloat16 as a kind of float, but can convert it.
            if found.dtype.kind != "V":
                raise TypeError
            found = found.astype(np.float32)
    except Exception:
        raise InputError(
            f"{name} must be an array of numbers{also}; got {_shown(value)}."
        ) from None
    if ranks and found.ndim not in ranks:
        axes = " or ".join(map(str, ranks))
        raise InputError(
            f"{name} must be an array of {axes} axes{also}; got one of shape {found.shape}."
        )
    return found


def text(name: str, value: Any, or_else: str = "") -> str:
    """Returns `value`, a text that is not empty; `or_else` as in `integer`."""
    if not isinstance(value, str) or not value:
        raise _wrong(name, "a text", or_else, value)
    return value


def listing(name: str, value: Any, meant: str) -> list:
    """Returns the items of an iterable as a list.

    Args:
        name: the argument's name in the error message.
        value: the value to check: an iterable, but no text.
        meant: what it should be, in words, for the error message.

    Raises:
        InputError: if `value` is not such an iterable.
    """
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return list(value)
    except TypeError:
        raise _wrong(name, meant, "", value) from None


def instance(name: str, value: Any, kinds: type | tuple[type, ...], meant: str) -> Any:
    """Returns `value`, an object of one of these classes; `meant` is what that is, in words."""
    if not isinstance(value, kinds):
        raise _wrong(name, meant, "", value)
    return value


def config(name: str, value: dict) -> Any:
    """Returns the object of a serialized config of Keras.

    Raises:
        InputError: if it is no such config, or of a class that is not registered.
    """
    import keras

    try:
        found = keras.saving.deserialize_keras_object(value)
    except Exception as error:
        raise InputError(f"{name} is no config that can be read: {error}") from error
    if isinstance(found, dict):
        raise InputError(
            f"{name} is a dictionary, but no config of an object; got {_shown(value)}."
        )
    return found


def flag(name: str, value: Any, or_else: str = "") -> bool:
    """Returns `value` as a boolean: True, False, NumPy's booleans, 1 or 0."""
    known = isinstance(value, (bool, np.bool_, int, np.integer)) and value in (0, 1)
    if not known:
        wanted = "True, False" if or_else else "True or False"
        raise _wrong(name, wanted, or_else, value)
    return bool(value)


def path(name: str, value: Any) -> str:
    """Returns `value`, a text or path-like object, as the text of a path.

    Raises:
        InputError: if it is neither, is empty, or holds a character that no file name can have.
    """
    try:
        found = os.fspath(value)
    except TypeError:
        found = None
    if isinstance(found, bytes):
        found = os.fsdecode(found)
    if not found or "\0" in found:
        raise _wrong(name, "a path", "", value)
    return found


def utf8_path(name: str, value: Any) -> str:
    """Returns `value` as `path` does, if TensorFlow can write there: its paths are UTF-8.

    Raises:
        InputError: as `path` does, and if the path holds bytes that are not UTF-8.
    """
    found = path(name, value)
    try:
        os.path.abspath(found).encode()
    except UnicodeEncodeError:
        wanted = "a path in UTF-8, because TensorFlow writes there"
        raise _wrong(name, wanted, "", os.path.abspath(found)) from None
    return found


def choice(name: str, value: Any, known: Iterable, of: str = "", or_else: str = "") -> Any:
    """Returns the one of `known` that equals `value`.

    Args:
        name: the argument's name in the error message.
        value: the value to check.
        known: the allowed names or numbers. For names, the error message suggests the nearest.
        of: the class or function that has this argument, such as "R3GAN", for the error message.
        or_else: what else the caller accepts, in words, for the error message.

    Raises:
        InputError: if `value` is not one of `known`.
    """
    known = list(known)
    if isinstance(value, (str, numbers.Real)) and not isinstance(value, bool) and value in known:
        return known[known.index(value)]
    if all(isinstance(each, str) for each in known) and not or_else:
        raise unknown(f"{name} of {of}" if of else name, value, known)
    raise _wrong(name, " or ".join(map(repr, known)), or_else, value)


def classes(value: Any, needed: bool = False) -> int:
    """Returns the number of classes that a model is conditioned on: at least 2, or 0 for none.

    Args:
        value: the value to check; None and 0 mean no classes.
        needed: whether the model requires classes.

    Raises:
        InputError: if `value` is not an integer, is negative or 1, or is missing though `needed`.
    """
    zero = isinstance(value, numbers.Real) and not isinstance(value, bool) and value == 0
    if not needed and (value is None or zero):
        return 0
    count = integer("classes", value, or_else="" if needed else "0 for none")
    if count == 1:
        raise InputError("One class tells nothing apart; leave classes out, or give 2 or more.")
    return count


def shape(name: str, value: Any, meant: str, ranks: Iterable[int] = ()) -> tuple[int, ...]:
    """Returns `value` as a tuple of positive integers.

    Args:
        name: the argument's name in the error message.
        value: the value to check: an iterable of integers.
        meant: what its entries are, such as "(height, width, channels)".
        ranks: the allowed numbers of entries; empty allows any but 0.

    Raises:
        InputError: if `value` is not an iterable of positive integers of an allowed length.
    """
    try:
        if isinstance(value, (str, bytes, dict, set)):
            raise TypeError
        sides = tuple(integer(name, side) for side in value)
    except (TypeError, InputError):
        sides = ()
    if not sides or (ranks and len(sides) not in ranks):
        raise InputError(f"{name} is {meant}, positive integers; got {_shown(value)}.")
    return sides


def image_shape(value: Any, points: bool = False) -> tuple[int, ...]:
    """Returns `value` as (height, width, channels) or, if `points` allows it, `(dimensions,)`."""
    meant = "(height, width, channels)"
    if points:
        return shape("image_shape", value, f"{meant}, or (dimensions,) of points", (1, 3))
    return shape("image_shape", value, meant, (3,))


def interval(name: str, value: Any, or_else: str = "") -> tuple[float, float]:
    """Returns `value` as a pair (low, high) of finite numbers with low < high.

    Args:
        name: the argument's name in the error message.
        value: the value to check: an iterable of two numbers.
        or_else: what else the caller accepts, in words, for the error message.

    Raises:
        InputError: if `value` is anything else.
    """
    try:
        if isinstance(value, (str, bytes, dict, set)):
            raise TypeError
        low, high = (number(name, bound) for bound in value)
    except (TypeError, ValueError):
        low = high = 0.0
    if not low < high:
        wanted = "two numbers (low, high) with low < high, like (-1, 1)"
        raise _wrong(name, wanted, or_else, value)
    return low, high


def seed_and_name(given: Any, name: Any) -> None:
    """Raises an `InputError` for an invalid seed or a name that Keras does not accept."""
    if seed(given) is not None and not -_LARGEST <= given < _LARGEST - 1:
        raise _wrong("seed", "an integer of 64 bits", "None", given)
    if name is not None and (not isinstance(name, str) or not name or "/" in name):
        raise _wrong("name", 'a word without "/"', "None", name)


def seed(value: Any) -> int | None:
    """Returns `value` as a seed: an integer or None."""
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
    return InputError(f"{name} must be {wanted}{also}; got {_shown(value)}.")


def _shown(value) -> str:
    """Returns a value as Python writes it, if that is short; else what kind of value it is."""
    try:
        written = repr(value)
    except Exception:
        written = ""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if not written:
        return f"a value of type {type(value).__name__}"
    return written if len(written) <= 200 else f"{written[:200]}..."


def is_function(value: object) -> bool:
    """Returns whether a value can be called, and is no class: `R1` in place of `R1()` is a slip."""
    return callable(value) and not isinstance(value, type)


def colour(name: str, given: Any) -> tuple[int, int, int]:
    """Returns a colour as (red, green, blue) in 0..255, given so or by a name or "#rrggbb"."""
    from PIL import ImageColor

    found = given
    if isinstance(given, str):
        try:
            found = ImageColor.getrgb(given)
        except ValueError:
            found = None
    if isinstance(found, (tuple, list)) and len(found) == 3:
        whole = all(isinstance(one, (int, np.integer)) and 0 <= one <= 255 for one in found)
        if whole and not any(isinstance(one, bool) for one in found):
            red, green, blue = map(int, found)
            return red, green, blue
    raise InputError(
        f"{name} is a colour: a name like 'white', '#rrggbb', or (red, green, blue) in 0..255; "
        f"got {given!r}."
    )


def precision(value: Any) -> str | None:
    """Returns the name of a precision, one of `kgan.precision.POLICIES`, or None."""
    if value is None:
        return None
    return choice("precision", value, POLICIES, or_else="None")
