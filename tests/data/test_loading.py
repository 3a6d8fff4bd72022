import re

import numpy as np
import pytest

import kgan.data
from kgan.errors import InputError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a positive integer; got 0"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"batch_size": "64"}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"size": (8,)}, "size"),
        ({"size": 0}, "size"),
        ({"channels": 2}, "channels"),
        ({"value_range": (1, -1)}, "value_range"),
        ({"value_range": 1}, "value_range"),
        ({"value_range": (0, float("nan"))}, "value_range"),
        ({"source_range": "0..1"}, "source_range"),
        ({"cache": "yes"}, "cache"),
        ({"batchsize": 4}, "Unknown option of data source 'digits': 'batchsize'"),
        ({"batch_size": 1498}, "holds 1497 samples, fewer than one batch of 1498"),
        ({"split": "train[:0]"}, "holds none of the 1497 samples"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        kgan.data.load("digits", **settings)


def test_a_small_set_without_dropping():
    dataset = kgan.data.load("digits", split="test", batch_size=512, drop_remainder=False)
    assert (len(dataset), dataset.info.steps_per_epoch) == (1, 1)
    assert next(iter(dataset))[0].shape == (300, 8, 8, 1)


def test_size_and_channels_of_digits():
    dataset = kgan.data.load("digits", size=16, channels=3, value_range=(0, 1))
    images, _ = next(iter(dataset))
    assert images.shape == (64, 16, 16, 3)
    assert 0 <= images.numpy().min() <= images.numpy().max() <= 1


def test_labels_left_out():
    dataset = kgan.data.load("digits", labels=False)
    assert dataset.element_spec.shape == (64, 8, 8, 1)
    assert dataset.info.classes == 0


def test_unscaled():
    dataset = kgan.data.load("digits", value_range=None)
    assert dataset.info.value_range == (0, 255)
    assert next(iter(dataset))[0].numpy().max() == 255


def test_arrays_and_pairs():
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4)).astype("uint8")
    dataset = kgan.data.load((images, np.arange(30) % 3), batch_size=10)
    assert dataset.info.sample_shape == (4, 4, 1)  # the axis of the grey is added
    assert dataset.info.classes == 3
    assert kgan.data.load(images, batch_size=10, split="train[:20]").info.size == 20
    named = kgan.data.load({"images": images, "labels": np.zeros(30)}, batch_size=10)
    assert named.info.classes == 1


def test_points_are_no_images():
    points = np.zeros((20, 2))
    with pytest.raises(InputError, match="are for images"):
        kgan.data.load(points, size=8)


@pytest.mark.parametrize("source", ["no/such/folder", "./photos", "~/no-such-folder", "a.npz"])
def test_paths_that_lead_nowhere(source):
    with pytest.raises(InputError, match=r"There is no (folder|file)"):
        kgan.data.load(source)


def test_a_file_that_is_no_data(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(InputError, match=r"is a file, but not an \.npz"):
        kgan.data.load(path)
    with pytest.raises(InputError, match=r"is a file, but not an \.npz"):
        kgan.data.load(str(path))


@pytest.mark.parametrize("name", [" ", "=", "[]", "a b", ":", "-1", "mnist:x y"])
def test_texts_that_could_be_no_name_are_answered(name):
    with pytest.raises(InputError, match=re.escape(repr(name))):
        kgan.data.load(name, download=False)


@pytest.mark.parametrize(("name", "near"), [("mnits", "mnist"), ("digit", "digits")])
def test_unknown_names_get_the_nearest(name, near):
    with pytest.raises(InputError, match=f"Unknown dataset '{name}'.*'{near}'"):
        kgan.data.load(name)
