"""The features of one side of a comparison, computed apart from any metric."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.metrics.distances import between, with_norms
from kgan.metrics.reading import read_features
from kgan.typing import ArrayLike, ExtractorLike, Range

# Rows of `nearest` whose distances are computed at once.
_BLOCK = 512


@dataclass
class SideFeatures:
    """What metrics keep of a set of samples, in its order.

    Attributes:
        rows: by kind of state ("features", "probabilities", "classes"), an array
            `(samples, width)`.
        labels: integers `(samples, 1)`; None without labels.
        strangeness: the mean of `Extractor.strangeness`; None if the extractor does not tell.
    """

    rows: dict[str, np.ndarray] = field(default_factory=dict)
    labels: np.ndarray | None = None
    strangeness: float | None = None

    @property
    def count(self) -> int:
        """The number of samples."""
        return max(map(len, self.rows.values()), default=0)

    def part(self, chosen: slice) -> "SideFeatures":
        """Returns the features of some of the samples."""
        rows = {kind: array[chosen] for kind, array in self.rows.items()}
        labels = None if self.labels is None else self.labels[chosen]
        return SideFeatures(rows, labels, self.strangeness)


def rows_of(kind: str, found: Any) -> Any:
    """Returns the rows `(batch, width)` that a kind of state keeps of an extractor's result."""
    if kind == "probabilities":
        return tf.nn.softmax(found.logits)
    if kind == "classes":
        return tf.argmax(found.logits, axis=1)[:, None]
    return found.features


class Reader:
    """Computes `SideFeatures` batch by batch.

    Args:
        extractor: a prepared extractor.
        kinds: the kinds of rows to keep.
        most: the number of samples to use, the first ones; None uses all.
    """

    def __init__(self, extractor: Any, kinds: Iterable[str], most: int | None = None):
        self.extractor = extractor
        self.kinds = sorted(set(kinds))
        self.most = most
        self._rows: dict[str, list] = {kind: [] for kind in self.kinds}
        self._labels: list = []
        self._strangeness, self._count = 0.0, 0
        self._knows_strangeness = True

    def add(self, samples: np.ndarray, labels: np.ndarray | None = None) -> None:
        """Adds a batch `(batch, *sample_shape)`, with its labels `(batch,)` if it has any."""
        missing = None if self.most is None else self.most - self._count
        samples = samples[:missing]
        if not self.kinds or not len(samples):
            return
        found = self.extractor(tf.convert_to_tensor(samples))
        for kind in self.kinds:
            self._rows[kind].append(np.array(rows_of(kind, found)))
        strangeness = self.extractor.strangeness(found)
        if strangeness is None:
            self._knows_strangeness = False
        else:
            self._strangeness += float(np.sum(strangeness))
        if labels is not None:
            self._labels.append(np.asarray(labels[:missing], "int64").reshape(-1, 1))
        self._count += len(samples)

    def result(self) -> SideFeatures:
        """Returns the features of all samples added."""
        if not self._count:
            return SideFeatures({kind: np.zeros((0, 0), "float32") for kind in self.kinds})
        known = self._knows_strangeness and np.isfinite(self._strangeness)
        return SideFeatures(
            {kind: np.concatenate(parts) for kind, parts in self._rows.items()},
            np.concatenate(self._labels) if self._labels else None,
            self._strangeness / self._count if known else None,
        )


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest of other samples to each sample, in feature space.

    Attributes:
        indices: places of the others in their order, the nearest first, `(samples, k)`.
        distances: Euclidean distances between the features, `(samples, k)`.
        extractor: name of the extractor.
    """

    indices: np.ndarray
    distances: np.ndarray
    extractor: str


def nearest(
    samples: ArrayLike,
    among: ArrayLike,
    k: int = 5,
    extractor: ExtractorLike = "auto",
    value_range: Range | None = None,
) -> Nearest:
    """Finds the nearest training samples of generated ones, which shows what was memorised.

    A copy of a training sample has it as its nearest one at a distance of about 0.
    `kgan.pictures.neighbours` draws both side by side.

    ```python
    found = kgan.metrics.nearest(images, training_images, value_range=(-1, 1))
    rows = kgan.pictures.neighbours(images, training_images[found.indices])
    ```

    Args:
        samples: the samples to search for: an array, a dataset or any iterable of batches or
            `(batch, labels)`.
        among: the samples to search in, of the same shape, in a fixed order.
        k: how many to find for each sample; at most as many as `among` holds.
        extractor: as in `kgan.metrics.FeatureMetric`.
        value_range: (low, high) of both; None takes that of a dataset of `kgan.data`.

    Raises:
        InputError: if a side is empty, the shapes differ, or the extractor does not fit.
    """
    k = arguments.integer("k", k)
    others, network = read_features(among, extractor, value_range)
    found, _ = read_features(samples, network, value_range)
    return nearest_features(found, others, k, network.name)


def nearest_features(
    features: np.ndarray, others: np.ndarray, k: int, extractor: str = ""
) -> Nearest:
    """Finds the k nearest of `others` to each of `features`, as `nearest` does."""
    k = min(k, len(others))
    # About a common origin near both, fewer digits of the distances cancel.
    centre = np.mean(others, axis=0, dtype="float64")
    left, right = with_norms(features - centre), with_norms(others - centre)
    indices = np.empty((len(features), k), "int64")
    for rows, squares in between(left, right):
        chosen = np.argpartition(squares, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(squares, chosen, axis=1)
        # By place where distances are equal, so that the result is one of its own.
        order = np.lexsort((chosen, near), axis=1)
        indices[rows] = np.take_along_axis(chosen, order, axis=1)
    distances = np.empty(indices.shape)
    for start in range(0, len(features), _BLOCK):
        rows = slice(start, start + _BLOCK)
        # From the differences: in the product form the digits of small distances cancel.
        apart = left[0][rows, None] - right[0][indices[rows]]
        distances[rows] = np.sqrt((apart**2).sum(axis=2))
    return Nearest(indices, distances, extractor)
