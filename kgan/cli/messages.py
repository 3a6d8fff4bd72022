"""Errors and warnings as the command line says them: one message, no traceback."""

import contextlib
import errno
import os
import re
import sys
import warnings
from collections.abc import Set

import click

from kgan.errors import InputError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_VALUE = r"\([\d, ]+\)|\"[^\"]*\"|[\w.]*\w"


def failure(error: BaseException, options: Set[str]) -> int | None:
    """Says what went wrong, and returns the exit status; None for what nobody foresaw.

    Args:
        error: what ended the command.
        options: names of the options, as Python spells them.
    """
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("Stopped.", err=True)
        return 130
    if isinstance(error, InputError):
        click.echo(f"Error: {in_options(str(error), options)}", err=True)
        return 1
    if isinstance(error, BrokenPipeError):
        # Whoever read the output is gone; Python would complain once more when it exits.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, OSError) and error.strerror:
        full = " Free some space there, or choose another place." if error.errno in _FULL else ""
        click.echo(f"Error: {error.filename or 'A file'}: {error.strerror}.{full}", err=True)
        return 1
    return None


def in_options(message: str, options: Set[str]) -> str:
    """A message of the library in the words of the command line.

    `batch_size=20` becomes `--batch-size 20`, and alternatives that only Python has are left out.

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
    # A name of two words is no English, so it means the option without a value too.
    compound = "|".join(name for name in options if "_" in name) or "(?!)"
    return re.sub(rf"(?<![\w-])({compound})(?!\w)()", spelled, message)


@contextlib.contextmanager
def plain_warnings():
    """Shows warnings as sentences, each once, without file, line and source."""

    said = set()

    def show(message, category, filename, lineno, file=None, line=None):
        if str(message) not in said:
            said.add(str(message))
            click.echo(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
