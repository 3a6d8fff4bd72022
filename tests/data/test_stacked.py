import os

import numpy as np
import pytest

import kgan.data
from kgan.data import digits
from kgan.errors import InputError


def load(**settings):
    return kgan.data.load(
        "stacked_mnist", **{"of": "digits", "n": 600, "batch_size": 50} | settings
    )


def read(dataset):
    return [np.concatenate(column) for column in zip(*dataset, strict=True)]


def test_every_channel_is_a_digit_of_its_label():
    images, labels = read(load(value_range=None))
    known = {}
    grey = digits.read("train")
    for image, label in zip(grey.values[..., 0], grey.labels, strict=True):
        known[image.tobytes()] = label
    assert (images.shape, images.dtype, labels.dtype) == ((600, 8, 8, 3), "float32", "int32")
    places = [
        known[images[i, ..., c].astype("uint8").tobytes()] for i in range(600) for c in (0, 1, 2)
    ]
    np.testing.assert_array_equal(np.reshape(places, (600, 3)) @ [100, 10, 1], labels)
    # Drawn each by itself: the channels differ, and some 450 of 1,000 modes are among 600 draws.
    assert 400 < len(np.unique(labels)) < 500


def test_facts():
    dataset = load()
    info = dataset.info
    assert (info.name, info.split, info.sample_shape) == ("stacked_mnist", "train", (8, 8, 3))
    assert (info.classes, info.size, info.value_range) == (1000, 600, (-1, 1))
    assert info.class_names[7] == "007" and info.class_names[-1] == "999"
    assert info.steps_per_epoch == len(dataset) == 12
    assert (info.modes.centres, info.modes.spread) == (None, None)
    images, _ = next(iter(dataset))
    assert (images.numpy().min(), images.numpy().max()) == (-1, 1)
    unlabelled = load(labels=False)
    assert unlabelled.element_spec.shape == (50, 8, 8, 3)
    assert unlabelled.info.classes == 0


def test_mode_probabilities_are_those_of_the_digits():
    probabilities = load().info.modes.probabilities
    assert (probabilities.shape, probabilities.dtype) == ((1000,), "float64")
    shares = np.bincount(digits.read("train").labels) / 1497
    assert probabilities[123] == pytest.approx(shares[1] * shares[2] * shares[3], rel=1e-12)
    assert probabilities.sum() == pytest.approx(1, rel=1e-12)
    # Many draws show them: a chi-squared of 999 degrees of freedom has mean 999, deviation 45.
    _, labels = read(load(n=200_000, batch_size=1000))
    counts = np.bincount(labels, minlength=1000)
    expected = probabilities * 200_000
    assert abs(((counts - expected) ** 2 / expected).sum() - 999) < 5 * 45


def test_sizes_are_those_of_the_paper():
    assert load(n=None).info.size == 128_000
    assert load(n=None, split="test").info.size == 26_000
    assert load(split="test[:10%]").info.size == 60


def test_stacks_depend_on_seed_and_split_alone():
    def labels(**settings):
        return read(load(shuffle=False, **settings))[1]

    np.testing.assert_array_equal(labels(seed=3), labels(seed=3))
    assert (labels(seed=3) != labels(seed=4)).mean() > 0.9
    assert (labels(split="test") != labels()).mean() > 0.9
    np.testing.assert_array_equal(labels(split="train[100:200]"), labels()[100:200])
    # Test stacks show test digits.
    test = {image.tobytes() for image in digits.read("test").values}
    images = read(load(split="test", value_range=None))[0]
    assert all(image[..., 1:2].astype("uint8").tobytes() in test for image in images)


def test_order_and_place():
    dataset = load(seed=5)
    epochs = [read(dataset)[1] for _ in range(3)]
    assert not np.array_equal(epochs[0], epochs[1])
    assert np.array_equal(np.sort(epochs[0]), np.sort(epochs[1]))
    again = load(seed=5)
    again.position.seek(2, skip_batches=7)
    np.testing.assert_array_equal(read(again)[1], epochs[2][350:])
    sizes = [len(labels) for _, labels in load(batch_size=250, drop_remainder=False)]
    assert sizes == [250, 250, 100]


def test_resized():
    assert load(size=12).info.sample_shape == (12, 12, 3)


def test_bad_settings(tmp_path):
    with pytest.raises(InputError, match=r"'valid'.*test, train"):
        load(split="valid")
    with pytest.raises(InputError, match=r"n must be a positive integer"):
        load(n=0)
    with pytest.raises(InputError, match=r"'off'.*'of'"):
        load(off="digits")
    with pytest.raises(InputError, match="three channels"):
        load(channels=1)
    for of in ("grid", "stacked_mnist", 5):
        with pytest.raises(InputError, match=r'of is the name.*"digits"'):
            load(of=of)
    two = tmp_path / "two.npz"
    np.savez(two, images=np.full((20, 6, 6), 255, "uint8"), labels=np.arange(20) % 2)
    with pytest.raises(InputError, match=r"ten digits.*2 classes.*of=\"digits\""):
        load(of=str(two))


def test_without_mnist_the_message_names_what_needs_no_network(tmp_path):
    with pytest.raises(InputError, match=r"'mnist' is not on this machine.*of=\"digits\""):
        load(of="mnist", data_dir=tmp_path, download=False)


@pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get("TFDS_DATA_DIR", ""), "mnist", "3.0.1")),
    reason="TFDS_DATA_DIR does not name a folder with MNIST",
)
def test_mnist_itself():
    dataset = kgan.data.load("stacked_mnist", split="test", batch_size=1000, value_range=(0, 1))
    assert dataset.info.sample_shape == (28, 28, 3)
    images, labels = read(dataset)
    assert images.shape == (26_000, 28, 28, 3)
    # Each channel has the mean of MNIST's test digits.
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2), dtype="float64"), 0.1325, atol=1e-3)
    assert len(np.unique(labels)) == 1000
    assert dataset.info.modes.probabilities[0] == pytest.approx(0.0980**3)
