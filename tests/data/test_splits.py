import pytest

from kgan.data.splits import bounds, overlap, parse, rest
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


@pytest.mark.parametrize(
    "split", ["", "train[", "train[a:b]", "train[3]", f"train[:{'9' * 400}%]", None, 7]
)
def test_no_splits(split):
    with pytest.raises(InputError, match="split must be"):
        parse(split)


@pytest.mark.parametrize("split", ["train[5:2]", "train[10:]", "train[:0]", "train[:4%]"])
def test_a_slice_without_samples_is_answered(split):
    with pytest.raises(InputError, match="none of the 10 samples") as error:
        bounds(split, 10)
    assert repr(split) in str(error.value)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("train", "train", True),
        ("train", "test", False),
        ("train[:100]", "train", True),
        ("train[:90%]", "train[90%:]", False),
        ("train[:91%]", "train[90%:]", True),
        ("train[:100]", "train[100:200]", False),
        ("train[:100]", "train[90%:]", True),
        ("all", "test", True),
        ("train[:10]+test", "test", True),
        ("train[:10]+test", "validation", False),
        ("train[5:2]", "train", False),
    ],
)
def test_whether_splits_share_samples(one, other, shared):
    assert overlap(one, other) is overlap(other, one) is shared


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train[:90%]", "train[90%:]"),
        ("train[1000:]", "train[:1000]"),
        ("train", None),
        ("train[:]", None),
        ("train[10:20]", None),
        ("train[0:]", None),
    ],
)
def test_what_a_slice_leaves(split, expected):
    assert rest(split) == expected
    if expected:
        left = set(range(1057)) - set(range(1057)[bounds(split, 1057)])
        assert set(range(1057)[bounds(expected, 1057)]) == left
        assert rest(expected) == split
