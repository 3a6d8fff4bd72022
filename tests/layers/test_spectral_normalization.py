"""Spectral normalization against singular values and algorithm 1 in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.errors import InputError
from kgan.layers import SelfAttention, SpectralNormalization

layers = keras.layers


def rows_of_outputs(kernel, layer):
    """W of the paper: a row an output channel."""
    if isinstance(layer, layers.Conv2DTranspose):
        return np.moveaxis(kernel, 2, 0).reshape(kernel.shape[2], -1)
    if isinstance(layer, layers.DepthwiseConv2D):
        return kernel.reshape(-1, kernel.shape[2] * kernel.shape[3]).T
    return kernel.reshape(-1, kernel.shape[-1]).T


def unit(vector):
    return vector / np.linalg.norm(vector)


def used_kernel(wrapper, **arguments):
    """The kernel that a wrapped Dense layer runs with, its bias added."""
    units = wrapper.layer.kernel.shape[0]
    return np.array(wrapper(np.eye(units, dtype=wrapper.variable_dtype), **arguments))


@pytest.fixture
def dense():
    """A built wrapper of a 5×3 kernel, and the kernel."""
    wrapper = SpectralNormalization(layers.Dense(3, use_bias=False))
    wrapper.build((None, 5))
    return wrapper, wrapper.layer.kernel.numpy()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Dense(6), (2, 5)),
        (layers.Conv1D(6, 3), (2, 7, 4)),
        (layers.Conv2D(6, 3, groups=2), (2, 7, 7, 4)),
        (layers.Conv3D(6, 2), (2, 3, 3, 3, 4)),
        (layers.Conv2DTranspose(3, 4, strides=2), (2, 3, 3, 5)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (2, 5, 5, 3)),
        (layers.Embedding(7, 4), (2,)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, layers.Layer) else "",
)
def test_divides_by_the_largest_singular_value(layer, shape):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 7, shape) if len(shape) == 1 else rng.normal(size=shape).astype("float32")
    wrapper = SpectralNormalization(layer, iterations=200)
    outputs = wrapper(x, training=True)
    kernel = layer.embeddings if isinstance(layer, layers.Embedding) else layer.kernel
    sigma = np.linalg.svd(rows_of_outputs(kernel.numpy(), layer), compute_uv=False)[0]
    kernel.assign(kernel / sigma)
    np.testing.assert_allclose(outputs, layer(x), rtol=1e-4, atol=1e-5)
    assert wrapper.u.shape == (rows_of_outputs(kernel.numpy(), layer).shape[0],)
    assert wrapper.compute_output_shape(shape) == outputs.shape


def test_is_near_from_the_first_call():
    wrapper = SpectralNormalization(layers.Conv2DTranspose(32, 3))
    wrapper.build((None, 4, 4, 64))
    W = rows_of_outputs(wrapper.layer.kernel.numpy(), wrapper.layer)
    estimate = np.linalg.norm(wrapper.u @ W)
    assert estimate == pytest.approx(np.linalg.svd(W, compute_uv=False)[0], rel=0.03)


def test_one_training_call_is_one_iteration_of_algorithm_1(dense):
    wrapper, kernel = dense
    W, u = kernel.T, np.random.default_rng(0).normal(size=3)
    wrapper.u.assign(u)
    u = unit(u)
    v = unit(W.T @ u)
    u = unit(W @ v)
    np.testing.assert_allclose(used_kernel(wrapper, training=True), kernel / (u @ W @ v), rtol=1e-5)
    np.testing.assert_allclose(wrapper.u, u, rtol=1e-5)
    v = unit(W.T @ u)
    np.testing.assert_allclose(used_kernel(wrapper), kernel / (u @ W @ v), rtol=1e-5)


def test_u_moves_in_training_only_and_the_kernel_never(dense):
    wrapper, kernel = dense
    wrapper.u.assign([2.0, 0.0, 0.0])
    used_kernel(wrapper)
    with keras.StatelessScope():
        used_kernel(wrapper, training=True)
    np.testing.assert_array_equal(wrapper.u, [2.0, 0.0, 0.0])
    used_kernel(wrapper, training=True)
    assert np.linalg.norm(wrapper.u) == pytest.approx(1.0)
    assert np.abs(wrapper.u - [1.0, 0.0, 0.0]).max() > 0.01
    np.testing.assert_array_equal(wrapper.layer.kernel, kernel)


def test_uses_the_weights_of_a_scope_around_it():
    wrapper = SpectralNormalization(layers.Dense(3))
    wrapper.build((None, 5))
    rng = np.random.default_rng(0)
    kernel, bias, u = (rng.normal(size=shape).astype("float32") for shape in ((5, 3), 3, 3))
    u = unit(u)
    averages = [(wrapper.layer.kernel, kernel), (wrapper.layer.bias, bias), (wrapper.u, u)]
    with keras.StatelessScope(averages) as scope:
        result = used_kernel(wrapper)
        used_kernel(wrapper, training=True)
        moved = scope.get_current_value(wrapper.u)
    np.testing.assert_allclose(result, kernel / np.linalg.norm(kernel @ u) + bias, rtol=1e-5)
    np.testing.assert_allclose(moved, unit(kernel.T @ (kernel @ u)), rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_gradient_goes_through_sigma(float64, training):
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(4, 5)), rng.normal(size=(4, 3))
    wrapper = SpectralNormalization(layers.Dense(3, use_bias=False))
    wrapper.build((None, 5))
    wrapper.u.assign(unit(rng.normal(size=3)))
    kernel, u = wrapper.layer.kernel.numpy(), wrapper.u.numpy()
    v = unit(kernel @ u)
    if training:
        u = unit(v @ kernel)

    def loss(kernel):
        return np.sum(x @ kernel / (v @ kernel @ u) * weights)

    steps = 1e-6 * np.eye(15).reshape(-1, 5, 3)
    expected = [(loss(kernel + step) - loss(kernel - step)) / 2e-6 for step in steps]
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(wrapper(x, training=training) * weights)
    gradient = tape.gradient(value, wrapper.layer.kernel.value)
    np.testing.assert_allclose(value, loss(kernel), rtol=1e-10)
    np.testing.assert_allclose(np.ravel(gradient), expected, rtol=1e-6, atol=1e-8)


def test_gradient_penalty_has_a_gradient(second_derivative_holds):
    layer = SpectralNormalization(
        layers.Conv2DTranspose(2, 3, strides=2, activation="tanh"), iterations=300
    )
    # Away from their fixed point u and v would move with the kernel in the finite differences;
    # at it they count as constants, to first order.
    layer(np.zeros((1, 3, 3, 2)), training=True)
    second_derivative_holds(layer, np.random.default_rng(0).normal(size=(2, 3, 3, 2)))


def test_saves_u_and_the_raw_kernel(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 2)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((3, 3, 2)),
            SpectralNormalization(layers.Conv2DTranspose(3, 3), iterations=2, epsilon=1e-9),
        ]
    )
    model.layers[0].u.assign([1.0, 0.0, 0.0])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    np.testing.assert_array_equal(loaded(x, training=True), model(x, training=True))
    np.testing.assert_array_equal(loaded.layers[0].u, model.layers[0].u)
    assert loaded.layers[0].iterations == 2
    assert loaded.layers[0].epsilon == 1e-9


def test_a_kernel_of_zeros_stays(dense):
    wrapper, _ = dense
    u = wrapper.u.numpy()
    wrapper.layer.kernel.assign(np.zeros((5, 3)))
    with tf.GradientTape() as tape:
        outputs = wrapper(np.ones((2, 5)), training=True)
    assert np.all(np.array(outputs) == 0)
    np.testing.assert_array_equal(tape.gradient(outputs, wrapper.layer.kernel.value), 2.0)
    np.testing.assert_allclose(wrapper.u, u, rtol=1e-6)


def test_measures_in_float32_and_computes_in_half():
    wrapper = SpectralNormalization(layers.Dense(64, use_bias=False, dtype="mixed_float16"))
    model = keras.Sequential([layers.Activation("linear", dtype="mixed_float16"), wrapper])
    outputs = model(np.eye(128, dtype="float16"))
    kernel = wrapper.layer.kernel.numpy()
    sigma = np.linalg.norm(kernel @ wrapper.u.numpy())
    assert outputs.dtype == "float16"
    assert wrapper(keras.Input((128,), dtype="float16")).dtype == "float16"
    # Not a rounded kernel by a rounded σ; a last digit may differ here and there.
    assert np.mean(np.array(outputs) != (kernel / sigma).astype("float16")) < 0.01


def test_passes_on_losses_and_state():
    class Counting(layers.Dense):
        def build(self, shape):
            super().build(shape)
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, inputs, training=False):
            if training:
                self.calls.assign_add(1.0)
            return super().call(inputs)

    wrapper = SpectralNormalization(Counting(3, activity_regularizer="l2"))
    wrapper(np.ones((2, 4)))
    wrapper(np.ones((2, 4)), training=True)
    assert wrapper.layer.calls == 1
    assert len(wrapper.losses) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpectralNormalization("dense"), "wraps a Keras layer"),
        (lambda: SpectralNormalization(layers.Dense(1), iterations=0), "iterations"),
        (lambda: SpectralNormalization(layers.Dense(1), epsilon=0), "epsilon"),
        (lambda: SpectralNormalization(layers.Dense(1), dtype="float16"), "give `dtype` to the"),
        (lambda: SpectralNormalization(layers.ReLU())(np.ones((1, 2))), "ReLU has no `kernel`"),
        (lambda: SpectralNormalization(SelfAttention())(np.ones((1, 2, 2, 8))), "Wrap the Dense"),
    ],
)
def test_says_what_it_cannot_wrap(make, message):
    with pytest.raises(InputError, match=message):
        make()
