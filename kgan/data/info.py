"""What a data set is: the facts that a model, a metric or a picture needs of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes of a distribution that is known: of a mixture of Gaussians, or stacked digits.

    Attributes:
        probabilities: float64 array `(modes,)` that sums to 1: the share of each mode, in the
            order of the labels.
        centres: of spherical Gaussians, float32 array `(modes, dimensions)` in the units of the
            samples; else None.
        spread: the standard deviation of every Gaussian along every axis; else None.
    """

    probabilities: np.ndarray
    centres: np.ndarray | None = None
    spread: float | None = None


@dataclass(frozen=True)
class DataInfo:
    """Facts about a loaded data set; every dataset of `kgan.data` carries them as `.info`.

    Attributes:
        name: the source, as the user would name it.
        split: the part of it that was loaded.
        sample_shape: shape of one sample, `(height, width, channels)` for images.
        value_range: `(lowest, highest)` value that a sample can hold, or None where
            nothing bounds it (points of a mixture, arrays left as they are).
        classes: how many classes the labels tell apart; 0 without labels.
        class_names: their names, empty where the source gives none.
        size: samples in the split.
        batch_size: samples in a batch.
        steps_per_epoch: batches in an epoch.
        cached: whether the decoded samples are held in memory.
        modes: of a mixture ("ring", "grid") and of "stacked_mnist", else None.
        shapes: where a batch has several kinds of images, their shapes by role: "input" and
            "target" of pairs, "a" and "b" of two domains, "low" and "high" of crops. Else empty.
    """

    name: str
    split: str
    sample_shape: tuple[int, ...]
    value_range: Range | None
    classes: int
    class_names: tuple[str, ...]
    size: int
    batch_size: int
    steps_per_epoch: int
    cached: bool = True
    modes: Modes | None = None
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass
class Source:
    """What a reader (digits, folder, ...) hands to the pipeline.

    The samples are either in memory, as `values`, or come from a store on disk, which
    `open` makes; `size` and `shape` are needed for the second only.

    Attributes:
        name: what to call it.
        split: the part that was read.
        values: array `(samples, ...)`.
        open: from whether labels are wanted to a store of `kgan.data.stores`.
        size: number of samples.
        shape: of one sample.
        labels: int32 array `(samples,)`, or True where the store has them, or None.
        class_names: names of the classes, if known.
        classes: how many there are in the whole, of which this may be a part without some; 0
            where the names or the labels tell.
        range: of the values at the source, or None if nothing bounds them.
        modes: of a distribution that is known.
    """

    name: str
    split: str
    values: np.ndarray | None = None
    open: Callable[[bool], Any] | None = None
    size: int = 0
    shape: tuple[int, ...] = ()
    labels: Any = None
    class_names: tuple[str, ...] = ()
    classes: int = 0
    range: Range | None = None
    modes: Modes | None = None

    def __post_init__(self):
        if self.values is not None:
            self.size, self.shape = len(self.values), self.values.shape[1:]
