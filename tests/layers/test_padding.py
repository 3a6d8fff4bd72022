"""Reflection padding against NumPy's, and its derivatives."""

import numpy as np
import pytest
import tensorflow as tf

from kgan.layers import ReflectionPadding2D


@pytest.mark.parametrize("width", [1, 3])
def test_it_mirrors_without_repeating_the_border(width):
    images = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype("float32")
    edges = ((0, 0), (width, width), (width, width), (0, 0))
    padded = ReflectionPadding2D(width)(images)
    np.testing.assert_array_equal(padded, np.pad(images, edges, "reflect"))


def test_a_gradient_can_be_differentiated_again():
    images = tf.random.stateless_normal((1, 4, 4, 1), (0, 1), dtype=tf.float64)
    layer = ReflectionPadding2D(1, dtype="float64")
    with tf.GradientTape() as outer:
        outer.watch(images)
        with tf.GradientTape() as inner:
            inner.watch(images)
            total = tf.reduce_sum(layer(images) ** 3)
        gradient = inner.gradient(total, images)
    # The total is a weighted sum of cubes: gradient · x = 3 · total, and once more.
    second = outer.gradient(gradient, images)
    times = np.zeros((4, 4))
    for row, column in np.ndindex(6, 6):
        times[[1, 0, 1, 2, 3, 2][row], [1, 0, 1, 2, 3, 2][column]] += 1
    np.testing.assert_allclose(second[0, ..., 0], 6 * times * images[0, ..., 0], rtol=1e-9)
