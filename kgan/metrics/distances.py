"""Squared Euclidean distances between features, computed block by block."""

from collections.abc import Iterator

import numpy as np

from kgan import arguments
from kgan.errors import InputError

# Rows of a distance matrix in a block: 512 x 10,000 doubles are 40 MB.
_BLOCK = 512


def features_of_both(real, fake) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features of both sides as arrays `(m, width)` and `(n, width)`.

    Raises:
        InputError: if they are not.
    """
    real, fake = arguments.array("real", real, (2,)), arguments.array("fake", fake, (2,))
    if real.shape[1] != fake.shape[1] or not real.shape[1]:
        raise InputError(
            "real and fake must be features (m, width) and (n, width) of one width; got "
            f"{real.shape} and {fake.shape}."
        )
    return real, fake


def with_norms(features) -> tuple[np.ndarray, np.ndarray]:
    """Returns features `(n, width)` in float64, and their squared norms `(n,)`.

    Distances are more exact if the features lie about the origin: fewer digits cancel.
    """
    features = np.ascontiguousarray(features, "float64")
    return features, np.einsum("ij,ij->i", features, features)


def between(left, right) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields (rows, squared distances of these rows of `left` to all rows of `right`).

    Args:
        left, right: features with their squared norms, from `with_norms`.
    """
    (x, x_norms), (y, y_norms) = left, right
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        distances = x[rows] @ y.T
        distances *= -2.0
        distances += x_norms[rows, None]
        distances += y_norms
        yield rows, np.maximum(distances, 0.0, out=distances)


def within(side, own: float = 0.0) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields what `between` a side and itself yields, with `own` as the distance to itself."""
    for rows, distances in between(side, side):
        place = np.arange(len(distances))
        distances[place, place + rows.start] = own
        yield rows, distances
