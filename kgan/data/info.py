"""The facts about a data set that models, metrics and pictures use."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes of a known distribution: a mixture of Gaussians, or stacked digits.

    Attributes:
        probabilities: the share of each mode, in the order of the labels; float64 array
            `(modes,)` that sums to 1.
        centres: the centres of spherical Gaussians, float32 array `(modes, dimensions)` in the
            units of the samples; None if the modes are classes.
        spread: the standard deviation of every Gaussian along every axis, in the units of the
            samples; None if the modes are classes.
    """

    probabilities: np.ndarray
    centres: np.ndarray | None = None
    spread: float | None = None


@dataclass(frozen=True)
class DataInfo:
    """Facts about a loaded data set; every dataset of `kgan.data` carries them as `.info`.

    Attributes:
        name: the name of the source, such as "digits" or the path of a folder.
        split: the part of the source that was loaded.
        sample_shape: shape of one sample, `(height, width, channels)` for images.
        value_range: `(lowest, highest)` value that a sample can hold, or None if the values
            are not bounded (points of a mixture, arrays left as they are).
        classes: the number of classes of the labels; 0 without labels.
        class_names: names of the classes; empty if the source has none.
        size: samples in the split.
        batch_size: samples in a batch.
        steps_per_epoch: batches in an epoch.
        cached: whether the decoded samples are held in memory.
        modes: the modes of a mixture ("ring", "grid") or of "stacked_mnist"; else None.
        shapes: the shapes of the images by role, if a batch holds several kinds of them: "input"
            and "target" of pairs, "a" and "b" of two domains, "low" and "high" of crops; else
            empty.
        balance: "classes" if each class comes equally often in an epoch; else None.
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
    balance: str | None = None


@dataclass
class Source:
    """The samples that a reader (digits, folder, ...) passes to the pipeline.

    The samples are either held in memory, as `values`, or read from a store, which `open`
    returns. Only a source with a store has to set `size` and `shape`.

    Attributes:
        name: the name of the source.
        split: the part that was read.
        values: array `(samples, ...)`, or None with `open`.
        open: a function that returns a store of `kgan.data.stores`; its argument is whether the
            store yields labels.
        size: number of samples.
        shape: shape of one sample.
        labels: int32 array `(samples,)`; True if only the store has them; None without labels.
        class_names: names of the classes, if known.
        classes: the number of classes in the whole data set, some of which this part may lack;
            0 if the names or the labels tell it.
        range: `(lowest, highest)` value at the source, or None if unknown or not bounded.
        modes: the modes of a known distribution; else None.
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
