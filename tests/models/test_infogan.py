"""InfoGAN: its appendix's settings, the information term, what each update trains, the codes."""

import types

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from scipy.optimize import linear_sum_assignment

import kgan
from kgan.errors import InputError
from kgan.latents import Codes
from kgan.models import InfoGAN
from kgan.models.blocks import auxiliary


@pytest.fixture
def infogan():
    gan = InfoGAN((8, 8, 1), noise_size=6, categorical=(3,), continuous=2, width=4, seed=1)
    gan.compile(jit_compile=False)
    return gan


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def test_settings_are_those_of_the_appendix_for_mnist():
    gan = InfoGAN((28, 28, 1))
    assert gan.latents.shape == (74,)
    dense = layers_of(gan.generator, keras.layers.Dense)
    assert [layer.units for layer in dense] == [1024, 7 * 7 * 128]
    grown = layers_of(gan.generator, keras.layers.Conv2DTranspose)
    assert [layer.filters for layer in grown] == [64, 1]
    seen = layers_of(gan.discriminator, keras.layers.Conv2D)
    assert [layer.filters for layer in seen] == [64, 128]
    assert {(layer.kernel_size, layer.strides) for layer in grown + seen} == {((4, 4), (2, 2))}
    dense = layers_of(gan.discriminator, keras.layers.Dense)
    assert [layer.units for layer in dense] == [1024, 1]
    # Ten logits and two means.
    assert [layer.units for layer in layers_of(gan.head, keras.layers.Dense)] == [128, 12]
    (leaky,) = layers_of(gan.head, keras.layers.LeakyReLU)
    assert leaky.negative_slope == pytest.approx(0.1)
    for name, rate in (("d_optimizer", 2e-4), ("g_optimizer", 1e-3)):
        optimizer = gan.defaults()[name]
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(rate)
        assert optimizer.beta_1 == 0.5
    assert gan.defaults()["loss"] == "non_saturating"
    assert [(t.name, t.player, t.categorical, t.continuous) for t in gan.game_terms()] == [
        ("d_information", "discriminator", 1.0, 0.1),
        ("g_information", "generator", 1.0, 0.1),
    ]
    assert InfoGAN.recipe() == (128, 5_000)


def test_the_information_is_equation_5():
    codes = Codes(2, (3, 2), 2)
    latents = codes.sample(64, tf.constant([1, 2])).numpy()
    said = np.random.default_rng(0).normal(size=(64, 7)).astype("float32")
    _, one_hot, numbers = codes.split(latents)
    expected = 0.0
    for logits, chosen in zip((said[:, :3], said[:, 3:5]), one_hot, strict=True):
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        # log Q(c|x) + H(c), H of equally likely categories.
        expected += np.log((p * chosen).sum(1)).mean() + np.log(chosen.shape[1])
    density = scipy.stats.norm(said[:, 5:], 1).logpdf(numbers).sum(1).mean()
    # H of two numbers uniform in [-1, 1).
    density += 2 * np.log(2)
    categorical, continuous = auxiliary.information(codes, said, latents)
    assert float(categorical) == pytest.approx(expected, rel=1e-4)
    assert float(continuous) == pytest.approx(density, rel=1e-4)
    told = types.SimpleNamespace(latents=codes, head=lambda features, training: said)
    turn = types.SimpleNamespace(gan=told, fake_heads=None, latents=latents)
    term = auxiliary.Information(2.0, 0.5, player="generator")
    assert float(term(turn)) == pytest.approx(-2 * expected - 0.5 * density, rel=1e-4)
    # A head that knows nothing has no information.
    blind = np.zeros((64, 7), "float32")
    assert float(auxiliary.information(codes, blind, latents)[0]) == pytest.approx(0, abs=1e-5)


def state(gan):
    parts = {"generator": gan.generator, "discriminator": gan.discriminator, "head": gan.head}
    values = {
        f"{part}/{v.path}": v.numpy()
        for part, network in parts.items()
        for v in network.weights
        if v.dtype == "float32"
    }
    for name in ("d_optimizer", "g_optimizer"):
        slots = getattr(gan, name).variables
        values |= {f"{name}/{v.path}": v.numpy() for v in slots if v.path != "learning_rate"}
    return values


def moved(before, after):
    changed = {key for key in before if not np.array_equal(before[key], after[key])}
    return {key.partition("/")[0] for key in changed}, changed


def test_a_turn_trains_its_own_and_the_head_belongs_to_the_generator(infogan, take_turn):
    real = tf.random.stateless_uniform((8, 8, 8, 1), [0, 0], -1, 1)
    before = state(infogan)
    take_turn(infogan, "discriminator", real)
    between = state(infogan)
    assert moved(before, between)[0] == {"discriminator", "d_optimizer"}
    take_turn(infogan, "generator", real)
    parts, changed = moved(between, state(infogan))
    assert parts == {"generator", "head", "g_optimizer"}
    # All of the head, with the averages of its normalization.
    assert {key for key in changed if key.startswith("head")} == {
        key for key in between if key.startswith("head")
    }


