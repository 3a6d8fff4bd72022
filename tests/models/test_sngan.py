"""SNGAN: the papers' networks and settings, and the bound of spectral normalization."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import losses, metrics
from kgan.errors import InputError
from kgan.layers import ConditionalBatchNormalization, SpectralNormalization
from kgan.models import SNGAN


def normalized(network):
    return [
        layer for layer in network._flatten_layers() if isinstance(layer, SpectralNormalization)
    ]


def used_kernel(layer):
    """The matrix that a wrapped layer multiplies with, found by what it does."""
    inner = layer.layer
    if isinstance(inner, keras.layers.Embedding):
        return layer(np.arange(inner.input_dim)).numpy()
    if isinstance(inner, keras.layers.Dense):
        eye = np.eye(inner.kernel.shape[0], dtype="float32")
        return (layer(eye) - layer(0 * eye)).numpy()
    size, _, channels, outputs = inner.kernel.shape
    # What an impulse in each channel leaves behind is the kernel, turned.
    impulses = np.zeros((channels, 5, 5, channels), "float32")
    impulses[range(channels), 2, 2, range(channels)] = 1
    left = (layer(impulses) - layer(0 * impulses)).numpy()[:, 1:4, 1:4]
    return (left if size == 3 else left[:, 1:2, 1:2]).reshape(-1, outputs)


@pytest.fixture
def digits():
    data = kgan.data.load("digits", batch_size=16)
    return next(iter(data))


@pytest.fixture
def small():
    """An uncompiled conditional SNGAN of 8x8 digits."""
    return SNGAN((8, 8, 1), classes=10, latent_size=16, width=8, seed=1)


def test_networks_are_those_of_table_4():
    gan = SNGAN()
    up = [layer.output.shape[1:] for layer in gan.generator.layers if "add" in layer.name]
    assert up == [(8, 8, 256), (16, 16, 256), (32, 32, 256)]
    down = [layer.output.shape[1:] for layer in gan.discriminator.layers if "add" in layer.name]
    assert down == [(16, 16, 128), (8, 8, 128), (8, 8, 128), (8, 8, 128)]
    assert gan.latents.shape == (128,)
    # 128 · 4·4·256 + 3 · (2 · 3·3·256² + 256²) + 3·3·256·3, biases and normalization beside.
    kernels = [w for w in gan.generator.trainable_weights if w.name == "kernel"]
    assert sum(np.prod(w.shape) for w in kernels) == 524_288 + 3 * 19 * 256**2 + 6_912
    kernels = [w for w in gan.discriminator.trainable_weights if w.name == "kernel"]
    assert sum(np.prod(w.shape) for w in kernels) == (
        (27 + 9 * 128 + 3) * 128 + (19 + 18 + 18) * 128**2 + 128
    )
    assert not normalized(gan.generator)


def test_settings_are_those_of_the_paper():
    gan = SNGAN((8, 8, 1))
    gan.training_steps = 100
    gan.compile()
    assert type(gan.loss) is losses.Hinge
    assert gan.discriminator_steps == 5
    assert (gan.terms, gan.average) == ((), None)
    for optimizer, updates in ((gan.d_optimizer, 500), (gan.g_optimizer, 100)):
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)
        rates = [float(optimizer._learning_rate(updates * share)) for share in (0, 0.5, 1, 2)]
        assert rates == pytest.approx([2e-4, 1e-4, 0.0, 0.0])
    assert SNGAN.recipe(width=2) == (64, 50_000)


def test_narrow_networks_learn_faster_and_the_decay_counts_the_discriminators_updates():
    settings = SNGAN((8, 8, 1), width=32, discriminator_steps=2).defaults()
    assert settings["discriminator_steps"] == 2
    for name, last in (("d_optimizer", 100_000), ("g_optimizer", 50_000)):
        rates = [float(settings[name]._learning_rate(step)) for step in (0, last - 1, last)]
        assert rates == pytest.approx([1.6e-3, 1.6e-3 / last, 0.0], rel=1e-2)


def test_larger_images_have_narrower_maps():
    gan = SNGAN((64, 64, 3), width=8)
    up = [layer.output.shape[1:] for layer in gan.generator.layers if "add" in layer.name]
    assert up[-2:] == [(32, 32, 8), (64, 64, 4)]
    down = [layer.output.shape[1:] for layer in gan.discriminator.layers if "add" in layer.name]
    assert down[:3] == [(32, 32, 2), (16, 16, 4), (8, 8, 4)]


def test_every_kernel_of_the_discriminator_has_norm_one_and_the_raw_one_is_trained(small, digits):
    small.compile("adam", discriminator_steps=1, run_eagerly=True, jit_compile=False)
    layers = normalized(small.discriminator)
    # Two blocks of two and a shortcut, two of two, the dense layer and the embedding.
    assert len(layers) == 3 + 2 + 2 + 2
    kernels = [v for v in small.discriminator.trainable_variables if v.name != "bias"]
    assert len(kernels) == len(layers)
    before = [kernel.numpy() for kernel in kernels]
    for _ in range(4):
        small.train_step(digits)
    for layer in layers:
        assert np.linalg.norm(used_kernel(layer), 2) == pytest.approx(1.0, abs=0.06)
    for old, kernel in zip(before, kernels, strict=True):
        assert not np.allclose(old, kernel, atol=1e-4)
    norms = [np.linalg.norm(k.numpy().reshape(-1, k.shape[-1]), 2) for k in kernels]
    assert max(abs(norm - 1) for norm in norms) > 0.3


def test_u_moves_in_the_discriminators_turn_only(small, digits, take_turn):
    small.compile(discriminator_steps=1, run_eagerly=True, jit_compile=False)
    u = [v for v in small.discriminator.variables if v.name == "u"]
    assert len(u) == len(normalized(small.discriminator))
    first = [v.numpy() for v in u]
    take_turn(small, "generator", *digits)
    second = [v.numpy() for v in u]
    # Twice: of a matrix of rank one u is exact from the start.
    for _ in range(2):
        take_turn(small, "discriminator", *digits)
    third = [v.numpy() for v in u]
    np.testing.assert_equal(first, second)
    for old, new in zip(second, third, strict=True):
        # The dense layer has one row, whose u is 1 or -1.
        assert old.size == 1 or np.abs(old - new).max() > 0


def test_conditional_batch_normalization_tells_the_classes_apart(small):
    tables = [
        layer
        for layer in small.generator.layers
        if isinstance(layer, ConditionalBatchNormalization)
    ]
    assert len(tables) == 2
    latents = np.random.default_rng(0).normal(size=(4, 16)).astype("float32")
    same = [small.generate(latents=latents, labels=label) for label in (0, 7)]
    np.testing.assert_allclose(*same, atol=1e-6)
    for table in tables:
        table.bias.assign(np.eye(10, table.bias.shape[1]))
    zero, seven = (small.generate(latents=latents, labels=label) for label in (0, 7))
    assert np.abs(zero - seven).mean() > 0.01


@pytest.mark.slow
def test_it_learns_the_digits_classes_and_comes_back(tmp_path):
    gan = SNGAN((8, 8, 1), classes=10, latent_size=16, width=16, discriminator_steps=1, seed=1)
    # Narrow networks want a larger learning rate than the paper's.
    gan.compile(
        *(keras.optimizers.Adam(4e-3, beta_1=0.0, beta_2=0.9) for _ in range(2)),
        metrics=[metrics.ClassifierAccuracy("digits")],
        jit_compile=False,
    )
    data = kgan.data.load("digits", batch_size=32)
    gan.fit(data, epochs=6, verbose=0)
    assert gan.evaluate(data, verbose=0)["classifier_accuracy"] > 0.25
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert (type(loaded), loaded.width, loaded.classes) == (SNGAN, 16, 10)
    labels = np.arange(10)
    samples = gan.generate(labels=labels, seed=1)
    np.testing.assert_allclose(loaded.generate(labels=labels, seed=1), samples, rtol=1e-4)
    for old, new in zip(gan.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    gan.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(
        served.sample(tf.constant(labels, tf.int32), tf.constant(1, tf.int64)), samples, rtol=1e-3
    )


def test_bad_options_get_a_message():
    with pytest.raises(InputError, match="width must be"):
        SNGAN((8, 8, 1), width=0)
    with pytest.raises(InputError, match="discriminator_steps must be"):
        SNGAN((8, 8, 1), width=2, discriminator_steps=0)
    with pytest.raises(InputError, match="resize the images"):
        SNGAN((30, 30, 1))
