"""The vanilla GAN: each variant has exactly its tutorial's settings."""

import keras
import numpy as np
import pytest

import kgan
from kgan import latents, losses
from kgan.errors import InputError
from kgan.models import VanillaGAN, vanilla

# units, activation, output, latents, loss, real label, learning rate, beta_1, batch
TABLE = {
    "relu": (
        (128, 128), "ReLU", "tanh", latents.Uniform, losses.NonSaturating, 0.9, 1e-3, 0.9, 100,
    ),
    "leaky_relu": (
        (128, 128), "LeakyReLU", "tanh", latents.Uniform, losses.NonSaturating, 0.9, 1e-3, 0.9, 100,
    ),
    "joint_batch": (
        (256, 256), "LeakyReLU", "tanh", latents.Normal, losses.NonSaturating, 0.9, 2e-4, 0.5, 128,
    ),
    "minimax": ((128,), "ReLU", "sigmoid", latents.Normal, losses.Minimax, 1.0, 1e-3, 0.9, 32),
}  # fmt: skip


@pytest.mark.parametrize("variant", TABLE)
def test_settings_are_those_of_the_table(variant):
    units, activation, output, noise, loss, label, rate, beta, batch = TABLE[variant]
    gan = VanillaGAN((28, 28, 1), variant)
    gan.compile()
    for network in (gan.generator, gan.discriminator):
        dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
        assert tuple(layer.units for layer in dense[:-1]) == units
        hidden = [layer for layer in network.layers if type(layer).__name__ == activation]
        assert len(hidden) == len(units)
        if activation == "LeakyReLU":
            assert all(layer.negative_slope == pytest.approx(0.2) for layer in hidden)
    dense = [layer for layer in gan.generator.layers if isinstance(layer, keras.layers.Dense)]
    assert dense[-1].units == 784
    assert dense[-1].activation.__name__ == output
    assert gan.data_range == {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}[output]
    assert type(gan.latents) is noise
    assert gan.latents.shape == (100,)
    assert (type(gan.loss), gan.loss.real_label) == (loss, label)
    assert gan.joint_batch is (variant == "joint_batch")
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(rate)
        assert optimizer.beta_1 == beta
    assert gan.batch_size == batch
    assert gan.terms == ()


def test_joint_batch_loss_is_binary_cross_entropy_of_one_joint_batch(points):
    gan = VanillaGAN((2,), "joint_batch", output="linear")
    gan.compile(jit_compile=False)
    loss, turn = gan.discriminator_plays(points[:32], None)
    scores = np.concatenate([turn.fake_scores, turn.real_scores])
    labels = np.concatenate([np.zeros((32, 1)), np.full((32, 1), 0.9)])
    expected = keras.losses.BinaryCrossentropy(from_logits=True)(labels, scores)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_minimax_weights_are_drawn_as_its_tutorial_draws_them():
    gan = VanillaGAN((28, 28, 1), "minimax")
    kernels = [w.numpy() for w in gan.weights if w.name == "kernel"]
    biases = [w.numpy() for w in gan.weights if w.name == "bias"]
    assert all(not bias.any() for bias in biases)
    drawn = np.concatenate([kernel.ravel() for kernel in kernels])
    # A normal law cut at two standard deviations has 0.8796 of the spread.
    assert np.abs(drawn).max() <= 0.02
    assert drawn.std() == pytest.approx(0.0088, rel=0.02)
    assert len({kernel.ravel()[0] for kernel in kernels}) == len(kernels)


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(variant, marks=[] if variant == "minimax" else pytest.mark.slow)
        for variant in vanilla.VARIANTS
        if variant != "points"
    ],
)
def test_every_variant_trains_on_digits_and_comes_back(variant, tmp_path):
    gan = VanillaGAN((8, 8, 1), variant)
    gan.compile(jit_compile=False)
    # In [-1, 1] whatever the variant wants: fit brings it there.
    data = kgan.data.load("digits", batch_size=gan.batch_size)
    before = float(np.mean(next(iter(data))[0]))
    gan.fit(data, epochs=8, verbose=0)
    samples = gan.generate(256, seed=0)
    low, high = gan.data_range
    assert samples.min() >= low
    assert samples.max() <= high
    scaled = (samples - low) / (high - low) * 2 - 1
    # Digits are mostly dark; noise of a fresh generator is grey.
    assert scaled.mean() == pytest.approx(before, abs=0.35)
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert (type(loaded), loaded.variant) == (VanillaGAN, variant)
    np.testing.assert_allclose(loaded.generate(4, seed=1), gan.generate(4, seed=1), rtol=1e-6)


def test_bad_options_get_a_message():
    with pytest.raises(InputError, match="Did you mean 'relu'"):
        VanillaGAN((8, 8, 1), "rellu")
    with pytest.raises(InputError, match="positive integers"):
        VanillaGAN((8, None, 1))
    with pytest.raises(InputError, match="latent_size must be"):
        VanillaGAN((8, 8, 1), latent_size=0)
    with pytest.raises(InputError, match="output of VanillaGAN"):
        VanillaGAN((2,), output="softmax")
    with pytest.raises(InputError, match="Unknown model 'vanila'"):
        kgan.models.find("vanila")


def test_a_preset_was_a_variant():
    config = VanillaGAN((8, 8, 1), preset="relu", seed=1).get_config()
    older = {name: value for name, value in config.items() if name != "preset"}
    gan = VanillaGAN.from_config(older | {"variant": "minimax"})
    assert (gan.preset, gan.variant, gan.batch_size) == ("minimax", "minimax", 32)
    assert VanillaGAN.recipe(variant="minimax") == VanillaGAN.recipe(preset="minimax")
    assert gan.get_config()["preset"] == "minimax"
    with pytest.raises(InputError, match="give preset"):
        VanillaGAN((8, 8, 1), preset="relu", variant="relu")


def test_the_catalogue_finds_every_class():
    for name, family in kgan.models.CATALOGUE.items():
        assert kgan.models.find(name).__name__ == family.class_name
        assert getattr(kgan.models, family.class_name) is kgan.models.find(name)
