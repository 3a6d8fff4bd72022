"""A gradient penalty over a layer without second derivatives is refused by the layer's name.

That a layer deserves it is shown by value: the gradient of the squared slope is compared with
finite differences.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kgan
from kgan.errors import InputError

SHAPE = (8, 8, 2)


class Custom(layers.Layer):
    def call(self, inputs):
        return tf.image.resize(inputs, (6, 6), "bilinear")


def discriminator(*middle, shape=SHAPE):
    return keras.Sequential(
        [keras.Input(shape), *middle, layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(1)]
    )


def gan(network, **settings):
    generator = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8 * 8 * 2, activation="tanh"), layers.Reshape(SHAPE)]
    )
    model = kgan.GAN(generator, network, seed=0)
    model.compile(run_eagerly=True, **({"penalties": ["r1"]} | settings))
    return model


def slope(layer) -> tuple[float | None, float]:
    """The derivative of the squared slope along a direction: TensorFlow's, and by differences."""
    random = np.random.default_rng(0)
    dtype = getattr(layer, "compute_dtype", "float64")
    samples = tf.constant(random.normal(size=(2, *SHAPE)).astype(dtype))
    seen = np.shape(layer(samples))
    weights = tf.Variable(random.normal(size=seen[1:]))
    direction = random.normal(size=seen[1:])

    def squared():
        with tf.GradientTape() as tape:
            tape.watch(samples)
            scores = tf.reduce_sum(tf.tanh(tf.cast(layer(samples), tf.float64) * weights))
        return tf.reduce_sum(tf.cast(tape.gradient(scores, samples), tf.float64) ** 2)

    with tf.GradientTape() as tape:
        value = squared()
    try:
        gradient = tape.gradient(value, weights)
    except LookupError:
        gradient = None
    step = 1e-4
    weights.assign_add(step * direction)
    above = squared()
    weights.assign_sub(2 * step * direction)
    differences = float((above - squared()) / (2 * step))
    return None if gradient is None else float(tf.reduce_sum(gradient * direction)), differences


BAD = [
    layers.Resizing(6, 6, interpolation="bilinear", name="mine", dtype="float64"),
    layers.Resizing(6, 6, interpolation="bicubic", name="mine", dtype="float64"),
    layers.Resizing(6, 6, interpolation="nearest", name="mine", dtype="float64"),
    layers.Resizing(6, 6, interpolation="lanczos3", name="mine", dtype="float32"),
    layers.UpSampling2D(interpolation="bilinear", name="mine", dtype="float64"),
    layers.UpSampling2D(interpolation="bicubic", name="mine", dtype="float64"),
    Custom(name="mine", dtype="float64"),
]
GOOD = [
    layers.UpSampling2D(interpolation="nearest", name="mine", dtype="float64"),
    kgan.layers.Upsample(name="mine", dtype="float64"),
    layers.AveragePooling2D(2, name="mine", dtype="float64"),
]


@pytest.mark.parametrize("layer", BAD, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("penalty", ["r1", "gradient_penalty"])
def test_a_layer_without_second_derivatives_is_refused_by_its_name(layer, penalty):
    again = type(layer).from_config(layer.get_config() | {"dtype": "float32"})
    with pytest.raises(InputError, match=rf"layer 'mine' makes a .* resize.*{penalty}.*Upsample"):
        gan(discriminator(again), penalties=[penalty])
    # It deserves that: there is a slope, and TensorFlow has no derivative of it.
    found, expected = slope(layer)
    assert abs(expected) > 0.1
    assert found is None
    again = type(layer).from_config(layer.get_config() | {"dtype": "float32"})
    gan(discriminator(again), penalties=[])


@pytest.mark.parametrize("layer", GOOD, ids=lambda layer: type(layer).__name__)
def test_other_layers_are_taken(layer):
    found, expected = slope(layer)
    assert found == pytest.approx(expected, rel=1e-4)
    again = type(layer).from_config(layer.get_config() | {"dtype": "float32"})
    model = gan(discriminator(again))
    samples = np.random.default_rng(0).uniform(-1, 1, (4, *SHAPE)).astype("float32")
    logs = model.fit(samples, batch_size=4, verbose=0).history
    assert np.isfinite(logs["r1"]).all() and logs["r1"][0] > 0


def test_a_turn_is_warned_of_since_its_derivatives_are_nearly_right():
    def turned(samples):
        turn = tf.constant([[1, 0.1, 0.2, 0.05, 1, 0.3, 0, 0]], tf.float32)
        moved = keras.ops.image.affine_transform(tf.cast(samples, tf.float32), turn)
        return tf.cast(moved, samples.dtype)

    found, expected = slope(turned)
    assert abs(found / expected - 1) > 0.001
    with pytest.warns(UserWarning, match=r"layer 'mine' makes a projective transform.*'r1'"):
        gan(discriminator(layers.RandomRotation(0.1, name="mine")))


def test_within_nested_networks_and_as_operations():
    inner = keras.Sequential([keras.Input(SHAPE), layers.Resizing(6, 6, name="deep")], name="part")
    with pytest.raises(InputError, match="layer 'deep' makes a bilinear resize"):
        gan(discriminator(inner))
    samples = keras.Input(SHAPE)
    resized = keras.ops.image.resize(samples, (6, 6))
    network = keras.Model(samples, layers.Dense(1)(layers.Flatten()(resized)))
    with pytest.raises(InputError, match="makes a bilinear resize"):
        gan(network)


def test_a_resize_beside_the_way_of_the_samples_is_taken():
    samples = keras.Input(SHAPE)
    fixed = layers.Resizing(8, 8)(keras.ops.zeros((1, 4, 4, 2)))
    scores = layers.Dense(1)(layers.Flatten()(samples + fixed))
    gan(keras.Model(samples, scores))


def test_an_augmentation_of_ones_own_is_looked_through():
    def smaller(samples, seed):
        return tf.image.resize(tf.image.resize(samples, (4, 4)), SHAPE[:2])

    with pytest.raises(InputError, match="An operation on the way"):
        gan(discriminator(), augment=smaller)
    gan(discriminator(), augment=lambda samples, seed: samples * 0.5)
    gan(discriminator(), augment="diffaugment")


def test_a_model_that_was_saved_so_loads_with_a_warning():
    """A release without this check has trained and saved such models."""
    config = gan(discriminator()).get_compile_config()
    model = gan(discriminator(layers.Resizing(6, 6)), penalties=[])
    with pytest.warns(UserWarning, match="has no second derivative"):
        model.compile_from_config(config)
    assert model.get_compile_config() == config
