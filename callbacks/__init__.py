"""What watches a fit: pictures, checkpoints to resume from, TensorBoard, signs of collapse.

They know a GAN by its public face alone, so any Keras model with `preview`, `data_range`,
`iterations` and `networks` can be watched the same way; `CollapseMonitor` asks `generate` and
`loss` too, and stands before those that write its logs.
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
