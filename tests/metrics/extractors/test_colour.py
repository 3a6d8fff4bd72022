"""The network for pictures of any content: real photographs, corruptions, formats, its file."""

import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from scipy import ndimage
from sklearn.datasets import load_sample_images

from kgan.errors import InputError
from kgan.metrics import FrechetDistance, InceptionScore, extractors, measure
from kgan.metrics.extractors import classifiers, colour, shipped
from kgan.metrics.extractors.colour import Colour
from kgan.metrics.frechet import frechet_distance


@pytest.fixture(scope="module")
def photographs():
    """scikit-learn's two photographs, uint8 `(2, 427, 640, 3)`; the network never saw them."""
    return np.stack(load_sample_images().images)


@pytest.fixture(scope="module")
def crops(photographs):
    """Overlapping squares of the photographs, uint8 `(300, 64, 64, 3)`."""
    found = [
        photograph[top : top + 64, left : left + 64]
        for photograph in photographs
        for top in range(0, 364, 40)
        for left in range(0, 577, 40)
    ]
    return np.stack(found)


def features(images, value_range=(0, 255)):
    extractor = Colour()
    extractor.prepare(images.shape[1:], value_range)
    return np.asarray(extractor(images).features)


def moments(images):
    found = features(images.astype("float32"))
    return found.mean(0), np.cov(found.T)


@pytest.fixture(scope="module")
def real(crops):
    """Mean and covariance of the features of every other square."""
    return moments(crops[::2])


def blurred(images, deviation):
    return ndimage.gaussian_filter(images.astype("float32"), (0, deviation, deviation, 0))


def noisy(images, deviation):
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return (images + noise).clip(0, 255)


def blackened(images, deviation):
    """Blackens a square of this side at a random place of each image."""
    images, places = images.copy(), np.random.default_rng(0).integers(64 - deviation, size=(999, 2))
    for image, (top, left) in zip(images, places, strict=False):
        image[top : top + deviation, left : left + deviation] = 0
    return images


@pytest.mark.parametrize(
    ("change", "severities"),
    [
        (blurred, (0.7, 1.4, 2.8)),
        pytest.param(noisy, (8, 20, 50), marks=pytest.mark.slow),
        pytest.param(blackened, (8, 16, 32), marks=pytest.mark.slow),
    ],
)
def test_the_distance_grows_with_a_corruption(crops, real, change, severities):
    other = crops[1::2]
    fakes = [other, *(change(other, severity) for severity in severities)]
    distances = [frechet_distance(*real, *moments(fake)) for fake in fakes]
    assert (np.diff(distances) > 0).all()
    assert distances[2] > 1.5 * distances[0]


def test_noise_is_no_photograph(crops):
    rng = np.random.default_rng(0)
    real, shape = crops[::2].astype("float32"), crops[::2].shape
    other = crops[1::2].astype("float32")
    kept = measure(["precision", "recall"], real, other, value_range=(0, 255))
    assert min(kept.values()) > 0.6
    alike = real.mean() + real.std() * rng.normal(size=shape)
    for noise in (rng.uniform(0, 255, shape), alike.clip(0, 255)):
        found = measure(["precision", "recall"], real, noise.astype("float32"), None, (0, 255))
        assert max(found.values()) < 0.02


def test_features_of_pictures_have_a_common_scale(crops):
    found = features(crops)
    assert np.abs(found.mean(0)).mean() < 1.0
    assert 0.4 < found.std(0).mean() < 1.6
    # No feature stands still, and none repeats another.
    assert found.std(0).min() > 0.1
    alike = np.corrcoef(found.T) - np.eye(colour.WIDTH)
    assert np.abs(alike).max() < 0.98


@pytest.mark.parametrize("side", [32, 64, 256])
def test_pictures_of_any_size_are_read_as_64x64(photographs, side):
    big = photographs[:, :256, :256]
    given = np.stack([PIL.Image.fromarray(image).resize((side, side)) for image in big])
    size = (colour.SIDE, colour.SIDE)
    # Pillow reduces with the same antialiased filter; it rounds to whole numbers.
    bilinear = PIL.Image.Resampling.BILINEAR
    framed = np.stack([PIL.Image.fromarray(image).resize(size, bilinear) for image in given])
    np.testing.assert_allclose(features(given), features(framed), atol=0.1)


def test_other_proportions_are_squeezed(photographs):
    whole = features(photographs)
    assert whole.shape == (2, colour.WIDTH)
    squares = np.stack(
        [
            PIL.Image.fromarray(image).resize((64, 64), PIL.Image.Resampling.BILINEAR)
            for image in photographs
        ]
    )
    np.testing.assert_allclose(whole, features(squares), atol=0.1)


def test_range_and_dtype_of_the_pictures_do_not_matter(crops):
    images = crops[:8]
    expected = features(images)
    assert expected.shape == (8, 128)
    assert expected.dtype == np.float32
    for low, high in [(0, 1), (-1, 1)]:
        scaled = images / 255 * (high - low) + low
        for dtype in ("float64", "float32"):
            found = features(scaled.astype(dtype), (low, high))
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected, atol=1e-3)
    np.testing.assert_allclose(
        features(images.astype("float16") / 255, (0, 1)), expected, atol=0.05
    )


