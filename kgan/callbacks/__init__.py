"""What watches a fit: pictures, checkpoints to resume from, TensorBoard, signs of collapse.

They know a GAN by its public face alone, so any Keras model with `preview`, `data_range`,
`iterations` and `networks` can be watched the same way; `CollapseMonitor` asks `generate` and
`loss` too, and stands before those that write its logs.

The modules lie in the folder `callbacks/` at the top of the repository. A wheel carries them here,
beside this file; in a checkout this package also looks there, so that they are
`kgan.callbacks.checkpoint` and so on in both, and no symbolic link is needed.
"""

import importlib.util
import pathlib


def _look_in_the_checkout():
    """Adds the repository's `callbacks/` to where this package looks for its modules.

    Raises:
        ImportError: The folder is missing, or another one of that name is there.
    """
    folder = pathlib.Path(__file__).resolve().parents[2] / "callbacks"
    if not (folder / "collapse_monitor.py").is_file():
        raise ImportError(
            f"kgan.callbacks has its modules in a folder `callbacks/` beside `kgan/`, and {folder} "
            "does not hold them. Install kgan from its whole checkout, or copy both folders."
        )
    __path__.append(str(folder))


if importlib.util.find_spec(f"{__name__}.collapse_monitor") is None:
    _look_in_the_checkout()

from .checkpoint import Checkpoint
from .checkpoint_files import SavedState, find_checkpoints, latest
from .collapse_monitor import CollapseMonitor
from .every import Every
from .image_snapshot import ImageSnapshot
from .tensorboard import TensorBoard

__all__ = [
    "Checkpoint",
    "CollapseMonitor",
    "Every",
    "ImageSnapshot",
    "SavedState",
    "TensorBoard",
    "find_checkpoints",
    "latest",
]
