"""What watches a fit: pictures of samples, checkpoints to resume from, TensorBoard.

They know a GAN by its public face alone, so any Keras model with `preview`,
`data_range`, `iterations` and `networks` can be watched the same way.
"""

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
