"""States of metrics in NumPy: each collects batches, and can be merged, saved and loaded."""

import numpy as np

from kgan.errors import InputError

# Rows added to a scatter matrix at once: one large product costs less than many small ones.
_FOLD = 1024


class Moments:
    """Count, mean and scatter matrix of a stream of features, in float64.

    Memory does not grow with the number of samples. Batches are combined by the pairwise update
    of Chan, Golub and LeVeque 1979, which loses no digits to cancellation if the mean is large.
    """

    def __init__(self):
        self._folded = 0
        self._mean = self._scatter = None
        self._waiting = []

    @property
    def count(self) -> int:
        """The number of samples added."""
        return self._folded + sum(map(len, self._waiting))

    @property
    def width(self) -> int | None:
        """The number of features of a sample; None before the first sample."""
        if self._mean is not None:
            return len(self._mean)
        return self._waiting[0].shape[1] if self._waiting else None

    def add(self, features: np.ndarray) -> None:
        """Adds a batch `(batch, width)`."""
        # A copy, because TensorFlow may reuse the memory of its arrays.
        self._waiting.append(np.array(features, "float64"))
        if sum(map(len, self._waiting)) >= _FOLD:
            self._fold()

    def merge(self, other: "Moments") -> None:
        """Adds the samples of another state."""
        theirs = other.arrays()
        if int(theirs["count"]):
            self._fold()
            self._join(int(theirs["count"]), theirs["mean"], theirs["scatter"])

    def mean(self) -> np.ndarray:
        """Returns the mean `(width,)`."""
        self._fold()
        return self._mean

    def covariance(self) -> np.ndarray:
        """Returns the covariance `(width, width)`, divided by count - 1 as in `numpy.cov`."""
        self._fold()
        return self._scatter / max(self._folded - 1, 1)

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays to save."""
        self._fold()
        if not self._folded:
            return {"count": np.array(0)}
        return {"count": np.array(self._folded), "mean": self._mean, "scatter": self._scatter}

    @classmethod
    def of_arrays(cls, arrays) -> "Moments":
        """Returns a state from the result of `arrays`."""
        moments = cls()
        if int(arrays["count"]):
            moments._folded = int(arrays["count"])
            moments._mean, moments._scatter = np.array(arrays["mean"]), np.array(arrays["scatter"])
            width = moments._mean.shape
            numbers = moments._mean.dtype.kind == moments._scatter.dtype.kind == "f"
            if not numbers or len(width) != 1 or moments._scatter.shape != 2 * width:
                raise ValueError("the mean and the scatter matrix do not fit")
        return moments

    def _fold(self):
        batches = [batch for batch in self._waiting if len(batch)]
        self._waiting = []
        if batches:
            rows = np.concatenate(batches)
            mean = rows.mean(axis=0)
            rows -= mean
            self._join(len(rows), mean, rows.T @ rows)

    def _join(self, count, mean, scatter):
        if not self._folded:
            self._folded, self._mean, self._scatter = count, mean.copy(), scatter.copy()
            return
        if len(mean) != len(self._mean):
            raise InputError(
                f"Features of width {len(mean)} cannot be added to features of width "
                f"{len(self._mean)}. Use one extractor for both."
            )
        total = self._folded + count
        difference = mean - self._mean
        self._scatter += scatter
        self._scatter += np.outer(difference, difference) * (self._folded * count / total)
        self._mean = self._mean + difference * (count / total)
        self._folded = total


class Rows:
    """Every row of a stream, in order: features, class probabilities or class numbers."""

    def __init__(self):
        self._batches = []

    @property
    def count(self) -> int:
        """The number of rows added."""
        return sum(map(len, self._batches))

    @property
    def width(self) -> int | None:
        """The number of columns; None before the first row."""
        return self._batches[0].shape[1] if self._batches else None

    def add(self, rows: np.ndarray) -> None:
        """Adds a batch `(batch, width)`."""
        self._batches.append(np.array(rows))

    def merge(self, other: "Rows") -> None:
        """Appends the rows of another state."""
        if None not in (self.width, other.width) and self.width != other.width:
            raise InputError(
                f"Rows of width {other.width} cannot be added to rows of width {self.width}. "
                "Use one extractor for both."
            )
        if other.width is not None:
            self._batches.append(other.all())

    def all(self) -> np.ndarray:
        """Returns all rows, `(count, width)`."""
        if len(self._batches) > 1:
            self._batches = [np.concatenate(self._batches)]
        return self._batches[0] if self._batches else np.zeros((0, 0), "float32")

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays to save."""
        return {"rows": self.all()}

    @classmethod
    def of_arrays(cls, arrays) -> "Rows":
        """Returns a state from the result of `arrays`."""
        rows = cls()
        if arrays["rows"].ndim != 2 or arrays["rows"].dtype.kind not in "fiu":
            raise ValueError("the rows are no numbers")
        if len(arrays["rows"]):
            rows.add(arrays["rows"])
        return rows
