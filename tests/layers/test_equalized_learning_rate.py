"""Run-time scaling of weights against plain layers with scaled weights."""

import keras
import numpy as np
import pytest

from kgan.errors import InputError
from kgan.layers import EqualizedLearningRate

layers = keras.layers


@pytest.mark.parametrize(
    ("layer", "shape", "fan_in"),
    [
        (layers.Dense(6), (2, 5), 5),
        (layers.Conv2D(6, 3), (2, 4, 4, 5), 45),
        (layers.Conv2DTranspose(6, 4, strides=2), (2, 3, 3, 5), 80),
        (layers.DepthwiseConv2D(3), (2, 4, 4, 5), 9),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, layers.Layer) else "",
)
def test_equals_the_layer_with_scaled_weights(layer, shape, fan_in):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    wrapper = EqualizedLearningRate(layer, gain=1.5, multiplier=0.1)
    wrapper.build(shape)
    layer.bias.assign(np.arange(layer.bias.shape[0]))
    outputs = wrapper(x)
    layer.kernel.assign(layer.kernel * (1.5 / np.sqrt(fan_in) * 0.1))
    layer.bias.assign(layer.bias * 0.1)
    np.testing.assert_allclose(outputs, layer(x), rtol=1e-4, atol=1e-5)
    assert wrapper.compute_output_shape(shape) == outputs.shape


def test_draws_weights_of_unit_variance():
    for multiplier, deviation in ((1.0, 1.0), (0.01, 100.0)):
        wrapper = EqualizedLearningRate(layers.Dense(100), multiplier=multiplier)
        outputs = wrapper(np.random.default_rng(0).normal(size=(50, 100)))
        assert np.std(wrapper.layer.kernel) == pytest.approx(deviation, rel=0.03)
        # He's initialization, whatever the multiplier.
        assert np.std(outputs) == pytest.approx(np.sqrt(2), rel=0.05)


def test_leaves_the_raw_weights_and_saves_them(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    model = keras.Sequential(
        [keras.Input((4,)), EqualizedLearningRate(layers.Dense(3), gain=1.0, multiplier=0.5)]
    )
    kernel = model.layers[0].layer.kernel.numpy()
    outputs = model(x, training=True)
    np.testing.assert_array_equal(model.layers[0].layer.kernel, kernel)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), outputs)
    assert (loaded.layers[0].gain, loaded.layers[0].multiplier) == (1.0, 0.5)


def test_says_what_it_cannot_wrap():
    built = layers.Dense(2)
    built.build((None, 3))
    for layer, message in ((built, "built already"), (layers.ReLU(), "with a kernel")):
        with pytest.raises(InputError, match=message):
            EqualizedLearningRate(layer)
    with pytest.raises(InputError, match="multiplier"):
        EqualizedLearningRate(layers.Dense(2), multiplier=0)
