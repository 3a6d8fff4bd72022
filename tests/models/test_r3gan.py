"""R3GAN: the paper's schedules and networks, and that it learns points and digits."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import losses
from kgan.errors import InputError
from kgan.models import r3gan
from kgan.models.r3gan import R3GAN
from kgan.optimizers import HalfLife, ScheduledAdam


@pytest.fixture
def tiny(monkeypatch):
    """A preset small enough to train in a test."""
    settings = dataclasses.replace(r3gan.PRESETS["narrow"], widths=(32, 16))
    monkeypatch.setitem(r3gan.PRESETS, "tiny", settings)
    return "tiny"


def test_the_papers_preset_has_its_settings():
    settings = r3gan.PRESETS["paper"]
    assert (settings.widths, settings.blocks, settings.expansion) == ((768,), 2, 2)
    # 96 groups of the 1,536 channels within a block.
    assert 768 * 2 / settings.group == 96
    assert (settings.patch, settings.latent_size, settings.batch_size) == (1, 64, 512)
    assert (settings.rate, settings.gamma) == ((2e-4, 5e-5), (0.05, 0.005))


def test_the_game_is_the_relativistic_one_with_both_penalties_and_schedules(tiny):
    gan = R3GAN((28, 28, 1), preset=tiny)
    gan.training_steps = 1000
    gan.compile()
    assert isinstance(gan.loss, losses.Relativistic)
    assert [term.name for term in gan.terms] == ["r1", "r2"]
    first, last = gan.settings.gamma
    for term in gan.terms:
        assert term.every == 1
        assert float(term.weight_at(0)) == pytest.approx(first)
        assert float(term.weight_at(1000)) == pytest.approx(last)
        # Half the way of a cosine is the middle.
        assert float(term.weight_at(500)) == pytest.approx((first + last) / 2)
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert optimizer.beta_1 == 0
        assert [round(float(optimizer.beta_2(step)), 4) for step in (0, 500, 1000, 2000)] == [
            0.9, 0.945, 0.99, 0.99,
        ]  # fmt: skip
        assert float(optimizer.learning_rate) == pytest.approx(gan.settings.rate[0])
    assert float(gan.average.decay(1000)) == pytest.approx(0.5 ** (1 / 25), rel=1e-5)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (8, 8, 1), (64, 32, 3)])
@pytest.mark.parametrize("classes", [0, 10])
def test_networks_begin_at_unit_scale_for_every_size(shape, classes, tiny):
    gan = R3GAN(shape, preset=tiny, classes=classes)
    assert gan.sample_shape == shape
    assert not [
        layer
        for network in gan.networks.values()
        for layer in network.layers
        if "normalization" in type(layer).__name__.lower()
    ]
    latents, labels = gan.draw(64, [0, 0]), gan.example_condition(64)
    assert 0.3 < float(np.std(gan.forward(latents, labels))) < 3
    real = np.random.default_rng(0).normal(size=(64, *shape)).astype("float32")
    assert 0.05 < float(np.std(gan.score(tf.constant(real), labels))) < 3


def test_a_block_is_the_identity_at_first_and_uses_groups():
    settings = dataclasses.replace(
        r3gan.PRESETS["paper"], widths=(8,), group=4, blocks=1, expansion=2
    )
    inputs = keras.Input((6, 6, 8))
    block = keras.Model(inputs, r3gan._block(inputs, settings, 2))
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 8)).astype("float32")
    np.testing.assert_array_equal(block(x), x)
    convolutions = [layer for layer in block.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.kernel_size for layer in convolutions] == [(1, 1), (3, 3), (1, 1)]
    assert [layer.filters for layer in convolutions] == [16, 16, 8]
    assert convolutions[1].groups == 4
    # Fix-up with three layers in a block, two blocks in all: gain² / fan-in · 2^(-1/2).
    expected = 2 / 1.04 * 2**-0.5 / 8
    assert np.var(convolutions[0].kernel) == pytest.approx(expected, rel=0.4)


@pytest.mark.slow
def test_it_learns_digits_of_the_class_asked_for_and_comes_back(tiny, tmp_path):
    data = kgan.data.load("digits", batch_size=64)
    gan = R3GAN.for_data(data.info, preset=tiny, classes=10, seed=0)
    gan.training_steps = 800
    gan.compile(steps_per_execution=20)
    gan.fit(data, epochs=800 // data.info.steps_per_epoch, verbose=0)
    test = kgan.data.load("digits", split="test", drop_remainder=False)
    figures = gan.evaluate(test, verbose=0, metrics=["classifier_accuracy", "diversity"])
    assert figures["classifier_accuracy"] > 0.5
    assert figures["diversity"] > 0.6
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    np.testing.assert_allclose(
        loaded.generate(6, labels=3, seed=1), gan.generate(6, labels=3, seed=1), atol=1e-5
    )
    assert float(loaded.d_optimizer.beta_2(800)) == pytest.approx(0.99)


def test_bad_options_get_a_message():
    with pytest.raises(InputError, match="Did you mean 'narrow'"):
        R3GAN((28, 28, 1), preset="narow")
    with pytest.raises(InputError, match="size="):
        R3GAN((27, 27, 1))
    data = kgan.data.from_arrays(np.zeros((64, 8, 8, 1), "float32"), batch_size=64)
    with pytest.raises(InputError, match="has no labels"):
        R3GAN.for_data(data.info, classes=10)


# What the recipe needs of the core.


def test_a_scheduled_beta_2_equals_adam_by_hand():
    variable = keras.Variable([1.0])
    schedule = keras.optimizers.schedules.CosineDecay(0.9, 4, alpha=1.1)
    adam = ScheduledAdam(0.1, beta_1=0.0, beta_2=schedule, epsilon=0.0)
    again = ScheduledAdam.from_config(adam.get_config())
    assert float(again.beta_2(4)) == pytest.approx(0.99)
    weight, second = 1.0, 0.0
    for step, gradient in enumerate([1.0, -2.0, 0.5, 3.0]):
        adam.apply([np.array([gradient], "float32")], [variable])
        decay = float(schedule(step))
        second = decay * second + (1 - decay) * gradient**2
        weight -= 0.1 * gradient / np.sqrt(second / (1 - decay ** (step + 1)))
        assert float(variable[0]) == pytest.approx(weight, rel=1e-5)
    plain, fixed = keras.Variable([1.0]), keras.Variable([1.0])
    ours, theirs = ScheduledAdam(0.1, beta_2=0.95), keras.optimizers.Adam(0.1, beta_2=0.95)
    for gradient in (1.0, -2.0):
        ours.apply([np.array([gradient], "float32")], [plain])
        theirs.apply([np.array([gradient], "float32")], [fixed])
    assert float(plain[0]) == float(fixed[0])


def test_a_half_life_halves_and_warms_up():
    assert float(HalfLife(50)(0)) ** 50 == pytest.approx(0.5, rel=1e-4)
    ramp = HalfLife(50, warm_up=100)
    assert float(ramp(0)) == 0
    assert float(ramp(50)) ** 25 == pytest.approx(0.5, rel=1e-4)
    assert float(ramp(500)) == pytest.approx(float(HalfLife(50)(0)))
    with pytest.raises(InputError, match="steps must be a positive"):
        HalfLife(0)
