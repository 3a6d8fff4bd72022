"""A run on disk: its folder, atomic writes, and loading what was saved."""

from kgan.runs.folder import RunFolder, provenance
from kgan.runs.newest import trained

__all__ = ["RunFolder", "provenance", "trained"]
