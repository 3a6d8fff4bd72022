"""Walks, mixed classes, directions and projection, against values found in other ways."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kgan
from kgan.errors import InputError

TINY = {"image_shape": (8, 8, 1), "width": 2}


def linear(size=6, sample=9):
    """A GAN of points whose generator is one dense layer."""
    generator = keras.Sequential([keras.Input((size,)), layers.Dense(sample)])
    discriminator = keras.Sequential([keras.Input((sample,)), layers.Dense(1)])
    return kgan.GAN(generator, discriminator)


def test_the_dominant_direction_of_a_generator_is_found():
    gan = linear()
    known = np.array([1.0, -2, 0, 0, 2, 0]) / 3
    kernel = np.random.default_rng(0).normal(size=(6, 9)) * 0.01
    kernel += 5 * np.outer(known, np.ones(9))
    gan.generator.layers[0].kernel.assign(kernel)
    found = gan.directions(6)
    assert abs(found.vectors[0] @ known) > 0.9999
    # The singular values and right vectors of the kernel, by another algorithm.
    _, strengths, vectors = np.linalg.svd(kernel.T)
    np.testing.assert_allclose(found.strengths, strengths, rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(found.vectors * vectors, 1)), 1, atol=1e-4)
    start = gan.latents_of([3])
    near, moved = gan.generate(latents=start), found.moved(start, [0.5])
    # A step of half a unit along the dominant direction moves the sample by 5 * 3 / 2.
    apart = np.linalg.norm(gan.generate(latents=moved) - near)
    assert apart == pytest.approx(strengths[0] / 2, rel=1e-3)


@pytest.mark.parametrize("family", ["vanilla", "dcgan", "conditional", "acgan", "sngan", "r3gan"])
def test_directions_are_those_of_the_layer_that_takes_the_latents(family):
    conditioned = family in ("conditional", "acgan", "sngan", "r3gan")
    options = {"image_shape": (8, 8, 1)} if family in ("vanilla", "r3gan") else TINY
    options = options | ({"classes": 3} if conditioned else {})
    gan = kgan.models.find(family)(**options)
    found = gan.directions(4)
    assert found.vectors.shape == (4, gan.latents.shape[0])
    taker = next(
        getattr(layer, "layer", layer)
        for layer in gan.generator.layers
        if isinstance(getattr(layer, "layer", layer), layers.Dense)
        and (family != "conditional" or layer.kernel.shape[0] > 3)
    )
    kernel = np.asarray(taker.kernel)[: gan.latents.shape[0]]
    _, strengths, vectors = np.linalg.svd(kernel.T)
    np.testing.assert_allclose(found.strengths, strengths[:4], rtol=1e-3)
    np.testing.assert_allclose(abs(found.vectors[0] @ vectors[0]), 1, atol=1e-2)


def test_codes_are_directions_and_the_others_leave_them_alone():
    gan = kgan.models.InfoGAN((8, 8, 1), noise_size=5, categorical=(3,), continuous=2, width=2)
    found = gan.directions(4)
    assert found.names == ("code 1", "code 2", "direction 1", "direction 2")
    np.testing.assert_array_equal(found.vectors[:2], np.eye(10)[8:])
    assert not found.vectors[2:, 5:].any()


def test_averaged_weights_have_the_directions():
    gan = linear()
    gan.compile(ema=0.5)
    kernel = gan.generator.layers[0].kernel
    before = gan.directions(2).strengths
    kernel.assign(kernel * 3)
    np.testing.assert_allclose(gan.directions(2).strengths, before)


@pytest.mark.parametrize("family", ["conditional", "acgan", "sngan", "r3gan"])
def test_weights_that_are_one_hot_are_labels_and_others_mix(family):
    options = {"image_shape": (8, 8, 1)} if family == "r3gan" else TINY
    gan = kgan.models.find(family)(classes=3, **options)
    for layer in gan.generator.layers:  # as training would: at first all classes are alike
        if isinstance(layer, kgan.layers.ConditionalBatchNormalization):
            numbers = np.random.default_rng(0).normal(size=layer.gain.shape)
            layer.gain.assign(numbers)
            layer.bias.assign(numbers[::-1])
        if isinstance(layer, layers.Conv2D) and not np.asarray(layer.kernel).any():
            layer.kernel.assign(np.random.default_rng(1).normal(size=layer.kernel.shape))
    latents = gan.latents_of([1, 1, 1])
    plain = gan.generate(latents=latents, labels=np.arange(3))
    np.testing.assert_allclose(
        gan.generate(latents=latents, labels=np.eye(3)), plain, rtol=1e-4, atol=1e-5
    )
    assert np.abs(plain[0] - plain[1]).max() > 1e-4
    morph = gan.walk([1], labels=[0, 1], steps=4)
    assert morph.shape == (5, 8, 8, 1)
    np.testing.assert_allclose(morph[[0, -1]], plain[:2], rtol=1e-4, atol=1e-5)
    steps = np.abs(np.diff(morph, axis=0)).reshape(4, -1).max(1)
    assert (steps > 0).all() and steps.max() < np.abs(plain[0] - plain[1]).max() * 0.9


def test_a_walk_passes_its_samples_and_a_loop_has_no_seam():
    gan = linear()
    passed = np.concatenate([gan.generate(1, seed=seed) for seed in (4, 5, 6)])
    walked = gan.walk([4, 5, 6], steps=3)
    np.testing.assert_allclose(walked[[0, 3, 6]], passed, rtol=1e-5)
    loop = gan.walk([4, 5, 6], steps=3, loop=True)
    assert len(loop) == 9 and len(walked) == 7
    np.testing.assert_allclose(loop[:7], walked, rtol=1e-5)


def test_the_latent_of_a_sample_is_found_again():
    generator = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(64, "relu"),
            layers.Dense(64, "tanh"),
            layers.Reshape((8, 8, 1)),
        ]
    )
    discriminator = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1)])
    gan = kgan.GAN(generator, discriminator)
    wanted = gan.generate(2, seed=3)
    found = gan.project(wanted, steps=150, starts=2, feature_weight=0)
    assert (found.errors < 0.02).all()
    np.testing.assert_allclose(gan.generate(latents=found.latents), found.samples, atol=1e-6)
    again = gan.project(wanted[:1], steps=150, starts=2, extractor="values")
    np.testing.assert_array_equal(again.latents[0], found.latents[0])
    drawn = gan.generate(64, seed=9)
    nearest = np.sqrt(np.mean((drawn - wanted[:1]) ** 2, (1, 2, 3))).min() / 2
    assert found.errors[0] < nearest / 4


@pytest.mark.slow
def test_projection_tells_the_class():
    gan = kgan.models.ACGAN((8, 8, 1), classes=3, width=6, latent_size=4)
    dense = next(layer for layer in gan.generator.layers if isinstance(layer, layers.Dense))
    kernel = np.array(dense.kernel)
    kernel[4:] *= 40  # the class decides most of a picture
    dense.kernel.assign(kernel)
    wanted = gan.generate(3, labels=np.array([2, 0, 1]), seed=0)
    found = gan.project(wanted, steps=20, starts=2, feature_weight=0)
    np.testing.assert_array_equal(found.labels, [2, 0, 1])
    assert gan.project(wanted[:1], labels=1, steps=1, starts=1).labels.tolist() == [1]


def own_labels():
    """A conditional GAN whose generator compares labels in a way that has no mixture."""
    noise, label = keras.Input((3,)), keras.Input((), dtype="int32")
    shift = ops.expand_dims(ops.cast(label, "float32"), 1)
    generator = keras.Model([noise, label], layers.Dense(2)(noise) + shift)
    points, given = keras.Input((2,)), keras.Input((), dtype="int32")
    score = layers.Dense(1)(layers.Concatenate()([points, layers.Embedding(3, 2)(given)]))
    return kgan.GAN(generator, keras.Model([points, given], score), classes=3)


@pytest.mark.parametrize(
    ("make", "call", "message"),
    [
        (linear, lambda gan: gan.walk(), "needs seeds"),
        (linear, lambda gan: gan.walk([1]), "two or more latents"),
        (linear, lambda gan: gan.walk([1, 2], labels=1), "not conditioned"),
        (linear, lambda gan: gan.project(np.zeros((1, 3))), "images must have shape"),
        (linear, lambda gan: gan.project(np.full((1, 9), np.nan)), "finite"),
        (own_labels, lambda gan: gan.walk(latents=np.zeros((2, 3))), "give labels"),
        (own_labels, lambda gan: gan.walk([1, 2], labels=[0, 3]), "labels lie in 0..2"),
        (own_labels, lambda gan: gan.walk([1, 2], labels=[0, 1]), "Give integer labels"),
        (
            lambda: kgan.models.LAPGAN((16, 16, 1), width=2, units=8),
            lambda g: g.directions(),
            "2 gen",
        ),
    ],
)
def test_what_cannot_be_done_is_said(make, call, message):
    with pytest.raises(InputError, match=message):
        call(make())


@pytest.mark.slow
def test_a_digit_is_found_by_its_pixels_and_features():
    gan = kgan.load("digits")
    wanted = gan.generate(1, seed=11)
    found = gan.project(wanted, steps=100, starts=4)
    assert found.errors[0] < 0.05 and found.distances[0] < 0.1
