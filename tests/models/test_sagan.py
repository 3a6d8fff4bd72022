"""SAGAN: the paper's networks and settings, and attention that starts as the identity."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import losses, metrics
from kgan.errors import InputError
from kgan.layers import SelfAttention
from kgan.models import SAGAN, sagan


def attentions(network):
    return [layer for layer in network.layers if isinstance(layer, SelfAttention)]


def shapes(network):
    return [layer.output.shape[1:] for layer in network.layers if "add" in layer.name]


def test_networks_at_128_are_the_authors():
    gan = SAGAN((128, 128, 3), width=2)
    assert shapes(gan.generator) == [
        (8, 8, 32), (16, 16, 16), (32, 32, 8), (64, 64, 4), (128, 128, 2)
    ]  # fmt: skip
    assert shapes(gan.discriminator) == [
        (64, 64, 2), (32, 32, 4), (16, 16, 8), (8, 8, 16), (4, 4, 32), (4, 4, 32)
    ]  # fmt: skip
    base = next(layer for layer in gan.generator.layers if "reshape" in layer.name)
    assert base.output.shape[1:] == (4, 4, 32)
    # Attention over the maps of 32x32, with the channels they have.
    assert [layer.output.shape[1:] for layer in attentions(gan.generator)] == [(32, 32, 8)]
    assert [layer.output.shape[1:] for layer in attentions(gan.discriminator)] == [(32, 32, 4)]


def test_settings_are_those_of_the_paper():
    gan = SAGAN((8, 8, 1))
    gan.compile()
    assert type(gan.loss) is losses.Hinge
    assert (gan.discriminator_steps, gan.terms, gan.average) == (1, (), None)
    assert gan.latents.shape == (128,)
    for optimizer, rate in ((gan.d_optimizer, 4e-4), (gan.g_optimizer, 1e-4)):
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)
        assert float(optimizer.learning_rate) == pytest.approx(rate)
    assert SAGAN.recipe(width=2) == (64, 50_000)
    narrow = SAGAN((8, 8, 1), width=16).defaults()
    assert float(narrow["d_optimizer"].learning_rate) == pytest.approx(1.6e-3)


def test_attention_lies_at_half_the_size_or_where_it_is_asked_for():
    for shape, expected in [((8, 8, 1), 4), ((28, 28, 1), 14), ((64, 64, 3), 32)]:
        assert sagan._attention_height(shape, None) == expected
    gan = SAGAN((16, 16, 1), width=1, latent_size=2, attention=4)
    for network in (gan.generator, gan.discriminator):
        assert [layer.output.shape[1] for layer in attentions(network)] == [4]


def test_attention_begins_as_nothing():
    """With gamma 0 a network does what it would do without the layer."""
    gan, without = (
        SAGAN((8, 8, 1), classes=3, latent_size=4, width=2, attention=attention)
        for attention in (None, 0)
    )
    x = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
    z = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    labels = np.array([0, 2])
    for network, bare, inputs in (
        (gan.generator, without.generator, [z, labels]),
        (gan.discriminator, without.discriminator, [x, labels]),
    ):
        (attention,) = attentions(network)
        assert not attentions(bare)
        its = {id(weight) for weight in attention.weights}
        bare.set_weights([w.numpy() for w in network.weights if id(w) not in its])
        before = network(inputs).numpy()
        np.testing.assert_allclose(before, bare(inputs), atol=1e-6)
        assert float(attention.gamma) == 0
        attention.gamma.assign(1.0)
        assert np.abs(network(inputs).numpy() - before).max() > 1e-4


@pytest.mark.slow
def test_it_learns_the_digits_classes_and_comes_back(tmp_path):
    gan = SAGAN((8, 8, 1), classes=10, latent_size=16, width=8, seed=1)
    # Narrow networks want a larger learning rate than the paper's.
    gan.compile(
        *(keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9) for rate in (5e-3, 3e-3)),
        metrics=[metrics.ClassifierAccuracy("digits")],
        jit_compile=False,
    )
    data = kgan.data.load("digits", batch_size=32)
    gan.fit(data, epochs=8, verbose=0)
    assert gan.evaluate(data, verbose=0)["classifier_accuracy"] > 0.25
    for network in (gan.generator, gan.discriminator):
        assert abs(float(attentions(network)[0].gamma)) > 1e-3
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert (type(loaded), loaded.width, loaded.attention) == (SAGAN, 8, None)
    labels = np.arange(10)
    samples = gan.generate(labels=labels, seed=1)
    np.testing.assert_allclose(loaded.generate(labels=labels, seed=1), samples, atol=1e-5)
    for old, new in zip(gan.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    gan.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(
        served.sample(tf.constant(labels, tf.int32), tf.constant(1, tf.int64)), samples, atol=1e-4
    )


def test_bad_options_get_a_message():
    with pytest.raises(InputError, match="attention must be 4 or 0 for none; got 8"):
        SAGAN((8, 8, 1), attention=8)
    with pytest.raises(InputError, match="width must be"):
        SAGAN((8, 8, 1), width=0)
    with pytest.raises(InputError, match="resize the images"):
        SAGAN((30, 30, 1))
