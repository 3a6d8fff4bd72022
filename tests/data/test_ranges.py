import numpy as np
import pytest

from kgan.data.ranges import scale, source_range
from kgan.errors import InputError


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 3, 200], "uint8"), (0, 255)),
        (np.array([True, False]), (0, 1)),
        (np.array([0.0, 0.5, 1.0]), (0, 1)),
        (np.array([-1.0, 0.5, 1.00001]), (-1, 1)),
        (np.array([0.0, 12.5, 254.0]), (0, 255)),
        (np.array([0, 12, 255]), (0, 255)),
    ],
)
def test_ranges_that_can_be_told(values, expected):
    assert source_range(values) == expected


@pytest.mark.parametrize(
    "values",
    [
        np.array([0, 1, 1], "uint8"),  # a mask?
        np.array([0.0, 8.0, 16.0]),  # scikit-learn's digits
        np.array([-3.0, 3.0]),
        np.array([0.0, 300.0]),
        np.array([-1.0, 100.0]),
    ],
)
def test_ranges_that_cannot_be_told_are_refused(values):
    with pytest.raises(InputError, match="source_range="):
        source_range(values)
    low, high = float(values.min()), float(values.max())
    assert source_range(values, (low, high)) == (low, high)


def test_values_outside_the_given_range():
    with pytest.raises(InputError, match=r"from 0 to 16, outside source_range=\(0, 10\)"):
        source_range(np.array([0.0, 16.0]), (0, 10))


@pytest.mark.parametrize("target", [(-1.0, 1.0), (0.0, 1.0), (-0.5, 0.5), (3.0, 7.0)])
def test_ends_become_exactly_the_ends(target):
    scaled = scale(np.array([0, 51, 255], "float32"), (0.0, 255.0), target)
    assert scaled.dtype == np.float32
    assert (scaled[0], scaled[-1]) == target
    np.testing.assert_allclose(scaled[1], target[0] + 0.2 * (target[1] - target[0]), rtol=1e-6)


def test_from_a_range_that_does_not_start_at_zero():
    scaled = scale(np.array([-1, 0, 1], "float32"), (-1.0, 1.0), (0.0, 255.0))
    np.testing.assert_array_equal(scaled, [0, 127.5, 255])


def test_none_leaves_values():
    values = np.array([1.0, 2.0])
    assert scale(values, None, (0, 1)) is values
    assert scale(values, (0, 1), None) is values
