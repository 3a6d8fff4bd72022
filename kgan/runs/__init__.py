"""A run on disk: its folder, writes that are whole or not there, and loading what was saved."""

from kgan.runs.folder import RunFolder, provenance, trained

__all__ = ["RunFolder", "provenance", "trained"]
