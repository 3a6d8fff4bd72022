"""Errors and warnings as the command line prints them: one message, no traceback."""

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Set

import click

from kgan import signals
from kgan.disk.writing import remedy
from kgan.errors import InputError

_VALUE = r"\([\d, ]+\)|\"[^\"]*\"|[\w.]*\w"


def failure(error: BaseException, options: Set[str]) -> int | None:
    """Prints the message of an expected error.

    Args:
        error: the exception that ended the command.
        options: names of the command's options, as Python spells them.

    Returns:
        The exit status; None, with nothing printed, for an unexpected error.
    """
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("Stopped.", err=True)
        return signals.status(signals.number_of(error))
    if isinstance(error, InputError):
        click.echo(f"Error: {in_options(str(error), options)}", err=True)
        return 1
    if isinstance(error, BrokenPipeError):
        # The reader of the output has closed it. Python would report this again when it exits.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename or 'A file'}: {error.strerror}. {remedy(error)}"
        click.echo(f"Error: {said.rstrip()}", err=True)
        return 1
    return None


def in_options(message: str, options: Set[str]) -> str:
    """Returns a message of the library with arguments spelled as command-line options.

    `batch_size=20` becomes `--batch-size 20`; alternatives that exist only in Python are left out.

    >>> in_options("Use batch_size=20 or less, or drop_remainder=False.", {"batch_size"})
    'Use --batch-size 20 or less.'
    """

    def spelled(match):
        option, value = f"--{match[1].replace('_', '-')}", match[2]
        if value in ("", "True"):
            return option
        if value.startswith("("):
            value = "x".join(re.findall(r"\d+", value))
        return f"{option} {value}"

    def if_known(match):
        return match[0] if match[1] in options else ""

    message = re.sub(rf",? or ([a-z_]+)=(?:{_VALUE})(?=[.,;])", if_known, message)
    message = re.sub(rf"(?<!-O )(?<![\w-])({'|'.join(options)})=({_VALUE})", spelled, message)
    # A name with an underscore is no English word: it means the option even without a value.
    compound = "|".join(name for name in options if "_" in name) or "(?!)"
    return re.sub(rf"(?<![\w-])({compound})(?!\w)()", spelled, message)


@contextlib.contextmanager
def any_text():
    """Lets standard output show what its encoding cannot, such as odd names, with backslashes."""
    stream = sys.stdout
    before = getattr(stream, "errors", None)
    if not hasattr(stream, "reconfigure"):
        # No text stream of Python's own, as in a notebook.
        yield
        return
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # it was closed
            stream.reconfigure(errors=before)


@contextlib.contextmanager
def plain_warnings():
    """Prints each warning once, as a sentence without file, line and source."""
    printed = set()

    def show(message, category, filename, lineno, file=None, line=None):
        if str(message) not in printed:
            printed.add(str(message))
            if "kgan.cli.terminal" in sys.modules:
                # Not in the middle of a line that moves.
                sys.modules["kgan.cli.terminal"].make_room()
            click.echo(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
