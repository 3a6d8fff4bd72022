"""The one kind of error that speaks to the user about what they gave."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something given to kgan cannot be used; the message says how to mend it.

    It is a `ValueError`, so code that expects one keeps working. The command
    line prints its message without a traceback.
    """


def unknown(kind: str, given: object, known: Iterable[str]) -> InputError:
    """The error for a name that is not among the `known` ones of its `kind`."""
    names = sorted(known)
    near = difflib.get_close_matches(str(given).lower(), names, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return InputError(f"Unknown {kind} {given!r}. {hint}Known: {', '.join(names)}.")