def test_the_term_reaches_the_features_in_the_discriminators_turn(infogan):
    real = tf.random.stateless_uniform((8, 8, 8, 1), [0, 0], -1, 1)
    _, turn = infogan.discriminator_plays(real, None)
    with tf.GradientTape() as tape:
        _, features = infogan.judge(turn.fake, training=True)
        turn.fake_heads = features
        value = infogan.terms[0](turn)
    kernel = layers_of(infogan.discriminator, keras.layers.Conv2D)[0].kernel
    assert float(tf.norm(tape.gradient(value, kernel.value))) > 0


@pytest.mark.slow
def test_it_finds_the_kinds_of_images_by_itself_and_comes_back(tmp_path):
    """Bars in one of three rows and columns: three kinds, each brighter or darker."""
    random = np.random.default_rng(0)
    kinds = random.integers(0, 3, 960)
    images = np.full((960, 8, 8, 1), -1, "float32")
    for image, kind, shade in zip(images, kinds, random.uniform(-0.5, 1, 960), strict=True):
        rows = [(slice(0, 3), slice(None)), (slice(None), slice(3, 5)), (slice(6, 8), slice(0, 5))]
        image[rows[kind]] = shade
    gan = InfoGAN((8, 8, 1), noise_size=4, categorical=3, continuous=1, width=8, seed=1)
    gan.compile(steps_per_execution=15)
    gan.fit(images, batch_size=64, epochs=80, verbose=0)
    asked = np.arange(300) % 3
    values = np.linspace(-1, 1, 300)
    samples = gan.generate(categorical=asked, continuous=values, seed=0)
    recovered = gan.recover(samples)
    assert recovered["categorical"][0].shape == (300, 3)
    assert recovered["continuous"].shape == (300, 1)
    assert (recovered["categorical"][0].argmax(1) == asked).mean() > 0.9
    assert np.corrcoef(recovered["continuous"][:, 0], values)[0, 1] > 0.8
    # What it calls its categories is its own affair.
    named = gan.recover(images)["categorical"][0].argmax(1)
    table = np.histogram2d(kinds, named, (range(4), range(4)))[0]
    assert table[linear_sum_assignment(-table)].sum() / 960 > 0.8
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert (loaded.latents.categorical, loaded.continuous_weight) == ((3,), 0.1)
    again = loaded.generate(categorical=asked, continuous=values, seed=0)
    np.testing.assert_allclose(again, samples, rtol=1e-5, atol=1e-6)
    means = loaded.recover(samples)["continuous"]
    np.testing.assert_allclose(means, recovered["continuous"], rtol=1e-4, atol=1e-5)


def test_codes_are_chosen_in_generate_and_all_else_is_as_drawn(infogan):
    drawn = infogan.generate(5, seed=3)
    latents = np.repeat(infogan.latents.sample(1, [0, 0]), 3, axis=0)
    one_each = infogan.generate(latents=latents, categorical=[0, 1, 2])
    expected = infogan.latents.with_codes(latents, categorical=[0, 1, 2])
    np.testing.assert_array_equal(one_each, infogan.generate(latents=expected))
    assert len(infogan.generate(continuous={1: [0.0, 1.0]}, seed=3)) == 2
    told = infogan.generate(5, categorical=1, continuous={0: 0.5}, seed=3)
    assert told.shape == drawn.shape and not np.allclose(told, drawn)
    np.testing.assert_array_equal(
        told, infogan.generate(5, categorical=1, continuous={0: 0.5}, seed=3)
    )
    with pytest.raises(InputError, match="categories 0..2"):
        infogan.generate(4, categorical=3)
    with pytest.raises(InputError, match="no continuous code 2"):
        infogan.generate(4, continuous={2: 0.0})
    with pytest.raises(InputError, match="needs a number of samples"):
        infogan.generate(categorical=1)
    with pytest.raises(InputError, match="one value or 4"):
        infogan.generate(4, categorical=[0, 1])


def test_pictures_have_a_column_for_each_category(infogan):
    assert infogan.preview_columns == 3
    samples = infogan.preview(16)["samples"]
    assert len(samples) == 15
    plain = InfoGAN((8, 8, 1), categorical=0, continuous=1, width=4)
    assert (plain.preview_columns, len(plain.preview(20)["samples"])) == (8, 16)


def test_bad_options_get_a_message():
    with pytest.raises(InputError, match="InfoGAN needs a code"):
        InfoGAN((8, 8, 1), categorical=(), continuous=0)
    with pytest.raises(InputError, match="integer of at least 2"):
        InfoGAN((8, 8, 1), categorical=(1,))
    with pytest.raises(InputError, match="continuous_weight must be a number"):
        InfoGAN((8, 8, 1), continuous_weight=-1)
    with pytest.raises(InputError, match=r"expected \(n, 8, 8, 1\)"):
        InfoGAN((8, 8, 1), width=2).recover(np.zeros((0, 8, 8, 1)))
