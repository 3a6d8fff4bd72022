"""What the note beside a checkpoint holds: numbers that JSON has, and the versions."""

import hashlib
import math
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kgan


def number(log) -> float | None:
    """Returns a log as a finite number, else None: JSON has no NaN or infinity."""
    if log is None:
        return None
    value = float(np.mean(log))
    return value if math.isfinite(value) else None


def versions() -> dict[str, str]:
    """Returns the versions that a checkpoint is written with."""
    return {
        "kgan": kgan.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
    }


def run_name(folder: Path) -> str:
    """Returns a name for the run with its checkpoints in a folder.

    By this name a run that was killed before its first checkpoint recognizes its event files.
    """
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]


def steps_into_epoch(note: dict, steps: int | None) -> int | None:
    """Returns how many steps of its epoch a checkpoint has; None if the epochs have changed.

    Args:
        note: the checkpoint's.
        steps: steps of an epoch now, if known.
    """
    before = note.get("steps_per_epoch")
    if None not in (before, steps) and before != steps:
        warnings.warn(
            f"The checkpoint was made in an epoch of {before} steps, and an epoch now has "
            f"{steps}: the run does not resume with the same samples.",
            stacklevel=3,
        )
        return None
    return note["steps_in_epoch"]
