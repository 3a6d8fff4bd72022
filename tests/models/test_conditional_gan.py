"""The conditional GAN: the paper's networks and settings, and that it draws the given class."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.models import ConditionalGAN


def test_the_paper_variant_is_that_of_section_4_1():
    gan = ConditionalGAN((28, 28, 1), variant="paper")
    assert (type(gan.latents), gan.latents.low, gan.latents.high) == (kgan.latents.Uniform, 0, 1)
    assert gan.latents.shape == (100,)
    assert gan.data_range == (0.0, 1.0)

    def dense(network):
        found = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
        return {(layer.input.shape[-1], layer.units): layer for layer in found}

    generator = dense(gan.generator)
    assert set(generator) == {(100, 200), (10, 1000), (1200, 1200), (1200, 784)}
    activations = [layer.activation.__name__ for layer in generator.values()]
    assert sorted(activations) == ["relu", "relu", "relu", "sigmoid"]
    assert set(dense(gan.discriminator)) == {(784, 1200), (10, 250), (290, 960), (240, 1)}
    pieces = [
        layer.target_shape
        for layer in gan.discriminator.layers
        if isinstance(layer, keras.layers.Reshape)
    ]
    assert sorted(pieces) == [(50, 5), (240, 4), (240, 5)]
    for network, rates in ((gan.generator, [0.5] * 2), (gan.discriminator, [0.2, 0.5, 0.5])):
        dropout = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
        assert [layer.rate for layer in dropout] == rates
    for name in ("d_optimizer", "g_optimizer"):
        optimizer = gan.defaults()[name]
        assert (type(optimizer), optimizer.momentum) == (keras.optimizers.SGD, 0.5)
        rates = [float(optimizer._learning_rate(step)) for step in (0, 1, 288_000)]
        assert rates == pytest.approx([0.1, 0.1 / 1.00004, 1e-6], rel=1e-4)
    assert gan.recipe("paper") == (gan.batch_size, gan.training_steps) == (100, 288_000)


def test_maxout_is_the_largest_of_its_pieces():
    gan = ConditionalGAN((8, 8, 1), classes=3, variant="paper")
    layers = gan.discriminator.layers
    place = next(i for i, layer in enumerate(layers) if getattr(layer, "units", 0) == 960)
    dense = layers[place]
    joint = keras.Model(gan.discriminator.inputs, [dense.output, layers[-1].input])
    images = np.random.default_rng(0).uniform(size=(4, 8, 8, 1))
    pieces, largest = joint([images, np.array([0, 1, 2, 0])], training=False)
    np.testing.assert_array_equal(largest, pieces.numpy().reshape(4, 240, 4).max(-1))


@pytest.mark.parametrize("variant", ["convolutional", "paper"])
def test_both_players_see_the_label(variant):
    gan = ConditionalGAN((8, 8, 1), classes=3, variant=variant, width=4, seed=1)
    latents = np.repeat(gan.latents.sample(1, [0, 0]), 3, axis=0)
    samples = gan.generate(latents=latents, labels=[0, 1, 2])
    assert not np.allclose(samples[0], samples[1]) and not np.allclose(samples[1], samples[2])
    scores = gan.score(tf.repeat(tf.constant(samples[:1]), 3, 0), tf.constant([0, 1, 2]))
    assert len(np.unique(scores)) == 3


def bars(count):
    """Images of one of three bars, brighter or darker, and which: `(count, 8, 8, 1)`."""
    random = np.random.default_rng(0)
    kinds = random.integers(0, 3, count).astype("int32")
    images = np.full((count, 8, 8, 1), -1, "float32")
    places = [(slice(0, 3), slice(None)), (slice(None), slice(3, 5)), (slice(6, 8), slice(0, 5))]
    for image, kind, shade in zip(images, kinds, random.uniform(0, 1, count), strict=True):
        image[places[kind]] = shade
    return images, kinds


@pytest.mark.slow
def test_it_learns_what_its_labels_mean_and_comes_back(tmp_path):
    images, kinds = bars(960)
    gan = ConditionalGAN((8, 8, 1), classes=3, latent_size=8, width=16, seed=1)
    gan.compile(steps_per_execution=15)
    gan.fit(images, kinds, batch_size=64, epochs=30, verbose=0)
    asked = np.arange(300) % 3
    samples = gan.generate(labels=asked, seed=0)
    means = np.stack([images[kinds == kind].mean(0) for kind in range(3)])
    distances = ((samples[:, None] - means) ** 2).sum((2, 3, 4))
    assert (distances.argmin(1) == asked).mean() > 0.7
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert (type(loaded), loaded.variant, loaded.width) == (ConditionalGAN, "convolutional", 16)
    again = loaded.generate(labels=asked, seed=0)
    np.testing.assert_allclose(again, samples, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_paper_variant_trains_and_comes_back(tmp_path):
    images, kinds = bars(200)
    gan = ConditionalGAN((8, 8, 1), classes=3, variant="paper", seed=1)
    gan.compile(jit_compile=False)
    before = [weight.numpy() for weight in gan.trainable_weights]
    gan.fit(images / 2 + 0.5, kinds, batch_size=100, epochs=1, verbose=0)
    after = [weight.numpy() for weight in gan.trainable_weights]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    samples = gan.generate(64, seed=0)
    gan.save(tmp_path / "gan.keras")
    np.testing.assert_allclose(kgan.load(tmp_path / "gan.keras").generate(64, seed=0), samples)


def test_bad_options_and_data_get_a_message():
    gan = ConditionalGAN.for_data(kgan.data.load("digits").info, width=2)
    assert (gan.classes, gan.image_shape, gan.batch_size) == (10, (8, 8, 1), 64)
    unlabelled = kgan.data.load("digits", labels=False)
    with pytest.raises(InputError, match="ConditionalGAN is conditioned on the class"):
        ConditionalGAN.for_data(unlabelled.info)
    gan = ConditionalGAN((8, 8, 1), width=2)
    gan.compile(jit_compile=False)
    with pytest.raises(InputError, match="the data has no labels"):
        gan.fit(unlabelled)
    with pytest.raises(InputError, match="Did you mean 'convolutional'"):
        ConditionalGAN(variant="convolution")
    with pytest.raises(InputError, match="Did you mean 'paper'"):
        ConditionalGAN.recipe(variant="papers")
    assert ConditionalGAN.recipe(preset="paper") == ConditionalGAN.recipe(variant="paper")
    with pytest.raises(InputError, match="cannot be made by doubling"):
        ConditionalGAN((30, 30, 1))
    with pytest.raises(InputError, match="One class tells nothing apart"):
        ConditionalGAN(classes=1)
