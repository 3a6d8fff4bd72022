"""Each loss against its formula as the paper writes it, in float64, and against differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import losses
from kgan.errors import InputError

REAL = np.array([[1.5], [-0.3], [4.0], [0.2]])
FAKE = np.array([[-2.0], [0.7], [0.1], [3.0]])


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def cross_entropy(scores, label):
    return -np.mean(label * np.log(sigmoid(scores)) + (1 - label) * np.log(1 - sigmoid(scores)))


# name: (loss, discriminator's formula, generator's formula), none of it sharing code with kgan.
FORMULAS = {
    "minimax": (
        losses.Minimax(),
        lambda r, f: -(np.mean(np.log(sigmoid(r))) + np.mean(np.log(1 - sigmoid(f)))),
        lambda r, f: np.mean(np.log(1 - sigmoid(f))),
    ),
    "smoothed": (
        losses.NonSaturating(real_label=0.9),
        lambda r, f: cross_entropy(r, 0.9) + cross_entropy(f, 0.0),
        lambda r, f: cross_entropy(f, 1.0),
    ),
    "non_saturating": (
        losses.NonSaturating(),
        lambda r, f: cross_entropy(r, 1.0) + cross_entropy(f, 0.0),
        lambda r, f: -np.mean(np.log(sigmoid(f))),
    ),
    "least_squares": (
        losses.LeastSquares(real_label=0.8),
        lambda r, f: 0.5 * np.mean((r - 0.8) ** 2) + 0.5 * np.mean(f**2),
        lambda r, f: 0.5 * np.mean((f - 1) ** 2),
    ),
    "hinge": (
        losses.Hinge(),
        lambda r, f: -np.mean(np.minimum(0, r - 1)) - np.mean(np.minimum(0, -f - 1)),
        lambda r, f: -np.mean(f),
    ),
    "wasserstein": (
        losses.Wasserstein(),
        lambda r, f: np.mean(f) - np.mean(r),
        lambda r, f: -np.mean(f),
    ),
    "relativistic": (
        losses.Relativistic(),
        lambda r, f: -np.mean(np.log(sigmoid(r - f))),
        lambda r, f: -np.mean(np.log(sigmoid(f - r))),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_values_are_those_of_the_formula(name):
    loss, discriminator, generator = FORMULAS[name]
    real, fake = tf.constant(REAL), tf.constant(FAKE)
    np.testing.assert_allclose(loss.discriminator(real, fake), discriminator(REAL, FAKE), 1e-12)
    np.testing.assert_allclose(loss.generator(fake, real), generator(REAL, FAKE), 1e-12)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_gradients_equal_finite_differences(name, player):
    loss = FORMULAS[name][0]

    def value(real, fake):
        if player == "discriminator":
            return loss.discriminator(real, fake)
        return loss.generator(fake, real)

    real, fake = tf.constant(REAL), tf.constant(FAKE)
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        total = value(real, fake)
    analytic = tape.gradient(total, [real, fake], unconnected_gradients="zero")
    for which, scores in enumerate([REAL, FAKE]):
        for index in range(len(scores)):
            sides = []
            for step in (1e-6, -1e-6):
                moved = [REAL.copy(), FAKE.copy()]
                moved[which][index] += step
                sides.append(float(value(tf.constant(moved[0]), tf.constant(moved[1]))))
            difference = (sides[0] - sides[1]) / 2e-6
            np.testing.assert_allclose(analytic[which][index, 0], difference, atol=1e-8)


@pytest.mark.parametrize("name", FORMULAS)
def test_extreme_scores_stay_finite(name):
    loss = FORMULAS[name][0]
    real = tf.constant([[-1e4], [1e4], [0.0]])
    fake = tf.constant([[1e4], [-1e4], [0.0]])
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        total = loss.discriminator(real, fake) + loss.generator(fake, real)
    gradients = tape.gradient(total, [real, fake])
    assert np.isfinite(total)
    assert all(np.isfinite(g).all() for g in gradients)


def test_the_generator_still_learns_where_the_discriminator_is_sure():
    fake = tf.constant([[-30.0]])
    slopes = {}
    for name in ("minimax", "non_saturating"):
        with tf.GradientTape() as tape:
            tape.watch(fake)
            value = losses.get(name).generator(fake)
        slopes[name] = abs(tape.gradient(value, fake).numpy().item())
    assert slopes["minimax"] < 1e-12
    assert slopes["non_saturating"] == pytest.approx(1.0, abs=1e-6)


def test_minimax_value_at_the_equilibrium_is_log_four():
    undecided = tf.zeros((8, 1), tf.float64)
    assert float(losses.Minimax().discriminator(undecided, undecided)) == pytest.approx(np.log(4))


@pytest.mark.parametrize("name", FORMULAS)
def test_losses_survive_serialization(name):
    loss = FORMULAS[name][0]
    config = keras.saving.serialize_keras_object(loss)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(loss)
    assert copy.get_config() == loss.get_config()


def test_unknown_names_and_foreign_losses_get_a_message():
    with pytest.raises(InputError, match="Did you mean 'hinge'"):
        losses.get("hing")
    with pytest.raises(InputError, match="cannot judge two players"):
        losses.get(keras.losses.BinaryCrossentropy())
    with pytest.raises(InputError, match="real_label must be a number in"):
        losses.NonSaturating(real_label=1.2)
