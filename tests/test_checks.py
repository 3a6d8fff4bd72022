"""Unsuitable networks: one clear error message, raised when the GAN is made."""

import keras
import numpy as np
import pytest
from keras import layers

import kgan
from kgan.errors import InputError


def generator(latent=3, shape=(2,)):
    return keras.Sequential([keras.Input((latent,)), layers.Dense(shape[-1])])


def discriminator(*last, shape=(2,)):
    return keras.Sequential([keras.Input(shape), *(last or [layers.Dense(1)])])


@pytest.mark.parametrize(
    "last",
    [
        [layers.Dense(1, activation="sigmoid")],
        [layers.Dense(1), layers.Activation("sigmoid")],
        [layers.Dense(1, activation="sigmoid"), layers.Flatten()],
        [keras.Sequential([layers.Dense(1, activation="sigmoid")])],
    ],
)
def test_a_sigmoid_at_the_end_is_seen_wherever_it_stands(last):
    with pytest.raises(InputError, match="ends in a sigmoid, but kgan's losses take raw scores"):
        kgan.GAN(generator(), discriminator(*last))


def test_a_gate_inside_a_subclassed_network_is_no_sigmoid_at_the_end():
    class Gated(keras.Model):
        def __init__(self):
            super().__init__()
            self.last = layers.Dense(1)
            self.gate = layers.Dense(2, activation="sigmoid")

        def call(self, x):
            return self.last(x * self.gate(x))

    kgan.GAN(generator(), Gated())


def test_a_sigmoid_operation_at_the_end_of_a_functional_network_is_seen():
    x = keras.Input((2,))
    with pytest.raises(InputError, match="ends in a sigmoid"):
        kgan.GAN(generator(), keras.Model(x, keras.ops.sigmoid(layers.Dense(1)(x))))


def test_a_subclass_may_feed_its_generator_more_than_noise():
    class Conditional(kgan.GAN):
        def example_condition(self, count):
            return keras.ops.zeros((count, 3))

        def forward(self, latents, condition=None, training=False):
            return self.generator([latents, condition], training=training)

    assert Conditional(two_inputs(), discriminator(), latents=3).sample_shape == (2,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kgan.GAN(generator(), discriminator(layers.Dense(10))), "expected one raw score"),
        (
            lambda: kgan.GAN(generator(shape=(5,)), discriminator()),
            r"makes samples of shape \(5,\), but the discriminator takes \(2,\)",
        ),
        (
            lambda: kgan.GAN(generator(), discriminator(), latents=7),
            r"latents have shape \(7,\), but the generator takes \(3,\)",
        ),
        (lambda: kgan.GAN("generator", discriminator()), "generator must be a keras.Model"),
        (
            lambda: kgan.GAN(keras.Sequential([layers.Dense(2)]), discriminator()),
            "no input shape yet",
        ),
        (lambda: kgan.GAN(two_inputs(), discriminator()), "takes 2 inputs"),
        (lambda: kgan.GAN(generator(), discriminator(), data_range=(1, -1)), "low < high"),
        (lambda: kgan.GAN(generator(), discriminator(), data_range=3), "data_range must be"),
    ],
)
def test_networks_that_do_not_fit(make, message):
    with pytest.raises(InputError, match=message):
        make()


def two_inputs():
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], layers.Dense(2)(a + b))


def test_an_unbuilt_generator_is_built_from_the_latents():
    gan = kgan.GAN(keras.Sequential([layers.Dense(2)]), discriminator(), latents=4)
    assert gan.generate(3).shape == (3, 2)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("tanh", (-1.0, 1.0)), ("sigmoid", (0.0, 1.0)), ("linear", None), ("relu", None)],
)
def test_the_range_is_read_off_the_generator(activation, expected):
    network = generator()
    network.add(layers.Activation(activation))
    network.add(layers.Reshape((2,)))
    assert kgan.GAN(network, discriminator()).data_range == expected
    assert kgan.GAN(network, discriminator(), data_range=(0, 2)).data_range == (0.0, 2.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "hinged"}, "Did you mean 'hinge'"),
        ({"penalties": ["r11"]}, "Did you mean .*'r1'"),
        ({"discriminator_steps": 0}, "discriminator_steps must be a positive integer"),
        ({"accumulation_steps": 1.5}, "accumulation_steps must be a positive integer"),
        ({"steps_per_execution": 0}, "steps_per_execution must be a positive integer or 'auto'"),
        ({"ema": 1.5}, r"ema is a decay in \[0, 1\)"),
        ({"shared_forward": True, "discriminator_steps": 2}, "shared_forward"),
        ({"penalties": ["r1", "r1"]}, "Two logs are named 'r1'"),
        ({"penalties": "r11"}, "Unknown penalty 'r11'"),
        ({"g_optimizer": "adamm"}, "Did you mean 'adam"),
        ({"jit_compile": "yes"}, "jit_compile must be True, False or 'auto'"),
        ({"metrics": [keras.metrics.Mean(name="d_loss")]}, "'d_loss', which is taken"),
        ({"terms": [3]}, "A term is a kgan.Term"),
        ({"terms": [int]}, "A term is a kgan.Term"),
        ({"penalties": [kgan.penalties.R1]}, "R1"),
        ({"augment": kgan.augment.Flip}, "An augmentation is"),
        ({"metrics": [3]}, "metrics takes names of kgan.metrics"),
    ],
)
def test_settings_that_make_no_sense(gan, settings, message):
    with pytest.raises(InputError, match=message):
        gan.compile(**settings)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda gan: gan.generate(), "needs a number"),
        (lambda gan: gan.generate(0), "n must be a positive integer"),
        (lambda gan: gan.generate(latents=np.zeros((4, 9))), r"expected \(n, 3\)"),
        (lambda gan: gan.generate(3, latents=np.zeros((4, 3))), "n=3 was asked for"),
        (lambda gan: gan.generate(2, seed=1.7), "seed must be an integer"),
        (lambda gan: gan.generate(2, truncation=-1), "truncation must be a positive"),
    ],
)
def test_what_generate_refuses(gan, ask, message):
    with pytest.raises(InputError, match=message):
        ask(gan)


def test_a_generator_out_of_reach_of_the_loss_is_named(points):
    class Rounded(layers.Layer):
        def call(self, x):
            return keras.ops.stop_gradient(x)

    network = generator()
    network.add(Rounded())
    gan = kgan.GAN(network, discriminator())
    gan.compile(jit_compile=False)
    with pytest.raises(InputError, match="No gradient reaches the generator"):
        gan.fit(points, verbose=0)
