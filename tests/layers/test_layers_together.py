"""All layers in one network: compiled by XLA, in half precision, saved."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import layers
from kgan.errors import InputError

LABELS = np.array([0, 1, 1], "int32")


def network(dtype="float32"):
    keras.config.set_dtype_policy(dtype)
    try:
        image, label = keras.Input((4, 4, 4)), keras.Input((), dtype="int32")
        x = layers.SpectralNormalization(keras.layers.Conv2D(4, 1))(image)
        x = layers.ConditionalBatchNormalization(2)([x, label])
        attention = layers.SelfAttention(reduction=2)
        x = attention(x)
        x = layers.PixelUnshuffle()(layers.PixelShuffle()(x))
        x = layers.Upsample("zeros")(layers.Downsample()(x))
        x = layers.MinibatchStdDev()(x)
        x = keras.layers.Flatten()(x)
        x = layers.EqualizedLearningRate(keras.layers.Dense(1))(x)
    finally:
        keras.config.set_dtype_policy("float32")
    attention.gamma.assign(0.5)
    return keras.Model([image, label], x)


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(3, 4, 4, 4)).astype("float32")


def penalty_and_gradient(model, images, labels):
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(images)
            scores = tf.cast(model([images, labels], training=True), tf.float32)
        penalty = tf.reduce_sum(inner.gradient(scores, images) ** 2)
        loss = penalty + tf.reduce_sum(tf.sin(scores))
    return loss, outer.gradient(loss, [v.value for v in model.trainable_variables])


def compiled(model):
    return tf.function(
        lambda *batch: penalty_and_gradient(model, *batch),
        input_signature=[tf.TensorSpec((None, 4, 4, 4)), tf.TensorSpec((None,), tf.int32)],
        jit_compile=True,
    )


@pytest.mark.slow
def test_xla_compiles_the_gradient_of_a_penalty(images):
    model = network()
    weights = model.get_weights()
    loss, gradients = compiled(model)(images, LABELS)
    state = model.get_weights()
    model.set_weights(weights)
    expected = penalty_and_gradient(model, tf.constant(images), tf.constant(LABELS))
    np.testing.assert_allclose(loss, expected[0], rtol=1e-4)
    for ours, theirs in zip(gradients, expected[1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    for ours, theirs in zip(state, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_half_precision_stays_near_and_compiles(images):
    model, half = network(), network("mixed_float16")
    half.set_weights(model.get_weights())
    batch = tf.constant(images), tf.constant(LABELS)
    outputs = half([images, LABELS], training=True)
    assert outputs.dtype == half.output.dtype == "float16"
    np.testing.assert_allclose(outputs, model([images, LABELS], training=True), atol=0.05)
    assert all(np.isfinite(gradient).all() for gradient in penalty_and_gradient(half, *batch)[1])
    # Raises where XLA lacks an operation in half precision; translating is quicker than compiling.
    compiled(half).experimental_get_compiler_ir(*batch)(stage="hlo")


def test_a_saved_network_is_the_same(images, tmp_path):
    model = network()
    model([images, LABELS], training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded([images, LABELS]), model([images, LABELS]))


def test_public_names_are_registered():
    for name in layers.__all__:
        registered = keras.saving.get_registered_object(f"kgan>{name}")
        assert registered is getattr(layers, name)


@pytest.mark.parametrize("shape", [np.float32(0.5), (0,), "4"])
def test_history_says_which_shapes_it_takes(shape):
    assert layers.History(2, ()).images.shape == (3,)
    with pytest.raises(InputError, match="shape"):
        layers.History(2, shape)
