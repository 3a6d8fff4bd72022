"""BEGAN: its losses, their equilibrium, and its logs."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import kgan
from kgan import latents
from kgan.errors import InputError
from kgan.models import began
from kgan.models.began import BEGAN, Equilibrium


def small(**options):
    return BEGAN((8, 8, 1), **{"latent_size": 4, "width": 4, "seed": 3} | options)


@pytest.fixture
def images():
    """32 smooth images in [-1, 1], `(32, 8, 8, 1)`."""
    phase = np.random.default_rng(0).uniform(0, 6, (32, 1, 1, 1))
    return np.sin(phase + np.linspace(0, 3, 64).reshape(1, 8, 8, 1)).astype("float32")


def test_settings_are_the_papers():
    gan = BEGAN()
    gan.compile()
    assert type(gan.latents) is latents.Uniform
    assert (gan.latents.shape, gan.latents.low, gan.latents.high) == ((64,), -1.0, 1.0)
    assert (gan.loss.gamma, gan.loss.lambda_k, float(gan.loss.k)) == (0.5, 0.001, 0.0)
    assert (gan.settings.width, gan.batch_size, gan.data_range) == (64, 16, (-1.0, 1.0))
    assert gan.d_optimizer is not gan.g_optimizer
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(1e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)
    assert gan.terms == ()


def test_the_narrow_preset_ends_its_schedules_with_the_training():
    assert BEGAN.recipe("narrow") == (16, 10_000)
    gan = BEGAN((8, 8, 1), preset="narrow", width=4)
    assert (gan.settings.width, gan.latents.shape, gan.training_steps) == (4, (32,), 10_000)
    gan.training_steps = 500
    gan.compile()
    assert (gan.loss.gamma, gan.loss.lambda_k) == (1.0, 0.05)
    for optimizer, rate in ((gan.d_optimizer, 6e-4), (gan.g_optimizer, 2e-3)):
        schedule = optimizer._learning_rate
        assert [float(schedule(step)) for step in (0, 500)] == pytest.approx([rate, rate / 10])
    again = BEGAN.from_config(gan.get_config())
    assert again.settings == gan.settings


def test_networks_are_the_papers():
    gan = BEGAN((32, 32, 3), width=4, latent_size=5)
    decoder = [layer.get_config() for layer in gan.generator.layers[1:]]
    embedded = [type(layer).__name__ for layer in gan.discriminator.layers].index("Dense") + 1
    twin = [layer.get_config() for layer in gan.discriminator.layers[embedded:]]
    assert [c | {"name": ""} for c in decoder] == [c | {"name": ""} for c in twin]
    assert gan.generator.layers[1] is not gan.discriminator.layers[embedded]
    filters = {}
    for role, network in gan.networks.items():
        convolutions = [x for x in network.layers if isinstance(x, keras.layers.Conv2D)]
        assert all(layer.kernel_size == (3, 3) for layer in convolutions)
        assert all(layer.activation is keras.activations.elu for layer in convolutions[:-1])
        assert convolutions[-1].activation is keras.activations.linear
        filters[role] = [layer.filters for layer in convolutions]
        dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
        assert all(layer.activation is keras.activations.linear for layer in dense)
    decoded = [4, 4] * 3 + [3]
    assert filters["generator"] == decoded
    assert filters["discriminator"] == [4, 4, 4, 8, 8, 12, 12, *decoded]
    embedding = gan.discriminator.layers[embedded - 1]
    assert (embedding.units, embedding.input.shape[1]) == (5, 8 * 8 * 12)


@pytest.mark.parametrize(
    ("side", "base", "doublings"), [(8, 4, 1), (28, 7, 2), (32, 8, 2), (64, 8, 3), (48, 6, 3)]
)
def test_the_smallest_map_is_8x8_or_what_is_nearest_below(side, base, doublings):
    assert began._sizes((side, side, 1)) == ((base, base), doublings)


def test_scores_are_mean_absolute_reconstruction_errors(images):
    gan = small()
    reconstructed = gan.discriminator.predict(images, verbose=0)
    expected = np.abs(images - reconstructed).mean((1, 2, 3))[:, None]
    np.testing.assert_allclose(gan.score(images), expected, rtol=1e-5)


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_losses_balance_and_measure_are_those_of_the_equations(images, jit):
    gan = small(gamma=0.7, lambda_k=0.5)
    gan.compile(jit_compile=jit)
    for k in (0.3, 0.95):
        gan.loss.k.assign(k)
        # One step, so that the means are that step's.
        logs = gan.fit(images, batch_size=32, verbose=0).history
        logs = {name: values[0] for name, values in logs.items()}
        real, fake = logs["d_real"], logs["g_loss"]
        assert logs["d_loss"] == pytest.approx(real - k * logs["d_fake"], rel=1e-5)
        balance = 0.7 * real - fake
        assert abs(balance) > 0.01
        expected = np.clip(k + 0.5 * balance, 0, 1)
        assert float(gan.loss.k) == pytest.approx(expected, rel=1e-5)
        assert logs["equilibrium_k"] == pytest.approx(expected, rel=1e-5)
        assert logs["convergence"] == pytest.approx(real + abs(balance), rel=1e-5)
    before = float(gan.loss.k)
    assert gan.evaluate(images, verbose=0)["d_real"] > 0
    assert float(gan.loss.k) == before


def test_k_moves_by_the_real_errors_of_one_turn_and_the_fake_ones_of_the_other(images):
    turns = []

    class Watched(BEGAN):
        def observe(self, phase, loss, turn):
            super().observe(phase, loss, turn)
            scores = (turn.real_scores, turn.fake_scores)
            turns.append([None if s is None else s.numpy() for s in scores])

    gan = Watched((8, 8, 1), latent_size=4, width=4, gamma=0.8, lambda_k=0.1, seed=3)
    gan.compile(run_eagerly=True, discriminator_steps=2)
    gan.loss.k.assign(0.5)
    gan.fit(images, batch_size=16, verbose=0)
    (_, _), (real, _), (absent, fake) = turns
    assert absent is None
    assert (real.shape, fake.shape) == ((16, 1), (16, 1))
    assert float(gan.loss.k) == pytest.approx(0.5 + 0.1 * (0.8 * real.mean() - fake.mean()))


def test_k_stays_within_0_and_1_and_apart_from_what_is_no_number():
    loss = Equilibrium(gamma=0.5, lambda_k=10.0)
    assert float(loss.update(1.0, 0.25)) == pytest.approx(1.25)
    assert float(loss.k) == 1.0
    loss.update(1.0, float("nan"))
    assert float(loss.k) == 1.0
    assert float(loss.update(0.5, 1.0)) == pytest.approx(1.25)
    assert float(loss.k) == 0.0


def test_diversity_is_a_ratio_of_root_mean_square_distances():
    real, fake = np.random.default_rng(0).normal(size=(2, 16, 4, 4, 1)).astype("float32")

    def distance(x):
        return np.sqrt(np.square(x[:, None] - x[None]).sum((2, 3, 4)).mean())

    expected = distance(0.4 * fake) / distance(real)
    assert float(began._spread(0.4 * fake, real)) == pytest.approx(expected, rel=1e-5)
    assert float(began._spread(fake, 0 * real)) > 1
    assert float(began._spread(0 * real, 0 * real)) == 0


@pytest.mark.slow
def test_diversity_falls_where_the_generator_ignores_its_latents(images):
    gan = small()
    gan.compile(d_optimizer="sgd", g_optimizer=keras.optimizers.SGD(0.0), jit_compile=False)
    varied = gan.fit(images, batch_size=32, verbose=0).history["diversity"][0]
    kernel = next(w for w in gan.generator.weights if w.shape[0] == 4)
    kernel.assign(0 * kernel)
    gan.generator.weights[1].assign(np.linspace(-1, 1, gan.generator.weights[1].shape[0]))
    collapsed = gan.fit(images, batch_size=32, verbose=0).history["diversity"][0]
    assert varied > 0.01
    assert collapsed < 1e-4


@pytest.mark.slow
def test_a_resumed_run_equals_the_unbroken_one_and_k_with_it(images, tmp_path):
    def fit(gan, epochs=1):
        gan.fit(images, batch_size=8, epochs=epochs, verbose=0)

    def made():
        keras.utils.set_random_seed(5)
        gan = small(lambda_k=0.2)
        gan.compile(jit_compile=False)
        return gan

    whole, broken = made(), made()
    fit(whole, epochs=2)
    fit(broken)
    broken.save(tmp_path / "gan.keras")
    resumed = kgan.load(tmp_path / "gan.keras")
    assert (type(resumed), resumed.loss.lambda_k) == (BEGAN, 0.2)
    assert float(resumed.loss.k) == float(broken.loss.k) > 0.001
    fit(resumed)
    assert float(resumed.loss.k) == float(whole.loss.k) != float(broken.loss.k)
    for weight, like in zip(resumed.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(weight, like)
    again = Equilibrium.from_config(resumed.loss.get_config())
    assert again.get_config() == {"gamma": 0.5, "lambda_k": 0.2, "discriminator_weight": 1.0}


@pytest.mark.slow
def test_on_digits_the_measure_falls_and_samples_stay_apart():
    gan = BEGAN((8, 8, 1), preset="narrow", width=8, seed=3)
    data = kgan.data.load("digits", batch_size=16)
    gan.training_steps = 5 * data.info.steps_per_epoch
    gan.compile(jit_compile=False, metrics=["diversity"])
    logs = gan.fit(data, epochs=5, verbose=0, validation_data=data).history
    assert logs["convergence"][-1] < 0.75 * logs["convergence"][0]
    assert logs["diversity"][-1] > 0.5
    assert logs["val_diversity"][-1] == pytest.approx(logs["diversity"][-1], abs=0.2)
    assert np.abs(gan.generate(64, seed=0)).max() <= 1


SCRIPT = """
import json
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from kgan.models.began import BEGAN

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    gan = BEGAN((8, 8, 1), latent_size=4, width=4, gamma=0.8, lambda_k=0.5, seed=3)
    gan.compile(jit_compile=False)
