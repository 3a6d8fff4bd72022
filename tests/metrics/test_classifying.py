"""Metrics that use a classifier: the Inception Score and the class accuracy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.metrics import (
    ClassifierAccuracy,
    FrechetDistance,
    InceptionScore,
    KerasModel,
    inception_score,
)


def by_definition(probabilities):
    marginal = probabilities.mean(0)
    divergences = [
        sum(p * np.log(p / q) for p, q in zip(row, marginal, strict=True)) for row in probabilities
    ]
    return np.exp(np.mean(divergences))


@pytest.fixture
def identity():
    """A classifier whose scores are its input."""
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Activation("linear")(inputs), name="identity")


def test_the_score_is_its_definition_and_its_bounds():
    random = np.random.default_rng(0)
    rows = random.dirichlet(np.ones(4), size=50)
    mean, deviation = inception_score(rows, splits=2)
    parts = [by_definition(rows[:25]), by_definition(rows[25:])]
    assert mean == pytest.approx(np.mean(parts), rel=1e-12)
    assert deviation == pytest.approx(np.std(parts), rel=1e-12)
    assert inception_score(np.eye(4)[np.arange(40) % 4], 1)[0] == pytest.approx(4)
    assert inception_score(np.eye(4)[np.zeros(40, int)], 1)[0] == pytest.approx(1)


@pytest.mark.parametrize("batch", [9, 64, 200])
def test_the_metric_streams_what_the_classifier_says(batch, identity):
    logits = np.random.default_rng(1).normal(size=(200, 4)).astype("float32")
    metric = InceptionScore(identity, splits=5)
    for start in range(0, 200, batch):
        metric.update_state(None, logits[start : start + batch])
    expected = inception_score(np.asarray(tf.nn.softmax(logits)), 5)
    assert metric.result()["inception_score"] == pytest.approx(expected[0], rel=1e-6)


def test_a_softmax_at_the_end_is_seen(identity):
    chances = keras.Sequential([keras.Input((4,)), identity, keras.layers.Softmax()])
    logits = np.random.default_rng(2).normal(size=(80, 4)).astype("float32")
    found = []
    for model in (identity, chances):
        metric = InceptionScore(model, splits=1)
        metric.update_state(None, logits)
        found.append(metric.result()["inception_score"])
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_a_layer_gives_the_features_and_the_output_the_classes():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(7, name="hidden"), keras.layers.Dense(3)]
    )
    samples = np.random.default_rng(3).normal(size=(30, 4)).astype("float32")
    extractor = KerasModel(model, layer="hidden", name="mine")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(FrechetDistance(extractor))
    )
    again.extractor.prepare((4,), None)
    found = again.extractor(samples)
    assert (found.features.shape, found.logits.shape) == ((30, 7), (30, 3))
    with pytest.raises(InputError, match="'hidden'"):
        KerasModel(model, layer="nothing")
    with pytest.raises(InputError, match=r"\(4,\).*\(5,\)"):
        FrechetDistance(extractor).prepare((5,))


def test_maps_are_averaged_over_their_places():
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(5, 3)])
    images = np.random.default_rng(4).normal(size=(3, 6, 6, 1)).astype("float32")
    extractor = KerasModel(model)
    extractor.prepare((6, 6, 1), None)
    np.testing.assert_allclose(
        extractor(images).features, model(images).numpy().mean((1, 2)), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(InputError, match="classifier"):
        InceptionScore(extractor).prepare((6, 6, 1))


def test_what_is_no_extractor_is_refused_at_once():
    with pytest.raises(InputError, match="Did you mean 'inception'"):
        FrechetDistance("inceptoin")
    with pytest.raises(InputError, match="extractor is a name"):
        FrechetDistance(3)


def test_accuracy_is_the_share_of_asked_for_classes(identity):
    labels = np.random.default_rng(5).integers(4, size=100)
    samples = np.eye(4, dtype="float32")[labels]
    samples[:25] = samples[:25, [1, 2, 3, 0]]
    for condition in (labels, labels[:, None], np.eye(4)[labels]):
        metric = ClassifierAccuracy(identity)
        for part in (slice(0, 40), slice(40, 100)):
            metric.update_state(None, samples[part], condition=condition[part])
        assert metric.result() == pytest.approx(0.75)
    with pytest.raises(InputError, match="conditional"):
        metric.update_state(None, samples)


class Labelled(kgan.GAN):
    """A conditional model that draws the class it is asked for, in three of four cases."""

    def unpack(self, data):
        return data

    def example_condition(self, count):
        return tf.zeros((count,), tf.int32)

    def forward(self, latents, condition=None, training=False):
        asked = tf.one_hot(condition, 4)
        wrong = tf.one_hot((condition + 1) % 4, 4)
        return tf.where((condition == 0)[:, None], wrong, asked) + 0 * self.generator(latents)


def test_a_conditional_model_passes_its_labels(networks, identity):
    gan = Labelled(*networks(sample_shape=(4,)), data_range=None)
    metrics = [FrechetDistance(identity), ClassifierAccuracy(identity)]
    gan.compile(metrics=metrics)
    labels = np.arange(64) % 4
    data = tf.data.Dataset.from_tensor_slices((np.eye(4, dtype="float32")[labels], labels))
    found = gan.evaluate(data.batch(10), verbose=0)
    assert found["classifier_accuracy"] == pytest.approx(0.75)


def test_an_unconditional_model_is_refused(gan, identity, points):
    gan.compile(metrics=[ClassifierAccuracy(KerasModel(_two_classes()))])
    with pytest.raises(InputError, match="asked"):
        gan.evaluate(points, verbose=0)


def _two_classes():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
