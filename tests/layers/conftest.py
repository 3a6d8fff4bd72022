"""Derivatives by finite differences, for the tests of layers."""

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def second_derivative_holds(float64):
    """Compares the gradient of a gradient penalty with finite differences, in float64.

    The penalty is ‖∂s/∂x‖² for a curved score s of a layer's output; its gradient is taken with
    respect to x and the layer's trainable variables.
    """

    def check(layer, x):
        rng = np.random.default_rng(1)
        x = tf.Variable(x, dtype=tf.float64)
        shape = layer(x).shape
        weights = tf.constant(rng.normal(size=shape))

        @tf.function
        def penalty(value):
            with tf.GradientTape() as tape:
                tape.watch(value)
                score = tf.reduce_sum(tf.sin(layer(value)) * weights)
            return tf.reduce_sum(tape.gradient(score, value) ** 2)

        variables = [x, *(variable.value for variable in layer.trainable_variables)]
        with tf.GradientTape() as tape:
            value = penalty(tf.convert_to_tensor(x))
        gradients = tape.gradient(value, variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            assert gradient is not None, variable.name
            step = tf.constant(1e-5 * rng.normal(size=variable.shape))
            ahead, behind = (
                _with(variable, sign * step, lambda: penalty(tf.convert_to_tensor(x)))
                for sign in (1, -1)
            )
            expected = tf.reduce_sum(gradient * step)
            np.testing.assert_allclose(
                (ahead - behind) / 2, expected, rtol=1e-5, atol=1e-13, err_msg=variable.name
            )

    return check


def _with(variable, change, function):
    before = tf.identity(variable)
    variable.assign_add(change)
    try:
        return function()
    finally:
        variable.assign(before)
