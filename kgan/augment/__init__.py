"""Random augmentations of images.

Each is a callable `(samples, seed) -> samples`; a plain function with that signature can be used
instead. `compile(augment=...)` shows the discriminator what they make of images, and
`kgan.penalties.Consistency` asks it to score both alike. They move whole pixels without
interpolation, so that second derivatives are correct.
"""

from kgan.augment.adaptive import Adaptive
from kgan.augment.base import BUILT_IN, Augmentation, Chain, get
from kgan.augment.diffaugment import DiffAugment
from kgan.augment.moves import Flip, Shift
from kgan.augment.preview import preview

BUILT_IN.update(flip=Flip, shift=Shift, diffaugment=DiffAugment, adaptive=Adaptive)

__all__ = [
    "BUILT_IN",
    "Adaptive",
    "Augmentation",
    "Chain",
    "DiffAugment",
    "Flip",
    "Shift",
    "get",
    "preview",
]
