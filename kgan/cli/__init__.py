"""The command line: a thin face over the library.

TensorFlow is imported only by commands that need it, so that `kgan --help` answers at once.
"""

from kgan.cli.commands import main

__all__ = ["main"]
