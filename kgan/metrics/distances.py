"""Squared Euclidean distances between features, block by block."""

from collections.abc import Iterator

import numpy as np

# Rows of a distance matrix at a time: 512 x 10,000 doubles are 40 MB.
_BLOCK = 512


def with_norms(features) -> tuple[np.ndarray, np.ndarray]:
    """Features `(n, width)` in float64, and their squared norms; fewer digits cancel in the
    distances where the features lie about the origin."""
    features = np.ascontiguousarray(features, "float64")
    return features, np.einsum("ij,ij->i", features, features)


def between(left, right) -> Iterator[tuple[slice, np.ndarray]]:
    """(rows, squared distances of these rows of `left` to all of `right`), both `with_norms`."""
    (x, x_norms), (y, y_norms) = left, right
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        distances = x[rows] @ y.T
        distances *= -2.0
        distances += x_norms[rows, None]
        distances += y_norms
        yield rows, np.maximum(distances, 0.0, out=distances)


def within(side, own: float = 0.0) -> Iterator[tuple[slice, np.ndarray]]:
    """As `between` of a side and itself, with `own` as every sample's distance to itself."""
    for rows, distances in between(side, side):
        place = np.arange(len(distances))
        distances[place, place + rows.start] = own
        yield rows, distances
