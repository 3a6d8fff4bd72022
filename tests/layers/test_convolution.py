"""The faster convolutions against Keras's: values, first and second derivatives, files."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import layers
from kgan.errors import InputError


def of(filters, kernel_size, padding="same", **more):
    """The settings of a layer."""
    return {"filters": filters, "kernel_size": kernel_size, "padding": padding, **more}


TRANSPOSED = [
    of(3, 2, strides=2),
    of(3, 3, strides=2, activation="relu"),
    of(3, 4, strides=2, use_bias=False),
    of(3, 5, strides=2),
    of(3, (4, 3), strides=2),
    of(3, 7, strides=2),
]
FEW = [of(1, 7, activation="sigmoid"), of(3, 3), of(2, (3, 4)), of(1, (6, 2), use_bias=False)]
CASES = [(keras.layers.Conv2DTranspose, layers.Conv2DTranspose, s) for s in TRANSPOSED]
CASES += [(keras.layers.Conv2D, layers.Conv2D, s) for s in FEW]


def pair(theirs, ours, settings, shape, dtype="float64"):
    """A layer of Keras and one of ours with its weights."""
    one = theirs(**settings, bias_initializer="normal", dtype=dtype)
    if not settings.get("use_bias", True):
        one = theirs(**settings, dtype=dtype)
    one.build((None, *shape))
    two = ours.from_config(one.get_config())
    two.build((None, *shape))
    two.set_weights(one.get_weights())
    return one, two


def derivatives(layer, x, direction):
    """Values, gradients, and the gradient of a penalty on the first gradient."""
    kernel = layer.kernel.value
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = layer(x)
            total = tf.reduce_sum(direction * y**2)
        gradient, to_kernel = inner.gradient(total, [x, kernel])
        norm = tf.reduce_sum(gradient**2) + tf.reduce_sum(to_kernel**2)
    return [y, gradient, to_kernel, *outer.gradient(norm, [x, kernel])]


@pytest.mark.parametrize(("theirs", "ours", "settings"), CASES)
@pytest.mark.parametrize("shape", [(5, 6, 5), (1, 3, 5)])
def test_values_and_derivatives_are_keras_own(theirs, ours, settings, shape):
    if theirs is keras.layers.Conv2D and shape[0] == 1:
        shape = (9, 8, 5)
    one, two = pair(theirs, ours, settings, shape)
    x = tf.random.stateless_normal((2, *shape), (0, 1), dtype=tf.float64)
    direction = tf.random.stateless_normal(one.compute_output_shape((2, *shape)), (2, 3))
    direction = tf.cast(direction, tf.float64)
    for eager, a, b in zip(
        ("values", "gradient", "kernel", "second", "second of the kernel"),
        derivatives(one, x, direction),
        derivatives(two, x, direction),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=eager)


@pytest.mark.parametrize(("theirs", "ours", "settings"), [CASES[2], CASES[3], CASES[6]])
def test_xla_and_unknown_sizes(theirs, ours, settings):
    one, two = pair(theirs, ours, settings, (None, None, 5), "float32")
    x = tf.random.stateless_normal((2, 6, 7, 5), (0, 1))
    compiled = tf.function(two, jit_compile=True)
    np.testing.assert_allclose(compiled(x), one(x), rtol=1e-4, atol=1e-5)
    traced = tf.function(two, input_signature=[tf.TensorSpec((None, None, None, 5))])
    np.testing.assert_allclose(traced(x), one(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("theirs", "ours", "settings"),
    [
        (keras.layers.Conv2DTranspose, layers.Conv2DTranspose, s)
        for s in (
            of(2, 4, strides=2, padding="valid"),
            of(2, 3, strides=1, padding="same"),
            of(2, 4, strides=(2, 1), padding="same"),
            of(2, 3, strides=2, padding="same", output_padding=1),
        )
    ]
    + [
        (keras.layers.Conv2D, layers.Conv2D, s)
        for s in (
            of(1, 5, padding="valid"),
            of(1, 5, strides=2, padding="same"),
            of(1, 3, dilation_rate=2, padding="same"),
            of(8, 3, padding="same"),
        )
    ],
)
def test_other_forms_are_left_to_keras(theirs, ours, settings):
    one, two = pair(theirs, ours, settings, (6, 6, 5), "float32")
    x = tf.random.stateless_normal((2, 6, 6, 5), (0, 1))
    np.testing.assert_array_equal(one(x), two(x))


def network():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(2 * 2 * 6),
            keras.layers.Reshape((2, 2, 6)),
            keras.layers.Conv2DTranspose(5, 4, strides=2, padding="same", activation="relu"),
            keras.Sequential([keras.layers.Conv2D(1, 7, padding="same", activation="tanh")]),
        ]
    )


def test_fast_replaces_layers_in_place_and_files_move_both_ways(tmp_path):
    model = network()
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    before, names = model(x).numpy(), [weight.path for weight in model.weights]
    model.save(tmp_path / "plain.keras")
    model.save_weights(tmp_path / "plain.weights.h5")
    assert kgan.fast(model) is model
    kinds = [type(layer) for layer in model._flatten_layers()]
    assert layers.Conv2DTranspose in kinds and layers.Conv2D in kinds
    assert [weight.path for weight in model.weights] == names
    np.testing.assert_allclose(model(x), before, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "fast.keras")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "fast.keras")(x), before, rtol=1e-5, atol=1e-6
    )
    fresh = kgan.fast(network())
    fresh.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(fresh(x), before, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match="fast takes"):
        kgan.fast(lambda x: x)


@pytest.mark.parametrize("jit", [False, True])
def test_training_takes_the_same_steps(jit):
    """Losses and weights after some steps with a gradient penalty, with and without."""
    images = np.random.default_rng(1).uniform(-1, 1, (32, 4, 4, 1)).astype("float32")
    found = []
    for change in (lambda model: model, kgan.fast):
        keras.utils.set_random_seed(0)
        discriminator = keras.Sequential(
            [
                keras.Input((4, 4, 1)),
                keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="tanh"),
                keras.layers.Flatten(),
                keras.layers.Dense(1),
            ]
        )
        gan = kgan.GAN(change(network()), change(discriminator), seed=0)
        gan.compile(penalties=[kgan.penalties.R1(1.0), kgan.penalties.R2(1.0)], jit_compile=jit)
        history = gan.fit(images, batch_size=8, epochs=3, verbose=0).history
        found.append([*history["d_loss"], *history["g_loss"], *gan.generate(4, seed=0).ravel()])
    np.testing.assert_allclose(*found, rtol=2e-3, atol=2e-4)
