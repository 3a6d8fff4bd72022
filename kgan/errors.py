"""The error that kgan raises for invalid input from the user."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """An invalid argument, file or dataset; the message says how to correct it.

    It is a `ValueError`, so code that expects one keeps working. The command line prints its
    message without a traceback.
    """


def unknown(kind: str, given: object, known: Iterable[str]) -> InputError:
    """Returns the error for a name that is not among `known`, with the nearest known names."""
    names = sorted(known)
    near = difflib.get_close_matches(str(given).lower(), names, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return InputError(f"Unknown {kind} {given!r}. {hint}Known: {', '.join(names)}.")
