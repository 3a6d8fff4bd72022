"""Residual networks: the blocks compute what the papers' tables say, in any order of operations."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kgan.errors import InputError
from kgan.layers import SpectralNormalization
from kgan.models.blocks import residual

PLAIN = residual.Parts(spectral=False)
SPECTRAL = residual.Parts(spectral=True)
TOLD = residual.Parts(spectral=True, classes=3)


def convolutions(model):
    """The convolutions by kernel size, in the order of their making."""
    found = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    found.sort(key=lambda layer: int("0" + layer.name.removeprefix("conv2d").strip("_")))
    return {size: [c for c in found if c.kernel_size == (size, size)] for size in (1, 3)}


@pytest.mark.parametrize("first", [False, True])
def test_a_block_downwards_is_convolutions_and_then_a_mean_on_both_ways(first):
    inputs = keras.Input((6, 4, 3))
    model = keras.Model(inputs, residual.block_down(inputs, 5, PLAIN, first=first))
    made = convolutions(model)
    for layer in (*made[1], *made[3]):
        layer.bias.assign(np.random.default_rng(0).normal(size=layer.bias.shape))
    x = np.random.default_rng(1).normal(size=(2, 6, 4, 3)).astype("float32")
    y = made[3][1](ops.relu(made[3][0](x if first else ops.relu(x))))
    expected = tf.nn.avg_pool2d(y + made[1][0](x), 2, 2, "VALID")
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


def test_a_block_that_changes_nothing_adds_its_input():
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, residual.block_down(inputs, 3, PLAIN, halve=False))
    made = convolutions(model)
    assert not made[1]
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype("float32")
    expected = x + made[3][1](ops.relu(made[3][0](ops.relu(x))))
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


def test_a_block_upwards_doubles_by_nearest_neighbours_on_both_ways():
    inputs = keras.Input((3, 2, 4))
    model = keras.Model(inputs, residual.block_up(inputs, None, 5, PLAIN))
    made = convolutions(model)
    for layer in (*made[1], *made[3]):
        layer.bias.assign(np.random.default_rng(0).normal(size=layer.bias.shape))
    x = np.random.default_rng(1).normal(size=(2, 3, 2, 4)).astype("float32")

    def doubled(x):
        return np.repeat(np.repeat(x, 2, 1), 2, 2)

    # In inference a fresh batch normalization divides by √(1 + 1e-5).
    y = made[3][0](doubled(np.maximum(x, 0)))
    y = made[3][1](ops.relu(y)) + made[1][0](doubled(x))
    np.testing.assert_allclose(model(x), y, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "widths"), [((8, 8, 1), [4]), ((28, 28, 1), [4, 4]), ((32, 64, 3), [2, 4, 8])]
)
def test_sizes_and_ranges(shape, widths):
    base = residual.plan(shape)
    up = [4] * (base.doublings + 1)
    generator = residual.generator(shape, up, 6, TOLD)
    labels = ops.array([0, 2])
    images = generator([ops.full((2, 6), 9.0), labels])
    assert images.shape == (2, *shape)
    assert float(ops.max(ops.abs(images))) <= 1
    discriminator = residual.discriminator(shape, widths, 1, TOLD)
    assert discriminator([images, labels]).shape == (2, 1)


def test_the_score_is_psi_and_the_projection_on_the_class():
    """Miyato & Koyama 2018, equation 3, from the sum of the last feature maps."""
    model = residual.discriminator((8, 8, 1), [4], 1, TOLD, use_bias=True)
    by_kind = {type(layer.layer): layer for layer in model.layers if hasattr(layer, "layer")}
    dense, embedding = by_kind[keras.layers.Dense], by_kind[keras.layers.Embedding]
    dense.layer.bias.assign([0.7])
    last = [layer for layer in model.layers if isinstance(layer, keras.layers.Add)][1]
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype("float32")
    labels = np.array([0, 1, 2, 2, 1])
    features = np.maximum(keras.Model(model.inputs, last.output)([x, labels]), 0).sum((1, 2))
    table = embedding.layer.embeddings.numpy()
    kernel = dense.layer.kernel.numpy()
    psi = features @ kernel / np.linalg.norm(kernel) + 0.7
    # An exact norm of the table; the layer's own is estimated.
    np.testing.assert_allclose(
        embedding(labels), table[labels] / np.linalg.norm(table, 2), rtol=2e-2
    )
    projection = (features * embedding(labels).numpy()).sum(1, keepdims=True)
    np.testing.assert_allclose(model([x, labels]), psi + projection, rtol=1e-4, atol=1e-5)


def test_every_kernel_is_wrapped_where_it_is_asked_for():
    for parts in (SPECTRAL, TOLD):
        for model in (
            residual.generator((8, 8, 1), [4, 4], 6, parts, attention=8),
            residual.discriminator((8, 8, 1), [4], 1, parts, attention=4),
        ):
            wrapped = {
                id(layer.layer)
                for layer in model._flatten_layers()
                if isinstance(layer, SpectralNormalization)
            }
            kernels = [
                layer
                for layer in model._flatten_layers()
                if isinstance(
                    layer, (keras.layers.Dense, keras.layers.Conv2D, keras.layers.Embedding)
                )
            ]
            assert len(kernels) > 8
            assert {id(layer) for layer in kernels} == wrapped


def test_networks_serialize():
    model = residual.discriminator((8, 8, 1), [4], 1, TOLD, attention=4)
    config = keras.saving.serialize_keras_object(model)
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(copy([x, np.array([0, 2])]), model([x, np.array([0, 2])]), rtol=1e-5)


def test_sizes_that_no_doublings_make_are_answered():
    with pytest.raises(InputError, match="resize the images"):
        residual.generator((30, 30, 1), [4, 4], 6, PLAIN)
