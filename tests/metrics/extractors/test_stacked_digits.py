"""Stacked digits, classified by a stub that reads the digit from a pixel."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import kgan
from kgan.errors import InputError
from kgan.metrics.extractors.base import Extractor, Features
from kgan.metrics.extractors.classifiers import Digits
from kgan.metrics.extractors.stacked import StackedDigits


@keras.saving.register_keras_serializable("tests")
class Pixels(Extractor):
    """Reads class scores off the first ten pixels of a grey image, and two features."""

    name = "pixels"

    def prepare(self, sample_shape, value_range):
        self.prepared = sample_shape, value_range

    def __call__(self, samples):
        flat = ops.reshape(samples, (-1, 16))
        return Features(flat[:, 10:12], flat[:, :10])

    def strangeness(self, found):
        return found.features[:, 0] + 100.0 * ops.cast(ops.argmax(found.logits, 1), "float32")


@pytest.fixture
def images():
    """Scores of three digits for each of 20 samples, as images of 4x4."""
    return np.random.default_rng(0).normal(size=(20, 4, 4, 3)).astype("float32")


def test_logits_are_joint_log_probabilities(images):
    found = StackedDigits(Pixels())(images)
    logs = np.asarray(tf.nn.log_softmax(images.reshape(20, 16, 3)[:, :10], axis=1))
    expected = [
        logs[:, a, 0] + logs[:, b, 1] + logs[:, c, 2]
        for a in range(10)
        for b in range(10)
        for c in range(10)
    ]
    assert found.logits.shape == (20, 1000)
    np.testing.assert_allclose(found.logits, np.stack(expected, axis=1), atol=1e-5)
    np.testing.assert_allclose(np.exp(found.logits).sum(1), 1, rtol=1e-5)
    digits = images.reshape(20, 16, 3)[:, :10].argmax(1)
    np.testing.assert_array_equal(np.argmax(found.logits, 1), digits @ [100, 10, 1])


def test_features_are_those_of_the_channels_in_turn(images):
    features = StackedDigits(Pixels())(images).features
    flat = images.reshape(20, 16, 3)[:, 10:12]
    np.testing.assert_array_equal(features, np.concatenate([flat[..., c] for c in range(3)], 1))


def test_in_a_graph_of_unknown_batch_size(images):
    extractor = StackedDigits(Pixels())
    graph = tf.function(extractor, input_signature=[tf.TensorSpec((None, 4, 4, 3))])
    for eager, traced in zip(extractor(images), graph(images), strict=True):
        assert traced.shape == eager.shape
        np.testing.assert_allclose(traced, eager, atol=1e-6)


def test_strangeness_is_the_mean_over_the_channels(images):
    extractor = StackedDigits(Pixels())
    flat = images.reshape(20, 16, 3)
    expected = (flat[:, 10] + 100 * flat[:, :10].argmax(1)).mean(1)
    np.testing.assert_allclose(extractor.strangeness(extractor(images)), expected, rtol=1e-5)


def test_the_classifier_is_prepared_for_one_channel():
    extractor = StackedDigits(Pixels())
    extractor.prepare((4, 4, 3), (-1, 1))
    assert extractor.classifier.prepared == ((4, 4, 1), (-1, 1))
    assert extractor.name == "stacked_pixels"
    assert StackedDigits().name == "stacked_digits"


def test_real_stacks_are_recognised():
    data = kgan.data.load("stacked_mnist", of="digits", split="test", n=400, batch_size=400)
    extractor = StackedDigits()
    extractor.prepare(data.info.sample_shape, data.info.value_range)
    samples, labels = next(iter(data))
    found = extractor(samples)
    assert (found.features.shape, found.logits.shape) == ((400, 384), (400, 1000))
    # Of single digits of this size the classifier knows 95 %: 0.848 of 26,000 stacks.
    assert np.mean(np.argmax(found.logits, 1) == labels) == pytest.approx(0.848, abs=0.08)


def test_what_does_not_fit_is_refused(images):
    for shape in ((28, 28, 1), (28, 28, 4), (2,)):
        with pytest.raises(InputError, match=r"'stacked_pixels' cannot read .*extractor='digits'"):
            StackedDigits(Pixels()).prepare(shape, (0, 1))
    maps = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(3, 2)], name="maps")
    with pytest.raises(InputError, match="'maps' gives no class scores"):
        StackedDigits(maps)(images)


def test_configuration_round_trip():
    for extractor, kind in ((StackedDigits(), Digits), (StackedDigits(Pixels()), Pixels)):
        config = keras.saving.serialize_keras_object(extractor)
        again = keras.saving.deserialize_keras_object(config)
        assert again.name == extractor.name
        assert isinstance(again.classifier, kind)
