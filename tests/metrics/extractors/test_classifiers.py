"""The classifiers that come with kgan: real images, noise, formats of the input, files."""

import os
import pathlib
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.metrics.extractors import classifiers
from kgan.metrics.extractors.classifiers import Cifar10, Digits

DATA = os.environ.get("TFDS_DATA_DIR", "")


def needs(name):
    return pytest.mark.skipif(
        not DATA or not (pathlib.Path(DATA) / name).is_dir(),
        reason=f"needs {name} in TensorFlow Datasets' format; TFDS_DATA_DIR names no such folder",
    )


def judged(extractor, name, split, **options):
    """Accuracy, and mean strangeness, of real images."""
    data = kgan.data.load(
        name, split=split, batch_size=500, shuffle=False, drop_remainder=False, **options
    )
    extractor.prepare(data.info.sample_shape, data.info.value_range)
    right, strange = [], []
    for images, labels in data:
        found = extractor(images)
        right.append(np.argmax(found.logits, 1) == labels.numpy())
        strange.append(extractor.strangeness(found))
    return np.concatenate(right).mean(), np.concatenate(strange).mean()


def test_it_recognises_the_digits_of_scikit_learn():
    accuracy, strangeness = judged(Digits(), "digits", "all")
    # Measured: 0.976.
    assert accuracy >= 0.965
    assert strangeness < 2.0


@needs("mnist")
def test_it_recognises_the_digits_of_mnist():
    extractor = Digits()
    accuracy, strangeness = judged(extractor, "mnist", "test")
    # Measured: 0.9964.
    assert accuracy >= 0.993
    assert extractor.accuracy == pytest.approx(accuracy, abs=5e-4)
    assert strangeness == pytest.approx(0.84, abs=0.05)


@pytest.mark.slow
@needs("cifar10")
def test_it_recognises_the_photographs_of_cifar10():
    extractor = Cifar10()
    accuracy, strangeness = judged(extractor, "cifar10", "test")
    assert accuracy >= 0.7
    assert extractor.accuracy == pytest.approx(accuracy, abs=2e-3)
    assert 0.5 < strangeness < 1.5


@needs("cifar10")
@pytest.mark.parametrize("side", [8, 28])
def test_photographs_are_strange_to_the_digit_classifier(side):
    _, strangeness = judged(Digits(), "cifar10", "test", channels=1, size=side)
    assert strangeness > 3


@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 8, 1), (16, 12, 1), (64, 48, 1)])
def test_the_range_of_the_images_does_not_matter(shape):
    digits = kgan.data.load("digits", batch_size=16, value_range=(0, 1), size=shape[:2])
    images = next(iter(digits))[0]
    extractor = Digits()
    extractor.prepare(shape, (0, 1))
    expected = extractor(images)
    assert expected.features.shape == (16, 128)
    assert expected.logits.shape == (16, 10)
    assert expected.features.dtype == expected.logits.dtype == tf.float32
    for low, high in [(-1, 1), (0, 255)]:
        extractor.prepare(shape, (low, high))
        found = extractor(images * (high - low) + low)
        np.testing.assert_allclose(found.features, expected.features, atol=1e-4)
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)


def test_noise_and_negatives_are_strange_to_the_digit_classifier():
    extractor = Digits()
    extractor.prepare((28, 28, 1), (0, 1))
    noise = np.random.default_rng(0).uniform(size=(100, 28, 28, 1)).astype("float32")
    digits = kgan.data.load("digits", batch_size=100, value_range=(0, 1), size=28)
    negatives = 1 - next(iter(digits))[0].numpy()
    for images in (noise, np.zeros_like(noise), negatives):
        assert np.mean(extractor.strangeness(extractor(images))) > 2.5


def test_noise_is_far_from_the_digits():
    """Were it put amid them, precision would take it for perfect."""
    digits = kgan.data.load("digits", split="all", batch_size=1500)
    real = next(iter(digits))[0]
    noise = np.random.default_rng(0).uniform(-1, 1, real.shape).astype("float32")
    for fake in (noise, np.full_like(noise, -1.0)):
        found = kgan.metrics.measure(["precision", "density"], digits, fake)
        assert max(found.values()) < 0.01


def test_broken_images_have_broken_features():
    extractor = Digits()
    extractor.prepare((28, 28, 1), (0, 1))
    images = np.zeros((2, 28, 28, 1), "float32")
    images[1, 3, 4] = np.nan
    found = extractor(images)
    assert np.isfinite(found.features).all(1).tolist() == [True, False]


def test_colour_images_of_any_size_become_32x32():
    extractor = Cifar10()
    small = np.random.default_rng(0).uniform(size=(4, 32, 32, 3)).astype("float32")
    extractor.prepare((64, 64, 3), (0, 1))
    large = extractor(small.repeat(2, axis=1).repeat(2, axis=2))
    extractor.prepare((32, 32, 3), (0, 1))
    assert large.features.shape == (4, 128)
    assert large.logits.shape == (4, 10)
    # Antialiasing mixes in a little of the neighbouring pixels.
    blurred = np.corrcoef(large.features.numpy().ravel(), extractor(small).features.numpy().ravel())
    assert blurred[0, 1] > 0.9


def test_in_a_graph_it_sees_the_same():
    images = np.random.default_rng(0).uniform(-1, 1, (3, 28, 28, 1)).astype("float32")

    @tf.function
    def seen(images):
        extractor = Digits()
        extractor.prepare(images.shape[1:], (-1, 1))
        return extractor(images)

    classifiers._shipped.cache_clear()
    found = seen(images)
    extractor = Digits()
    extractor.prepare((28, 28, 1), (-1, 1))
    np.testing.assert_allclose(found.features, extractor(images).features, atol=1e-5)


def test_loading_heeds_and_leaves_no_settings(float64):
    state = random.getstate()
    network = classifiers.load("digits")
    assert random.getstate() == state
    assert keras.config.dtype_policy().name == "float64"
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert network.trainable_weights == []


@pytest.mark.parametrize(
    ("extractor", "shape", "value_range", "message"),
    [
        (Digits, (28, 28, 3), (-1, 1), r"\(28, 28, 3\).*choose extractor='colour' or 'inception'"),
        (Digits, (2,), (-1, 1), r"\(2,\).*grey images .* of handwritten"),
        (Digits, (28, 28), (-1, 1), r"\(28, 28\).*\(height, width, 1\)"),
        (Digits, (7, 8, 1), (-1, 1), "7x8 pixels: .* sides of 8 or more"),
        (Digits, (28, 56, 1), (-1, 1), "28x56 pixels: .* at most 1.5 times"),
        (Digits, (28, 28, 1), None, r"value_range=\(low, high\)"),
        (Cifar10, (28, 28, 1), (-1, 1), r"\(28, 28, 1\).*choose extractor='digits'"),
        (Cifar10, (2,), (-1, 1), "colour images"),
        (Cifar10, (4, 4, 3), (-1, 1), "4x4 pixels"),
        (Cifar10, (32, 32, 3), None, r"value_range=\(low, high\)"),
    ],
)
def test_what_it_cannot_read_is_said(extractor, shape, value_range, message):
    with pytest.raises(InputError, match=message):
        extractor().prepare(shape, value_range)


def test_files_stay_small_and_say_how_they_came_about():
    for name in ("digits", "cifar10"):
        assert classifiers.weights_path(name).stat().st_size < 1.5e6
        known = {"data", "accuracy", "train", "test", "epochs", "seed", "versions"}
        assert known <= set(classifiers.facts(name))
