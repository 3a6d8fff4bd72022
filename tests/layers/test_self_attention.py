"""Self-attention against equations 1 to 3 in NumPy, position by position."""

import keras
import numpy as np
import pytest

from kgan.errors import InputError
from kgan.layers import SelfAttention, SpectralNormalization


def softmax(values):
    values = np.exp(values - values.max())
    return values / values.sum()


def attended(layer, x, pool):
    """The layer's output for one sample `(height, width, channels)`."""
    queries, keys, values, out = (
        convolution.kernel.numpy()[0, 0]
        for convolution in (layer.queries, layer.keys, layer.values, layer.attended)
    )
    height, width, channels = x.shape

    def places(maps):
        if not pool:
            return maps.reshape(height * width, -1)
        return np.array(
            [
                maps[row : row + 2, column : column + 2].max(axis=(0, 1))
                for row in range(0, height, 2)
                for column in range(0, width, 2)
            ]
        )

    f, h = places(x @ keys), places(x @ values)
    o = np.array([softmax(f @ (place @ queries)) @ h @ out for place in x.reshape(-1, channels)])
    return layer.gamma.numpy() * o.reshape(x.shape) + x


@pytest.mark.parametrize("pool", [True, False])
@pytest.mark.parametrize("places", [(4, 2), (3, 5)])
def test_equals_the_equations(pool, places):
    x = np.random.default_rng(0).normal(size=(2, *places, 6)).astype("float32")
    layer = SelfAttention(reduction=2, pool=pool)
    layer.build(x.shape)
    layer.gamma.assign(0.7)
    wanted = [attended(layer, sample, pool) for sample in x]
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == x.shape
    open_sizes = keras.Model(inputs := keras.Input((None, None, 6)), layer(inputs))
    np.testing.assert_allclose(open_sizes(x), wanted, rtol=1e-4, atol=1e-5)


def test_starts_as_the_identity_with_kernels_of_their_own():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 4)).astype("float32")
    layer = SelfAttention()
    np.testing.assert_array_equal(layer(x), x)
    assert layer.queries.kernel.shape == (1, 1, 4, 1)
    assert np.abs(layer.queries.kernel - layer.keys.kernel.numpy()).max() > 1e-3


@pytest.mark.parametrize("pool", [True, False])
def test_gradient_penalty_has_a_gradient(second_derivative_holds, pool):
    layer = SelfAttention(reduction=2, pool=pool)
    layer.build((2, 4, 3, 4))
    layer.gamma.assign(0.7)
    second_derivative_holds(layer, np.random.default_rng(0).normal(size=(2, 4, 3, 4)))


def test_spectral_normalization_wraps_the_convolutions_and_saves(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 8)).astype("float32")
    layer = SelfAttention(4, False, spectral_normalization=True, kernel_initializer="orthogonal")
    model = keras.Sequential([keras.Input((4, 4, 8)), layer])
    layer.gamma.assign(1.0)
    assert isinstance(layer.queries, SpectralNormalization)
    before = layer.values.u.numpy()
    layer.values.layer.kernel.assign(np.random.default_rng(1).normal(size=(1, 1, 8, 4)))
    model(x, training=True)
    assert np.abs(layer.values.u - before).max() > 1e-3
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    assert isinstance(loaded.layers[0].kernel_initializer, keras.initializers.Orthogonal)


def test_large_products_do_not_overflow_half_precision():
    layer = SelfAttention(dtype="mixed_float16")
    layer.build((1, 4, 4, 16))
    layer.gamma.assign(1.0)
    outputs = layer(np.full((1, 4, 4, 16), 3000.0))
    assert outputs.dtype == "float16"
    assert np.isfinite(outputs).all()


def test_says_what_it_takes():
    with pytest.raises(InputError, match="height, width, channels"):
        SelfAttention()(np.ones((2, 8)))
    with pytest.raises(InputError, match="reduction"):
        SelfAttention(reduction=0)
