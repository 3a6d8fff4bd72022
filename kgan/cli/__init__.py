"""The command line: a thin face over the library.

Nothing here loads TensorFlow until a command needs it, so that `kgan --help` answers at once.
"""

from kgan.cli.commands import main

__all__ = ["main"]
