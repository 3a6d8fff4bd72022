import numpy as np
import pytest
from sklearn.datasets import load_digits

import kgan.data
from kgan.data import digits
from kgan.errors import InputError


def test_parts_are_disjoint_and_stratified():
    train, test, everything = (digits.read(split) for split in ("train", "test", "all"))
    assert (train.size, test.size, everything.size) == (1497, 300, 1797)
    assert np.bincount(test.labels).tolist() == [30] * 10
    seen = {image.tobytes() for image in train.values}
    assert not seen & {image.tobytes() for image in test.values}


def test_pixels_are_those_of_scikit_learn():
    original = load_digits().images
    values = digits.read("all").values
    assert values.shape == (1797, 8, 8, 1)
    assert values.dtype == np.uint8
    assert (values.min(), values.max()) == (0, 255)
    assert abs(values[..., 0] / 255 - original / 16).max() <= 0.5 / 255


def test_the_default_source():
    dataset = kgan.data.load()
    info = dataset.info
    assert (info.name, info.sample_shape, info.classes) == ("digits", (8, 8, 1), 10)
    assert info.value_range == (-1, 1)
    assert info.steps_per_epoch == len(dataset) == 1497 // 64
    images, labels = next(iter(dataset))
    assert images.shape == (64, 8, 8, 1)
    assert (images.numpy().min(), images.numpy().max()) == (-1, 1)
    assert labels.shape == (64,)


def test_slice_and_unknown_split():
    assert digits.read("test[:20]").size == 20
    with pytest.raises(InputError, match=r"'tests'.*'test'"):
        digits.read("tests")
