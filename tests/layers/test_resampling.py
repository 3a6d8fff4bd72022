"""Pixel shuffling against its equation, resamplers against SciPy's filters."""

import keras
import numpy as np
import pytest
from scipy import ndimage

from kgan.errors import InputError
from kgan.layers import Downsample, PixelShuffle, PixelUnshuffle, Upsample

MODES = {"edge": "nearest", "zeros": "constant"}


def filtered(x, border):
    """`x` under [1, 2, 1] / 4 along its spatial axes."""
    for axis in range(1, x.ndim - 1):
        x = ndimage.convolve1d(x, [0.25, 0.5, 0.25], axis=axis, mode=MODES[border])
    return x


@pytest.fixture(params=[(2, 4, 6, 3), (2, 8, 3), (1, 2, 4, 2, 2)], ids=["2D", "1D", "3D"])
def x(request):
    return np.random.default_rng(0).normal(size=request.param).astype("float32")


@pytest.mark.parametrize("border", MODES)
def test_upsample_repeats_and_filters(x, border):
    layer = Upsample(border)
    wanted = x
    for axis in range(1, x.ndim - 1):
        wanted = np.repeat(wanted, 2, axis=axis)
    np.testing.assert_allclose(layer(x), filtered(wanted, border), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape(x.shape) == wanted.shape


@pytest.mark.parametrize("border", MODES)
def test_downsample_filters_and_averages(x, border):
    layer = Downsample(border)
    wanted = filtered(x, border)
    for axis in range(1, x.ndim - 1):
        first, second = (np.take(wanted, range(k, x.shape[axis], 2), axis) for k in (0, 1))
        wanted = (first + second) / 2
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape(x.shape) == wanted.shape


def test_constants_stay_up_to_the_border(x):
    for layer in (Upsample(), Downsample()):
        np.testing.assert_allclose(layer(np.ones_like(x)), 1.0, rtol=1e-6)


def test_open_sizes(x):
    inputs = keras.Input((*(None for _ in x.shape[1:-1]), x.shape[-1]))
    for layer in (Upsample(), Downsample()):
        np.testing.assert_array_equal(keras.Model(inputs, layer(inputs))(x), layer(x))


@pytest.mark.parametrize("layer", [Upsample, Downsample])
def test_gradient_penalty_has_a_gradient(second_derivative_holds, layer):
    second_derivative_holds(layer(), np.random.default_rng(0).normal(size=(1, 2, 4, 2)))


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_pixel_shuffle_follows_equation_4(scale):
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 2 * scale**2)).astype("float32")
    shuffled = PixelShuffle(scale)(x)
    assert PixelShuffle(scale).compute_output_shape(x.shape) == shuffled.shape
    wanted = np.empty((2, 3 * scale, 2 * scale, 2))
    for row, column, channel in np.ndindex(*wanted.shape[1:]):
        source = 2 * scale * (row % scale) + 2 * (column % scale) + channel
        wanted[:, row, column, channel] = x[:, row // scale, column // scale, source]
    np.testing.assert_array_equal(shuffled, wanted)
    unshuffle = PixelUnshuffle(scale)
    np.testing.assert_array_equal(unshuffle(shuffled), x)
    assert unshuffle.compute_output_shape(shuffled.shape) == x.shape


def test_say_what_they_take():
    x = np.ones((2, 3, 4, 6))
    for call, message in (
        (lambda: PixelShuffle()(x), "4 divides"),
        (lambda: PixelShuffle(0), "scale"),
        (lambda: PixelUnshuffle()(x), "sizes that 2 divides"),
        (lambda: PixelUnshuffle()(x[0]), "height, width, channels"),
        (lambda: Downsample()(x), "sizes that 2 divides"),
        (lambda: Upsample("reflect"), "edge, zeros"),
        (lambda: Upsample()(x[0, 0]), "a spatial axis"),
    ):
        with pytest.raises(InputError, match=message):
            call()
