"""The strided networks that several families share."""

import keras
import numpy as np
import pytest

from kgan.errors import InputError
from kgan.models.blocks import sizes, strided
from kgan.models.blocks.sizes import plan


@pytest.mark.parametrize(
    ("size", "base", "doublings"),
    [
        ((8, 8), (4, 4), 1),
        ((20, 20), (5, 5), 2),
        ((28, 28), (7, 7), 2),
        ((32, 32), (4, 4), 3),
        ((96, 96), (6, 6), 4),
        ((256, 256), (4, 4), 6),
        ((28, 56), (7, 14), 2),
        ((48, 8), (24, 4), 1),
        ((160, 96), (10, 6), 4),
    ],
)
def test_the_plan_halves_to_a_base_whose_shorter_side_has_4_to_7_pixels(size, base, doublings):
    assert plan((*size, 3)) == sizes.Plan(base, doublings, 3)


@pytest.mark.parametrize(
    ("size", "advice"),
    [
        ((5, 5), "size=8."),
        ((30, 30), "size=32."),
        ((33, 33), "size=32."),
        ((100, 100), "size=96."),
        ((100, 30), "size=(96, 32)."),
        ((28, 30), "size=(28, 32)."),
    ],
)
def test_a_size_that_doublings_cannot_make_is_refused_with_the_nearest(size, advice):
    with pytest.raises(InputError) as error:
        plan((*size, 1))
    assert f"Images of {size[0]}x{size[1]} cannot be made by doubling" in str(error.value)
    assert str(error.value).endswith(advice)


def test_the_size_advised_is_one_that_can_be_made():
    refused = 0
    for height in range(1, 140, 3):
        for width in range(1, 140, 3):
            try:
                plan((height, width, 1))
            except InputError:
                refused += 1
                plan((*sizes.nearest_size(height, width), 1))
    assert refused > 1000


@pytest.mark.parametrize("shape", [(28, 28), (8, 8, 0), (None, 8, 1), (8.0, 8, 1)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(InputError, match="positive integers"):
        plan(shape)


def networks(image_shape, width, normalization=strided.batch_normalization, **options):
    latents, images = keras.Input((3,)), keras.Input(image_shape)
    made = strided.generated(latents, image_shape, width, normalization)
    seen = strided.features(images, width, normalization, **options)
    return keras.Model(latents, made), keras.Model(images, seen)


def of_type(network, kind):
    return [layer for layer in network.layers if type(layer) is kind]


@pytest.mark.parametrize("image_shape", [(32, 32, 3), (28, 56, 1)])
def test_sizes_double_and_channels_halve_on_the_way_to_the_image(image_shape):
    generator, discriminator = networks(image_shape, 2)
    to = plan(image_shape)
    up = of_type(generator, keras.layers.Conv2DTranspose)
    down = of_type(discriminator, keras.layers.Conv2D)
    assert generator.output_shape == (None, *image_shape)
    channels = [2 * 2**place for place in range(to.doublings)]
    assert [layer.filters for layer in down] == channels
    assert [layer.filters for layer in up] == [*channels[-2::-1], image_shape[2]]
    assert discriminator.output_shape == (None, *to.base, channels[-1])
    for layer in (*up, *down):
        assert (layer.kernel_size, layer.strides) == ((4, 4), (2, 2))


def test_normalization_spares_the_image_and_takes_the_place_of_biases():
    generator, discriminator = networks((32, 32, 3), 2)
    for network, last in ((generator, -1), (discriminator, 0)):
        layers = [layer for layer in network.layers if hasattr(layer, "kernel")]
        bare = layers.pop(last)
        assert bare.use_bias
        assert not any(layer.use_bias for layer in layers)
        assert len(of_type(network, keras.layers.BatchNormalization)) == len(layers)
        for layer in layers:
            (node,) = layer._outbound_nodes
            after = node.operation
            if isinstance(after, keras.layers.Reshape):
                after = after._outbound_nodes[0].operation
            assert isinstance(after, keras.layers.BatchNormalization)
    plain = networks((32, 32, 3), 2, None)
    for network in plain:
        assert not of_type(network, keras.layers.BatchNormalization)
        assert all(layer.use_bias for layer in network.layers if hasattr(layer, "kernel"))


def test_weights_are_normal_with_deviation_002_and_differ():
    kernels = [w.numpy() for net in networks((16, 16, 1), 32) for w in net.trainable_variables]
    kernels = [kernel for kernel in kernels if kernel.ndim > 1]
    assert len({float(kernel.flat[0]) for kernel in kernels}) == len(kernels) == 5
    for kernel in kernels:
        assert kernel.mean() == pytest.approx(0, abs=0.003)
        assert kernel.std() == pytest.approx(0.02, rel=0.1)


def test_dropout_follows_each_activation():
    _, discriminator = networks((16, 16, 1), 2, dropout=0.3)
    drops = of_type(discriminator, keras.layers.Dropout)
    assert [drop.rate for drop in drops] == [0.3, 0.3]


def test_half_precision_ends_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        generator, discriminator = networks((8, 8, 1), 2)
        score = strided.score(discriminator.output)
    finally:
        keras.config.set_dtype_policy("float32")
    assert (generator.output.dtype, score.dtype) == ("float32", "float32")
    assert discriminator.output.dtype == "bfloat16"
    assert score.shape == (None, 1)


def test_layer_normalization_sees_one_sample_and_all_of_it():
    x = np.random.default_rng(0).normal(3, 2, (4, 6, 5, 3)).astype("float32")
    y = strided.layer_normalization()(x)
    axes = (1, 2, 3)
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(y, expected, atol=1e-5)
