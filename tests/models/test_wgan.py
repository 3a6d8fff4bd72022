"""WGAN and WGAN-GP: their papers' settings, the clipping, the penalty and the distance."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import latents, losses, penalties
from kgan.errors import InputError
from kgan.models.wgan import WGAN, WGANGP, ClipWeights


def optimizers(gan):
    gan.compile()
    return gan.d_optimizer, gan.g_optimizer


@pytest.mark.parametrize(("family", "latent_size"), [(WGAN, 100), (WGANGP, 128)])
def test_settings_are_those_of_algorithm_1(family, latent_size):
    gan = family(width=4)
    for optimizer in optimizers(gan):
        if family is WGAN:
            assert type(optimizer) is keras.optimizers.RMSprop
            assert float(optimizer.learning_rate) == pytest.approx(5e-5)
            assert (optimizer.rho, optimizer.momentum) == (0.99, 0.0)
        else:
            assert type(optimizer) is keras.optimizers.Adam
            assert float(optimizer.learning_rate) == pytest.approx(1e-4)
            assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)
    if family is WGAN:
        assert (gan.clip, gan.terms) == (0.01, ())
    else:
        (penalty,) = gan.terms
        assert (type(penalty), penalty.weight, penalty.every) == (
            penalties.GradientPenalty, 10.0, 1,
        )  # fmt: skip
    assert type(gan.loss) is losses.Wasserstein
    assert (gan.discriminator_steps, gan.average, gan.batch_size) == (5, None, 64)
    assert (type(gan.latents), gan.latents.shape) == (latents.Normal, (latent_size,))
    assert (gan.data_range, family().width) == ((-1.0, 1.0), 64)


def test_the_narrow_preset_is_for_minutes():
    gan = WGANGP(preset="narrow")
    gan.training_steps = 100
    gan.compile()
    assert (gan.width, gan.discriminator_steps, gan.average.decay) == (32, 2, 0.999)
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        schedule = keras.optimizers.schedules.deserialize(optimizer.get_config()["learning_rate"])
        assert [float(schedule(step)) for step in (0, 100)] == pytest.approx([1e-3, 1e-4])
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)
    assert [type(term) for term in gan.terms] == [penalties.GradientPenalty]
    again = WGANGP.from_config(gan.get_config())
    assert (again.preset, again.width) == ("narrow", 32)
    # Points keep the perceptrons of the paper.
    assert WGANGP((2,), preset="narrow").width == 512


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_the_critic_of_wgan_gp_has_layer_normalization_in_place_of_batch_normalization():
    assert kinds(WGAN((16, 16, 1), width=2).discriminator).count("BatchNormalization") == 1
    gan = WGANGP((16, 16, 1), width=2)
    assert "BatchNormalization" not in kinds(gan.discriminator)
    assert kinds(gan.discriminator).count("GroupNormalization") == 1
    assert kinds(gan.generator).count("BatchNormalization") == 2
    # So that a sample's score is its own.
    images = np.random.default_rng(0).normal(size=(8, 16, 16, 1)).astype("float32")
    together = gan.score(images, training=True)
    alone = [gan.score(images[i : i + 1], training=True)[0] for i in range(8)]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_points_get_perceptrons_of_the_papers_toy_experiments():
    for family in (WGAN, WGANGP):
        gan = family((2,))
        for network in gan.networks.values():
            assert [layer.units for layer in network.layers[:-1]] == [512] * 3
            assert {layer.activation.__name__ for layer in network.layers[:-1]} == {"relu"}
            assert network.layers[-1].activation.__name__ == "linear"
        assert (gan.latents.shape, gan.sample_shape, gan.data_range) == ((2,), (2,), None)
    gan.compile()
    assert gan.terms[0].weight == 0.1


def critic_weights(gan):
    return np.concatenate([w.numpy().ravel() for w in gan.discriminator.trainable_variables])


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, marks=pytest.mark.slow),
        {"d_optimizer": "sgd", "discriminator_steps": 1},
        pytest.param({"jit_compile": True, "discriminator_steps": 1}, marks=pytest.mark.slow),
    ],
)
def test_the_critic_is_clipped_after_each_update_and_after_loading(settings, points, tmp_path):
    gan = WGAN((2,), width=16, clip=0.02)
    assert np.abs(critic_weights(gan)).max() > 0.02
    gan.compile(**{"jit_compile": False} | settings)
    gan.fit(points, batch_size=16, epochs=1, verbose=0)
    assert np.abs(critic_weights(gan)).max() == np.float32(0.02)
    assert np.abs(gan.generator.weights[0]).max() > 0.02
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert loaded.clip == 0.02
    before = critic_weights(loaded)
    loaded.fit(points, batch_size=16, epochs=1, verbose=0)
    after = critic_weights(loaded)
    assert (before != after).any()
    assert np.abs(after).max() == np.float32(0.02)


@pytest.mark.slow
def test_batch_normalization_of_the_critic_is_clipped_with_the_rest():
    gan = WGAN((16, 16, 1), latent_size=4, width=2)
    gan.compile(jit_compile=False)
    data = np.random.default_rng(0).uniform(-1, 1, (40, 16, 16, 1)).astype("float32")
    gan.fit(data, batch_size=8, epochs=1, verbose=0)
    (gamma,) = [w.numpy() for w in gan.discriminator.weights if w.name == "gamma"]
    # They start at 1.
    assert np.abs(gamma).max() == np.float32(0.01)
    assert np.abs(critic_weights(gan)).max() == np.float32(0.01)


def test_a_critic_of_ones_own_is_clipped_and_saved_with_its_layers(networks, points, tmp_path):
    clip = ClipWeights(0.05)
    critic = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(8, "relu", kernel_constraint=clip, bias_constraint=clip),
            keras.layers.Dense(1, kernel_constraint=clip),
        ]
    )
    gan = kgan.GAN(networks()[0], critic)
    gan.compile(loss="wasserstein", jit_compile=False)
    gan.fit(points, batch_size=16, epochs=1, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    for model in (gan, loaded):
        model.fit(points, batch_size=16, epochs=1, verbose=0)
        kernels = [w.numpy() for w in model.discriminator.weights if w.name == "kernel"]
        assert [np.abs(kernel).max() for kernel in kernels] == pytest.approx([0.05, 0.05])


@pytest.mark.parametrize("family", [WGAN, pytest.param(WGANGP, marks=pytest.mark.slow)])
def test_the_distance_is_the_difference_of_the_scores(family, points):
    gan = family((2,), width=8)
    gan.compile(jit_compile=False)
    logs = gan.fit(points, batch_size=16, epochs=2, verbose=0).history
    difference = np.subtract(logs["d_real"], logs["d_fake"])
    np.testing.assert_allclose(logs["distance"], difference, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logs["distance"], np.negative(logs["d_loss"]), rtol=1e-4, atol=1e-6)
    assert logs["distance"][-1] != 0


@pytest.mark.slow
def test_the_critic_of_wgan_gp_finds_the_wasserstein_distance(points):
    """A critic of slope K sees K·W1 - λ(K - 1)², which is largest at K = 1 + W1/2λ."""
    from scipy.optimize import linear_sum_assignment

    gan = WGANGP((2,), width=32, seed=1)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(2e-3, beta_1=0.0, beta_2=0.9),
        g_optimizer=keras.optimizers.SGD(0.0),
        penalties=[penalties.GradientPenalty(10.0)],
        jit_compile=False,
    )
    logs = gan.fit(np.tile(points, (25, 1)), batch_size=32, epochs=4, verbose=0).history
    # The generator stands still, so that W1 is that of two clouds of points.
    fake = gan.generate(256, seed=0)
    costs = np.linalg.norm(points[:, None] - fake, axis=-1)
    expected = costs[linear_sum_assignment(costs)].mean()
    slope = 1 + expected / 20
    assert logs["distance"][-1] == pytest.approx(slope * expected, rel=0.1)
    mix = np.random.default_rng(1).uniform(size=(256, 1)).astype("float32")
    between = tf.constant(points + mix * (fake - points))
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = gan.score(between)
    slopes = np.linalg.norm(tape.gradient(scores, between), axis=1)
    assert slopes.mean() == pytest.approx(slope, abs=0.1)
    assert slopes.std() < 0.2


@pytest.mark.slow
def test_wgan_gp_finds_every_mode_of_the_ring():
    data = kgan.data.load("ring", batch_size=64)
    modes = data.info.modes
    gan = WGANGP.for_data(data.info, width=64, seed=0)
    adam = {"learning_rate": 1e-3, "beta_1": 0.0, "beta_2": 0.9}
    gan.compile(keras.optimizers.Adam(**adam), keras.optimizers.Adam(**adam), jit_compile=False)

    def distances():
        return np.linalg.norm(gan.generate(2000, seed=0)[:, None] - modes.centres, axis=-1)

    assert distances().min(1).mean() > 0.4
    gan.fit(data, epochs=1, steps_per_epoch=500, verbose=0)
    nearest = distances()
    assert nearest.min(1).mean() < 0.35
    assert np.bincount(nearest.argmin(1), minlength=8).min() > 100


@pytest.mark.slow
@pytest.mark.parametrize("family", [WGAN, WGANGP])
def test_it_learns_what_digits_look_like_and_comes_back(family, tmp_path):
    gan = family((8, 8, 1), latent_size=8, width=8, seed=0)
    # Faster than the papers', for a short test.
    gan.compile(
        keras.optimizers.RMSprop(1e-3, rho=0.99, epsilon=1e-16),
        keras.optimizers.RMSprop(1e-3, rho=0.99, epsilon=1e-16),
        jit_compile=False,
    )
    data = kgan.data.load("digits", batch_size=32)
    real = np.concatenate([batch[0] for batch in data])

    def likeness():
        """Of the mean image, whose strokes avoid the corners."""
        samples = gan.generate(256, seed=0)
        return np.corrcoef(samples.mean(0).ravel(), real.mean(0).ravel())[0, 1]

    assert abs(likeness()) < 0.5
    gan.fit(data, epochs=9, verbose=0)
    assert likeness() > 0.8
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert (type(loaded), loaded.width, loaded.latent_size) == (family, 8, 8)
    assert loaded.discriminator_steps == 5
    np.testing.assert_allclose(loaded.generate(4, seed=1), gan.generate(4, seed=1), atol=1e-6)


def test_bad_options_get_a_message():
    for clip in (0, -0.01, "0.01", float("nan"), True):
        with pytest.raises(InputError, match="clip must be a positive number"):
            WGAN((8, 8, 1), clip=clip)
    with pytest.raises(InputError, match="size=32"):
        WGANGP((30, 30, 3))
    with pytest.raises(InputError, match="positive integers"):
        WGANGP((64, 1))
    with pytest.raises(InputError, match="positive integer"):
        WGAN((0,))
    with pytest.raises(InputError, match="width must be"):
        WGANGP(width=-1)