images = np.linspace(-1, 1, 16)[:, None, None, None] * np.ones((1, 8, 8, 1))
data = tf.data.Dataset.from_tensors(images.astype("float32"))
logs = gan.fit(data, epochs=1, verbose=0).history
copies = strategy.experimental_local_results(gan.loss.k.value)
print(json.dumps([[float(k) for k in copies], logs["d_real"][0], logs["g_loss"][0]]))
"""


@pytest.mark.slow
def test_replicas_have_one_k_which_moves_by_the_whole_batch():
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    copies, real, fake = json.loads(answer.stdout.splitlines()[-1])
    assert len(copies) == 2
    assert copies[0] == copies[1] == pytest.approx(0.5 * (0.8 * real - fake), rel=1e-4)


def test_bad_options_get_a_message(images):
    with pytest.raises(InputError, match="gamma must be"):
        small(gamma=0.0)
    with pytest.raises(InputError, match="lambda_k must be"):
        small(lambda_k=-1)
    with pytest.raises(InputError, match="width must be"):
        small(width=0)
    with pytest.raises(InputError, match="Did you mean 'narrow'"):
        small(preset="narow")
    with pytest.raises(InputError, match="cannot be made by doubling"):
        BEGAN((30, 30, 1))
    gan = small()
    with pytest.raises(InputError, match="reconstruction errors"):
        gan.compile(loss="hinge", jit_compile=False)
