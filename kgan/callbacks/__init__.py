"""Callbacks for `fit`: pictures of samples, checkpoints, TensorBoard and others.

They use only the public attributes of a GAN, so they work with any Keras model that has `preview`,
`data_range`, `iterations` and `networks`. `CollapseMonitor` also uses `generate` and `loss`, and
has to come before the callbacks that write its logs.

The modules are in the folder `callbacks/` at the top of the repository. A wheel carries them
beside this file; in a checkout this package also searches that folder. They are imported as
`kgan.callbacks.checkpoint` and so on in both cases, without a symbolic link.
"""

import importlib.util
import pathlib


def _search_the_checkout():
    """Adds the repository's `callbacks/` to the search path of this package.

    Raises:
        ImportError: If the folder is missing, or is not kgan's.
    """
    folder = pathlib.Path(__file__).resolve().parents[2] / "callbacks"
    if not (folder / "collapse_monitor.py").is_file():
        raise ImportError(
            f"kgan.callbacks has its modules in a folder `callbacks/` beside `kgan/`, and {folder} "
            "does not hold them. Install kgan from its whole checkout, or copy both folders."
        )
    __path__.append(str(folder))


if importlib.util.find_spec(f"{__name__}.collapse_monitor") is None:
    _search_the_checkout()

from .checkpoint import Checkpoint
from .checkpoint_files import SavedState, find_checkpoints, latest
from .collapse_monitor import CollapseMonitor
from .every import Every
from .guard import Guard
from .image_snapshot import ImageSnapshot
from .logger import Logger
from .ml_flow import MLflow
from .states import Resumable
from .tensorboard import TensorBoard
from .time_limit import TimeLimit
from .weights_and_biases import WandB

__all__ = [
    "Checkpoint",
    "CollapseMonitor",
    "Every",
    "Guard",
    "ImageSnapshot",
    "Logger",
    "MLflow",
    "Resumable",
    "SavedState",
    "TensorBoard",
    "TimeLimit",
    "WandB",
    "find_checkpoints",
    "latest",
]
