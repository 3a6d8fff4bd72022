import pytest

from kgan.data.splits import bounds, parse
from kgan.errors import InputError


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", list(range(10))),
        ("train[:3]", [0, 1, 2]),
        ("train[-2:]", [8, 9]),
        ("train[90%:]", [9]),
        ("train[:90%]", list(range(9))),
        ("train[2:4]", [2, 3]),
    ],
)
def test_slices(split, expected):
    assert parse(split)[0] == "train"
    assert list(range(10))[bounds(split, 10)] == expected


@pytest.mark.parametrize("split", ["", "train[", "train[a:b]", "train[3]", None, 7])
def test_no_splits(split):
    with pytest.raises(InputError, match="split must be"):
        parse(split)