def test_grey_is_read_as_equal_channels_and_alpha_is_laid_on_white(crops):
    images = crops[:4].astype("float32") / 255
    grey = images.mean(-1, keepdims=True)
    np.testing.assert_allclose(features(grey, (0, 1)), features(grey.repeat(3, -1), (0, 1)))
    opaque = np.concatenate([images, np.ones_like(grey)], -1)
    np.testing.assert_allclose(features(opaque, (0, 1)), features(images, (0, 1)), atol=1e-4)
    alpha = np.random.default_rng(0).uniform(size=grey.shape).astype("float32")
    laid = images * alpha + 1 - alpha
    for low, high in [(0, 1), (-1, 1)]:
        clear = np.concatenate([images, alpha], -1) * (high - low) + low
        np.testing.assert_allclose(features(clear, (low, high)), features(laid, (0, 1)), atol=1e-3)
    hidden = np.concatenate([images, np.zeros_like(grey)], -1)
    np.testing.assert_allclose(
        features(hidden, (0, 1)), features(np.ones_like(images), (0, 1)), atol=1e-4
    )


def test_broken_pictures_have_broken_features(crops):
    images = crops[:2].astype("float32")
    images[1, 3, 4] = np.nan
    assert np.isfinite(features(images)).all(1).tolist() == [True, False]


def test_in_a_graph_it_sees_the_same(crops):
    @tf.function
    def seen(images):
        extractor = Colour()
        extractor.prepare(images.shape[1:], (0, 255))
        return extractor(images).features

    colour._shipped.cache_clear()
    found = seen(tf.constant(crops[:3], "float32"))
    np.testing.assert_allclose(found, features(crops[:3]), atol=1e-4)


def test_under_mixed_precision_it_stays_float32(crops):
    expected = features(crops[:3])
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = colour.load()
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy(policy)
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert network.trainable_weights == []
    found = network(tf.constant(crops[:3] / 255, "float32"))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_auto_takes_it_for_pictures_on_every_machine():
    taken = {
        (32, 32, 3): "colour",
        (300, 200, 3): "colour",
        (64, 64, 4): "colour",
        (32, 32, 1): "colour",
        (28, 28, 1): "digits",
        (8, 8, 1): "digits",
        (4, 16, 3): "values",
        (32, 32, 2): "values",
        (2,): "values",
    }
    assert {shape: extractors.get("auto", shape).name for shape in taken} == taken
    assert extractors.get("color", (32, 32, 3)).name == "colour"
    # A metric of class scores needs a classifier.
    assert extractors.get("auto", (32, 32, 3), classes=True).name == "inception"
    assert extractors.get("auto", (28, 28, 1), classes=True).name == "digits"
    with pytest.raises(InputError, match="an extractor named 'color' already"):
        extractors.register("color", Colour)


def test_a_metric_records_its_name(crops):
    metric = FrechetDistance(value_range=(0, 255))
    with pytest.warns(UserWarning, match="too large by an unknown amount"):
        measure([metric], crops[:20], crops[20:40])
    assert metric.report()["extractor"] == metric.extractor_name == "colour"
    with pytest.raises(InputError, match="gives no class scores"):
        InceptionScore("colour", value_range=(0, 255)).prepare((64, 64, 3))


@pytest.mark.parametrize(
    ("shape", "value_range", "message"),
    [
        ((2,), (-1, 1), r"\(2,\): it reads pictures"),
        ((32, 32), (-1, 1), "choose extractor='values'"),
        ((32, 32, 2), (-1, 1), r"\(32, 32, 2\)"),
        ((7, 32, 3), (-1, 1), "7x32 pixels: .* sides of 8 or more"),
        ((32, 32, 3), None, r"value_range=\(low, high\)"),
    ],
)
def test_what_it_cannot_read_is_said(shape, value_range, message):
    with pytest.raises(InputError, match=message):
        Colour().prepare(shape, value_range)


def test_a_damaged_file_of_weights_is_said(tmp_path):
    whole = shipped.weights_path("colour").read_bytes()
    path = tmp_path / "colour.npz"
    path.write_bytes(whole)
    network = colour.load(path)
    assert network.count_params() == colour.load().count_params()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    for content in (b"", whole[:-100], whole[: len(whole) // 2], bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"colour\.npz cannot be read .*install it again"):
            colour.load(path)
    with pytest.raises(InputError, match=r"none\.npz cannot be read"):
        colour.load(tmp_path / "none.npz")
    with pytest.raises(InputError, match="not those of the network 'colour'"):
        colour.load(shipped.weights_path("cifar10"))
    with pytest.raises(InputError, match="not those of the network 'cifar10'"):
        classifiers.load("cifar10", shipped.weights_path("colour"))


def test_its_file_stays_small_and_says_how_it_came_about():
    assert shipped.weights_path("colour").stat().st_size < 2.5e6
    facts = colour.facts()
    assert {"pictures", "steps", "pairs", "seed", "versions"} <= set(facts)
    assert facts["pictures"]["cifar10"] == 10_000
