"""Penalties by value: against closed forms and against finite differences of their gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import penalties
from kgan.errors import InputError
from kgan.terms import Turn


class Bilinear(keras.layers.Layer):
    """Scores D(x) = w·x + a/2 ‖x‖², whose gradient with respect to x is w + a x."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), initializer="random_normal", name="w")
        self.a = self.add_weight(shape=(), initializer="ones", name="a")

    def call(self, x):
        return x @ self.w + 0.5 * self.a * keras.ops.sum(x**2, axis=-1, keepdims=True)


@pytest.fixture
def quadratic(networks):
    discriminator = keras.Sequential([keras.Input((2,)), Bilinear()])
    return kgan.GAN(networks()[0], discriminator)


def turn(gan, real, fake):
    return Turn(gan, tf.constant(real), tf.constant(fake), None, None, None, None)


def test_values_equal_the_closed_form(quadratic, points):
    w = quadratic.discriminator.layers[-1].w.numpy().ravel()
    fake = points[::-1] * 0.5
    where = turn(quadratic, points, fake)
    expected = {
        penalties.R1: 0.5 * np.mean(np.sum((w + points) ** 2, 1)),
        penalties.R2: 0.5 * np.mean(np.sum((w + fake) ** 2, 1)),
    }
    for penalty, value in expected.items():
        np.testing.assert_allclose(penalty()(where), value, rtol=1e-5)


def test_gradient_penalty_looks_between_real_and_generated(quadratic, points):
    quadratic.discriminator.layers[-1].w.assign([[0.0], [0.0]])
    # With w = 0 the slope at a point is its distance from the origin.
    real, fake = np.full((4096, 2), 3.0, "float32"), np.full((4096, 2), 1.0, "float32")
    value = float(penalties.GradientPenalty()(turn(quadratic, real, fake)))
    # E(√2 (1 + 2u) - 1)² over u uniform in [0, 1]: a = √2 - 1, b = 2√2, a² + ab + b²/3.
    a, b = np.sqrt(2) - 1, 2 * np.sqrt(2)
    assert value == pytest.approx(a**2 + a * b + b**2 / 3, rel=0.03)


def test_gradient_penalty_of_a_dead_critic_has_a_finite_gradient(quadratic):
    layer = quadratic.discriminator.layers[-1]
    layer.w.assign([[0.0], [0.0]])
    layer.a.assign(0.0)
    zeros = np.zeros((4, 2), "float32")
    with tf.GradientTape() as tape:
        value = penalties.GradientPenalty()(turn(quadratic, zeros, zeros))
    gradients = tape.gradient(value, quadratic.discriminator.trainable_variables)
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("name", ["r1", "r2", "gradient_penalty"])
def test_second_derivatives_equal_finite_differences(name, networks, points, float64):
    gan = kgan.GAN(*networks(width=5), seed=1)
    where = turn(gan, points[:8].astype("float64"), points[8:16].astype("float64") * 0.3)
    penalty = penalties.get(name)

    def value():
        # The gradient penalty draws where it looks; the same draw for every evaluation.
        gan._training_seeds.state.assign([5, 0])
        return penalty(where)

    with tf.GradientTape() as tape:
        total = value()
    kernel = gan.discriminator.trainable_variables[0]
    analytic = tape.gradient(total, kernel).numpy()
    start = kernel.numpy()
    for index in [(0, 0), (1, 3)]:
        sides = []
        for step in (1e-5, -1e-5):
            moved = start.copy()
            moved[index] += step
            kernel.assign(moved)
            sides.append(float(value()))
        kernel.assign(start)
        difference = (sides[0] - sides[1]) / 2e-5
        assert analytic[index] == pytest.approx(difference, rel=1e-6)


def test_a_penalty_leaves_batch_statistics_alone(networks, points):
    gan = kgan.GAN(*networks(batch_norm=True))
    before = [v.numpy() for v in gan.discriminator.non_trainable_weights]
    penalties.R1()(turn(gan, points, points))
    for old, now in zip(before, gan.discriminator.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, now.numpy())


def test_names_weights_and_schedules_survive_serialization():
    schedule = keras.optimizers.schedules.CosineDecay(10.0, 100)
    penalty = penalties.R1(gamma=schedule, every=16, name="lazy")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(penalty))
    assert (copy.every, copy.name) == (16, "lazy")
    assert float(copy.weight_at(50)) == pytest.approx(float(schedule(50)))
    with pytest.raises(InputError, match="Did you mean .*'r1'"):
        penalties.get("r3")
    with pytest.raises(InputError, match="must not be negative"):
        penalties.R1(-1.0)
    with pytest.raises(InputError, match="finite number"):
        penalties.GradientPenalty(float("nan"))
