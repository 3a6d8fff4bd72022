"""ACGAN: its appendix's settings, and the classification term of both players."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.metrics import ClassifierAccuracy
from kgan.models import ACGAN
from kgan.models.blocks import auxiliary


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def test_settings_are_those_of_the_appendix_for_cifar10():
    gan = ACGAN((32, 32, 3))
    assert gan.generator.input_shape == [(None, 100), (None,)]
    grown = layers_of(gan.generator, keras.layers.Conv2DTranspose)
    assert [layer.input.shape[-1] for layer in grown] == [384, 192, 96]
    assert grown[0].input.shape[1:3] == (4, 4)
    assert gan.data_range == (-1.0, 1.0)
    seen = layers_of(gan.discriminator, keras.layers.Conv2D)
    assert [layer.filters for layer in seen] == [16, 32, 64, 128, 256, 512]
    assert [layer.strides[0] for layer in seen] == [2, 1, 2, 1, 2, 1]
    assert {layer.kernel_size for layer in seen} == {(3, 3)}
    assert len(layers_of(gan.discriminator, keras.layers.BatchNormalization)) == 5
    assert [d.rate for d in layers_of(gan.discriminator, keras.layers.Dropout)] == [0.5] * 6
    slopes = [d.negative_slope for d in layers_of(gan.discriminator, keras.layers.LeakyReLU)]
    assert slopes == pytest.approx([0.2] * 6)
    assert [tuple(out.shape) for out in gan.discriminator.outputs] == [(None, 1), (None, 10)]
    for name in ("d_optimizer", "g_optimizer"):
        optimizer = gan.defaults()[name]
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)
    assert ACGAN.recipe() == (100, 50_000)
    assert gan.defaults()["loss"] == "non_saturating"


def test_the_terms_are_the_cross_entropy_of_the_class_head():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(2, 6, 4)).astype("float32")
    labels = np.array([0, 1, 2, 3, 3, 1], "int32")

    def entropy(logits):
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return -np.log(p[np.arange(6), labels]).mean()

    turn = types.SimpleNamespace(real_heads=real, fake_heads=fake, condition=labels)
    d_class = auxiliary.Classification(player="discriminator")(turn)
    assert float(d_class) == pytest.approx(entropy(real) + entropy(fake), rel=1e-5)
    turn.real_heads = None
    g_class = auxiliary.Classification(player="generator")(turn)
    assert float(g_class) == pytest.approx(entropy(fake), rel=1e-5)


def test_a_step_minimises_both_terms_and_logs_what_the_head_names():
    gan = ACGAN((8, 8, 1), classes=3, width=12)
    gan.compile(jit_compile=False, run_eagerly=True)
    assert [(term.name, term.player, term.weight) for term in gan.terms] == [
        ("d_class", "discriminator", 1.0),
        ("g_class", "generator", 1.0),
    ]
    turns = {}
    observe = gan.observe
    gan.observe = lambda phase, loss, turn: (
        turns.update({phase.player: turn}),
        observe(phase, loss, turn),
    )
    labels = tf.constant([0, 1, 2, 2], tf.int32)
    logs = gan.train_step((tf.zeros((4, 8, 8, 1)), labels))
    seen = turns["discriminator"]
    assert seen.real_heads.shape == seen.fake_heads.shape == (4, 3)
    share = (seen.real_heads.numpy().argmax(1) == labels.numpy()).mean()
    assert float(logs["real_accuracy"]) == pytest.approx(share)
    expected = auxiliary.cross_entropy(turns["generator"].fake_heads, labels)
    assert float(logs["g_class"]) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.slow
def test_it_learns_digits_and_their_classes_and_comes_back(tmp_path):
    data = kgan.data.load("digits", batch_size=50)
    gan = ACGAN.for_data(data.info, width=48, dropout=0.2, seed=1)
    assert (gan.classes, gan.image_shape) == (10, (8, 8, 1))
    gan.compile(steps_per_execution=29)
    history = gan.fit(data, epochs=45, verbose=0).history
    assert history["real_accuracy"][-1] > 0.8
    test = kgan.data.load("digits", split="test", shuffle=False, drop_remainder=False)
    images, labels = (np.concatenate(part) for part in zip(*test, strict=True))
    probabilities = gan.classify(images)
    assert probabilities.shape == (300, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert (probabilities.argmax(1) == labels).mean() > 0.7
    asked = np.arange(300) % 10
    samples = gan.generate(labels=asked, seed=0)
    assert (gan.classify(samples).argmax(1) == asked).mean() > 0.7
    accuracy = ClassifierAccuracy(value_range=gan.data_range)
    accuracy.update_state(None, samples, asked)
    assert accuracy.result() > 0.5
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert [type(term) for term in loaded.terms] == [auxiliary.Classification] * 2
    np.testing.assert_allclose(loaded.generate(labels=asked, seed=0), samples, rtol=1e-5)
    np.testing.assert_allclose(loaded.classify(images), probabilities, rtol=1e-4, atol=1e-6)


def test_bad_options_and_data_get_a_message():
    unlabelled = kgan.data.load("digits", labels=False)
    with pytest.raises(InputError, match="ACGAN is conditioned on the class of each sample"):
        ACGAN.for_data(unlabelled.info)
    gan = ACGAN((8, 8, 1), width=12)
    gan.compile(jit_compile=False)
    with pytest.raises(InputError, match="the data has no labels"):
        gan.fit(unlabelled)
    with pytest.raises(InputError, match=r"expected \(n, 8, 8, 1\)"):
        gan.classify(np.zeros((2, 28, 28, 1)))
    with pytest.raises(InputError, match="dropout must be a number in"):
        ACGAN((8, 8, 1), dropout=1)
    with pytest.raises(InputError, match="classes must be a positive integer"):
        ACGAN((8, 8, 1), classes=0)
    with pytest.raises(InputError, match="cannot be made by doubling"):
        ACGAN((30, 30, 1))
