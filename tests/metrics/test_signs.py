"""Signs of trouble against samples that have it by construction."""

import numpy as np
import pytest

from kgan.metrics import signs


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_energy_distance_of_points_on_a_line():
    # E|X - Y| = 3, E|X - X'| = 2 and E|Y - Y'| = 2 over pairs of different points.
    assert signs.energy(np.array([[0.0], [2.0]]), np.array([[3.0], [5.0]])) == pytest.approx(1 / 3)
    assert signs.energy(np.zeros((3, 1)), np.zeros((3, 1))) == 0.0


def test_energy_of_equal_distributions_is_near_zero(rng):
    one, other = rng.normal(size=(2, 400, 5))
    assert signs.energy(one, other) < 0.005
    assert signs.energy(one, other + 3.0) > 0.4


def test_overfitting_is_equation_1_of_karras(rng):
    noise = rng.normal(0, 0.1, (3, 200))
    train, fake = 2.0 + noise[0], -2.0 + noise[1]
    for middle, expected in ((2.0, 0.0), (0.0, 0.5), (-2.0, 1.0)):
        found = signs.overfitting(train, middle + noise[2], fake)
        assert found == pytest.approx(expected, abs=0.02)
    assert np.isnan(signs.overfitting(noise[0], noise[1], noise[2]))


def test_copies_are_near_to_one_training_sample_only(rng):
    training, new = rng.normal(size=(200, 10)), rng.normal(size=(100, 10))
    near = signs.Neighbours(training, new)
    probability, ratio, alone = near.copies(new)
    assert (probability, ratio, alone) == (0.5, pytest.approx(1.0), pytest.approx(1.0))
    probability, ratio, alone = near.copies(training[:50] + 0.01)
    assert probability == 1.0 and ratio < 0.1 and alone < 0.1
    # The mean of all is near to each, and a copy of none.
    assert near.copies(np.zeros((50, 10)))[2] > 0.9
    assert near.copied(training[:50] + 0.01) == 1.0
    assert near.copied(new) <= 0.01


def test_without_held_out_samples_training_samples_are_compared_with_each_other(rng):
    training = rng.normal(size=(300, 4))
    probability, ratio, _ = signs.Neighbours(training).copies(rng.normal(size=(300, 4)))
    assert probability == pytest.approx(0.5, abs=0.1)
    assert ratio == pytest.approx(1.0, abs=0.2)


def test_large_images_are_reduced_and_copies_still_found(rng):
    training = rng.normal(size=(30, 64, 64, 3)).repeat(1, axis=0)
    near = signs.Neighbours(training)
    assert near.copies(training[:10])[1] == pytest.approx(0.0, abs=1e-2)


def test_values_at_the_ends_are_counted():
    images = np.array([[-1.0, -0.999, 0.0, 0.5, 1.0]])
    assert signs.clipped(images, (-1.0, 1.0)) == pytest.approx(3 / 5)


@pytest.mark.parametrize("period", [2, 4])
def test_a_pattern_of_pixels_rises_in_the_spectrum(rng, period):
    real = np.cumsum(np.cumsum(rng.normal(size=(60, 32, 32, 1)), 1), 2)
    real /= real.std()
    peaks, power = signs.peaks(real), signs.power(real)
    assert signs.checkerboard(peaks, signs.peaks(real), power) == pytest.approx(1.0)
    wave = np.cos(2 * np.pi * np.arange(32) / period)
    patterned = real + 0.3 * (wave[:, None] * wave)[None, ..., None]
    assert signs.checkerboard(peaks, signs.peaks(patterned), power) > 10
    # Neither blurred nor noisy images have one.
    blurred = (real + np.roll(real, 1, 1) + np.roll(real, 1, 2)) / 3
    noisy = real + 0.3 * rng.normal(size=real.shape)
    for images in (blurred, noisy):
        assert signs.checkerboard(peaks, signs.peaks(images), power) < 3


def test_small_and_odd_images_have_no_such_frequencies():
    assert signs.has_spectrum((16, 16, 3)) and signs.has_spectrum((28, 28, 1))
    assert not signs.has_spectrum((8, 8, 1))
    assert not signs.has_spectrum((15, 16, 1))
    assert not signs.has_spectrum((16, 16))
