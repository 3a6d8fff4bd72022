"""Conditional batch normalization against Keras's own, class by class."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.errors import InputError
from kgan.layers import ConditionalBatchNormalization

LABELS = np.array([2, 0, 2, 1, 0])


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(2.0, 3.0, (5, 4, 3, 2)).astype("float32")


@pytest.fixture
def layer():
    """Three classes with gains and biases of their own."""
    rng = np.random.default_rng(1)
    layer = ConditionalBatchNormalization(3)
    layer.build([(None, 4, 3, 2), (None,)])
    layer.gain.assign(rng.normal(size=(3, 2)))
    layer.bias.assign(rng.normal(size=(3, 2)))
    return layer


def test_equals_batch_normalization_with_each_class_s_gain_and_bias(layer, features):
    plain = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    plain.build(features.shape)
    for training in (True, False):
        outputs = layer([features, LABELS], training=training)
        mean, variance = plain.moving_mean.numpy(), plain.moving_variance.numpy()
        for sample, label in enumerate(LABELS):
            plain.set_weights([layer.gain[label], layer.bias[label], mean, variance])
            expected = plain(features, training=training)[sample]
            np.testing.assert_allclose(outputs[sample], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.normalization.moving_mean, plain.moving_mean, rtol=1e-5)
    assert layer.compute_output_shape([features.shape, LABELS.shape]) == features.shape


def test_starts_as_plain_normalization(features):
    outputs = ConditionalBatchNormalization(3)([features, LABELS[:, None]], training=True)
    np.testing.assert_allclose(np.mean(outputs, (0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(np.std(outputs, (0, 1, 2)), 1.0, rtol=1e-4)


def test_gradients_are_dense_and_fall_to_the_classes_present(layer, features):
    with tf.GradientTape() as tape:
        outputs = layer([features, np.array([2, 0, 2, 0, 0])], training=True)
        loss = tf.reduce_sum(outputs**2)
    gradients = tape.gradient(loss, [layer.gain.value, layer.bias.value])
    for gradient in gradients:
        assert isinstance(gradient, tf.Tensor)
        assert np.all((np.array(gradient) != 0) == [[True], [False], [True]])


def test_an_unknown_label_is_seen(layer, features):
    outputs = np.array(layer([features, np.array([0, 3, 1, -1, 2])]))
    np.testing.assert_array_equal(
        np.isnan(outputs).all(axis=(1, 2, 3)), [False, True, False, True, False]
    )
    assert not np.isnan(outputs[[0, 2, 4]]).any()


def test_saves(layer, features, tmp_path):
    inputs = [keras.Input((4, 3, 2)), keras.Input((), dtype="int32")]
    model = keras.Model(inputs, layer(inputs))
    model([features, LABELS], training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded([features, LABELS]), model([features, LABELS]))


def test_says_what_it_takes(layer, features):
    make = ConditionalBatchNormalization
    for call, message in (
        (lambda: make(0), "classes"),
        (lambda: make(3)(features), r"takes \[features, labels\]"),
        (lambda: make(3)([features, np.eye(5)[:, :3]]), "One-hot"),
        (lambda: layer([features, LABELS.astype("float32")]), "integers; got float32"),
    ):
        with pytest.raises(InputError, match=message):
            call()
