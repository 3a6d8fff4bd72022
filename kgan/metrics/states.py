"""What a metric keeps of the samples it has seen, in NumPy: it adds, merges, saves and loads."""

import numpy as np

from kgan.errors import InputError

# Rows folded into a covariance at once: one large product costs less than many small ones.
_FOLD = 1024


class Moments:
    """Count, mean and scatter matrix of a stream of features, in float64.

    Memory does not grow with the number of samples. Batches are joined by the pairwise update
    of Chan, Golub and LeVeque 1979, which does not cancel where the mean is large.
    """

    def __init__(self):
        self._folded = 0
        self._mean = self._scatter = None
        self._waiting = []

    @property
    def count(self) -> int:
        """Samples seen."""
        return self._folded + sum(map(len, self._waiting))

    @property
    def width(self) -> int | None:
        """Features of a sample; None before the first."""
        if self._mean is not None:
            return len(self._mean)
        return self._waiting[0].shape[1] if self._waiting else None

    def add(self, features: np.ndarray) -> None:
        """Adds a batch `(batch, width)`."""
        # A copy: TensorFlow may reuse the memory of what it hands over.
        self._waiting.append(np.array(features, "float64"))
        if sum(map(len, self._waiting)) >= _FOLD:
            self._fold()

    def merge(self, other: "Moments") -> None:
        """Adds all that another has seen."""
        theirs = other.arrays()
        if int(theirs["count"]):
            self._fold()
            self._join(int(theirs["count"]), theirs["mean"], theirs["scatter"])

    def mean(self) -> np.ndarray:
        """The mean `(width,)`."""
        self._fold()
        return self._mean

    def covariance(self) -> np.ndarray:
        """The covariance `(width, width)`, divided by count - 1 as in `numpy.cov`."""
        self._fold()
        return self._scatter / max(self._folded - 1, 1)

    def arrays(self) -> dict[str, np.ndarray]:
        """All there is to save."""
        self._fold()
        if not self._folded:
            return {"count": np.array(0)}
        return {"count": np.array(self._folded), "mean": self._mean, "scatter": self._scatter}

    @classmethod
    def of_arrays(cls, arrays) -> "Moments":
        """The inverse of `arrays`."""
        moments = cls()
        if int(arrays["count"]):
            moments._folded = int(arrays["count"])
            moments._mean, moments._scatter = np.array(arrays["mean"]), np.array(arrays["scatter"])
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
                f"Features of width {len(mean)} cannot join features of width {len(self._mean)}. "
                "Use one extractor for both."
            )
        total = self._folded + count
        apart = mean - self._mean
        self._scatter += scatter
        self._scatter += np.outer(apart, apart) * (self._folded * count / total)
        self._mean = self._mean + apart * (count / total)
        self._folded = total


class Rows:
    """Every row of a stream, in order: features, class probabilities or class numbers."""

    def __init__(self):
        self._batches = []

    @property
    def count(self) -> int:
        """Samples seen."""
        return sum(map(len, self._batches))

    @property
    def width(self) -> int | None:
        """Columns; None before the first row."""
        return self._batches[0].shape[1] if self._batches else None

    def add(self, rows: np.ndarray) -> None:
        """Adds a batch `(batch, width)`."""
        self._batches.append(np.array(rows))

    def merge(self, other: "Rows") -> None:
        """Adds all that another has seen, behind its own."""
        if None not in (self.width, other.width) and self.width != other.width:
            raise InputError(
                f"Rows of width {other.width} cannot join rows of width {self.width}. "
                "Use one extractor for both."
            )
        if other.width is not None:
            self._batches.append(other.all())

    def all(self) -> np.ndarray:
        """All rows, `(count, width)`."""
        if len(self._batches) > 1:
            self._batches = [np.concatenate(self._batches)]
        return self._batches[0] if self._batches else np.zeros((0, 0), "float32")

    def arrays(self) -> dict[str, np.ndarray]:
        """All there is to save."""
        return {"rows": self.all()}

    @classmethod
    def of_arrays(cls, arrays) -> "Rows":
        """The inverse of `arrays`."""
        rows = cls()
        if len(arrays["rows"]):
            rows.add(arrays["rows"])
        return rows
