"""The faster forms of layers against Keras's own: values, two orders of derivatives, training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.training.execution import kernels


def of(filters, kernel_size, padding="same", **more):
    """The settings of a layer."""
    return {"filters": filters, "kernel_size": kernel_size, "padding": padding, **more}


UP = [
    of(3, 2, strides=2),
    of(3, 3, strides=2, activation="relu"),
    of(3, 4, strides=2, use_bias=False),
    of(3, 5, strides=2),
    of(3, (4, 3), strides=2),
    of(3, 7, strides=2),
]
DOWN = [of(3, size, strides=2) for size in (2, 3, 4, 5, (4, 3), 7)]
FEW = [of(1, (3, 5), activation="sigmoid"), of(2, 3), of(1, 4), of(1, (9, 2), use_bias=False)]
CASES = [(keras.layers.Conv2DTranspose, s, (5, 6, 5)) for s in UP]
CASES += [(keras.layers.Conv2DTranspose, s, (1, 3, 5)) for s in UP]
CASES += [(keras.layers.Conv2D, s, (6, 8, 5)) for s in DOWN]
CASES += [(keras.layers.Conv2D, s, (9, 8, 20)) for s in FEW]
OTHERS = [
    (keras.layers.Conv2DTranspose, of(2, 4, strides=2, padding="valid")),
    (keras.layers.Conv2DTranspose, of(2, 3, strides=1)),
    (keras.layers.Conv2DTranspose, of(2, 4, strides=(2, 1))),
    (keras.layers.Conv2DTranspose, of(2, 3, strides=2, output_padding=1)),
    (keras.layers.Conv2D, of(1, 5, padding="valid")),
    (keras.layers.Conv2D, of(1, 5, strides=3)),
    (keras.layers.Conv2D, of(1, 3, dilation_rate=2)),
    (keras.layers.Conv2D, of(1, 2)),
    (keras.layers.Conv2D, of(8, 3)),
]


def built(kind, settings, shape, dtype="float64"):
    """A network of one such layer."""
    layer = kind(**settings, bias_initializer="normal", dtype=dtype)
    return keras.Sequential([keras.Input(shape, dtype=dtype), layer])


def derivatives(network, x, direction):
    """Values, gradients, and the gradient of a penalty on the first gradient."""
    weights = [v.value for v in network.trainable_variables]
    precise = keras.backend.result_type(x.dtype, "float32")

    def squares(values):
        return tf.reduce_sum(tf.cast(values, precise) ** 2)

    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = network(x, training=True)
            total = tf.reduce_sum(tf.cast(direction, precise) * tf.cast(y, precise) ** 2)
        gradient, *to_weights = inner.gradient(total, [x, *weights])
        norm = squares(gradient) + sum(squares(g) for g in to_weights)
    second = outer.gradient(norm, [x, *weights], unconnected_gradients="zero")
    return [y, gradient, *to_weights, *second]


def both_ways(network, x, xla, tolerance, jit=False):
    """Asserts that a network computes the same by its own layers and by the faster forms."""
    direction = tf.random.stateless_normal(network.compute_output_shape(x.shape), (2, 3))
    direction = tf.cast(direction, x.dtype)
    theirs = tf.function(lambda: derivatives(network, x, direction), autograph=False)
    ours = tf.function(lambda: derivatives(network, x, direction), jit_compile=jit, autograph=False)
    expected = theirs()
    with kernels.faster([network], xla=xla):
        assert any("call" in vars(la) or "convolution_op" in vars(la) for la in network.layers)
        found = ours()
    assert not any("call" in vars(la) or "convolution_op" in vars(la) for la in network.layers)
    for place, (a, b) in enumerate(zip(expected, found, strict=True)):
        np.testing.assert_allclose(b, a, **tolerance, err_msg=f"result {place}")


@pytest.mark.parametrize(("kind", "settings", "shape"), CASES)
def test_convolutions_and_two_orders_of_derivatives(kind, settings, shape):
    x = tf.random.stateless_normal((2, *shape), (0, 1), dtype=tf.float64)
    both_ways(built(kind, settings, shape), x, True, {"rtol": 1e-9, "atol": 1e-9})


@pytest.mark.parametrize(("kind", "settings", "shape"), [CASES[2], CASES[3], CASES[14], CASES[18]])
def test_under_xla(kind, settings, shape):
    x = tf.random.stateless_normal((2, *shape), (0, 1))
    network = built(kind, settings, shape, "float32")
    both_ways(network, x, True, {"rtol": 1e-3, "atol": 1e-3}, jit=True)


@pytest.mark.parametrize("settings", FEW)
def test_without_a_graph(settings):
    network = built(keras.layers.Conv2D, settings, (9, 8, 20))
    x = tf.random.stateless_normal((2, 9, 8, 20), (1, 2), dtype=tf.float64)
    with tf.GradientTape() as tape:
        slow = network(x)
        total = tf.reduce_sum(slow**2)
    expected = tape.gradient(total, [v.value for v in network.trainable_variables])
    with kernels.faster([network]), tf.GradientTape() as tape:
        fast = network(x)
        total = tf.reduce_sum(fast**2)
    found = tape.gradient(total, [v.value for v in network.trainable_variables])

    for ours, theirs in zip([fast, *found], [slow, *expected], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("settings", [{}, {"scale": False}, {"center": False, "momentum": 0.5}])
def test_batch_normalization_and_what_it_remembers(settings):
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [keras.Input((5, 6, 3)), keras.layers.BatchNormalization(**settings)]
    )
    x = 3.0 * tf.random.stateless_normal((7, 5, 6, 3), (0, 1)) + 1.0
    averages = [v for v in network.non_trainable_variables if "moving" in v.path]
    start = [v.numpy() for v in averages]
    network(x, training=True)
    expected = [v.numpy() for v in averages]
    for average, value in zip(averages, start, strict=True):
        average.assign(value)
    with kernels.faster([network]):
        network(x, training=True)
    for average, value, before in zip(averages, expected, start, strict=True):
        assert np.abs(value - before).max() > 0.01
        np.testing.assert_allclose(average.numpy(), value, rtol=1e-5)
    both_ways(network, x, False, {"rtol": 1e-3, "atol": 1e-2})
    with kernels.faster([network]):
        inference = network(x, training=False)
    np.testing.assert_allclose(inference, network(x, training=False), rtol=1e-6)


@pytest.mark.parametrize(("policy", "epsilon"), [("bfloat16", 2**-8), ("float16", 2**-11)])
def test_batch_normalization_of_half_precision(policy, epsilon):
    """As near to the layer in float32 as Keras's own, which computes by float32 too."""
    layers = {
        dtype: keras.layers.BatchNormalization(dtype=dtype)
        for dtype in ("float32", f"mixed_{policy}")
    }
    networks = {
        dtype: keras.Sequential([keras.Input((5, 6, 3)), layer]) for dtype, layer in layers.items()
    }
    x = tf.cast(3.0 * tf.random.stateless_normal((7, 5, 6, 3), (0, 1)) + 1.0, policy)
    direction = tf.random.stateless_normal(x.shape, (2, 3))
    found = {}
    for form, dtype in (("exact", "float32"), ("keras", f"mixed_{policy}"), ("ours", None)):
        network = networks[dtype or f"mixed_{policy}"]
        averages = network.non_trainable_variables[:2]
        for average, value in zip(averages, (0.0, 1.0), strict=True):
            average.assign(tf.fill([3], value))
        given = tf.cast(x, "float32") if form == "exact" else x
        traced = tf.function(
            lambda network=network, given=given: derivatives(
                network, given, tf.cast(direction, given.dtype)
            ),
            autograph=False,
        )
        if form == "ours":
            with kernels.faster([network]):
                assert "call" in vars(network.layers[0])
                values = traced()
            operations = {
                node.type for node in traced.get_concrete_function().graph.get_operations()
            }
            assert "FusedBatchNormV3" in operations
            assert values[0].dtype == policy
        else:
            values = traced()
        values += [average.value for average in averages]
        found[form] = [tf.cast(value, "float64").numpy() for value in values]
    for place, exact in enumerate(found["exact"]):
        size = np.abs(exact).max()
        errors = {form: np.abs(found[form][place] - exact).max() for form in ("keras", "ours")}
        # Sums over the batch in the penalty: some roundings add up in both forms.
        assert errors["ours"] <= 2 * errors["keras"] + 4 * epsilon * size, (place, errors, size)


@pytest.mark.parametrize(("kind", "settings"), OTHERS)
def test_other_forms_are_left_to_keras(kind, settings):
    network = built(kind, settings, (6, 6, 20), "float32")
    with kernels.faster([network], xla=True):
        assert not any("call" in vars(la) or "convolution_op" in vars(la) for la in network.layers)


def test_odd_and_unknown_sizes():
    for shape, sizes in (((7, 6, 5), (7, 6)), ((None, None, 5), (6, 8))):
        for kind, settings in (
            (keras.layers.Conv2D, DOWN[1]),
            (keras.layers.Conv2DTranspose, UP[3]),
        ):
            network = built(kind, settings, shape, "float32")
            x = tf.random.stateless_normal((2, *sizes, 5), (0, 1))
            traced = tf.function(network, input_signature=[tf.TensorSpec((None, *shape))])
            with kernels.faster([network], xla=True):
                found = traced(x)
            np.testing.assert_allclose(found, network(x), rtol=1e-4, atol=1e-5)


def test_a_layer_of_the_users_own_class_stays():
    class Mine(keras.layers.Conv2DTranspose):
        def call(self, inputs):
            return 2.0 * super().call(inputs)

    network = built(Mine, UP[2] | {"use_bias": True}, (4, 4, 5), "float32")
    with kernels.faster([network], xla=True):
        assert "call" not in vars(network.layers[0])


def networks():
    generator = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(2 * 2 * 12),
            keras.layers.Reshape((2, 2, 12)),
            keras.layers.Conv2DTranspose(10, 4, strides=2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.Sequential([keras.layers.Conv2D(1, 3, padding="same", activation="tanh")]),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="tanh"),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    return generator, discriminator


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_training_takes_the_same_steps(jit, monkeypatch, tmp_path):
    """Losses and weights after some steps with penalties; and the file is Keras's own."""
    images = np.random.default_rng(1).uniform(-1, 1, (32, 4, 4, 1)).astype("float32")
    found = []
    for usual in (False, True):
        if usual:
            monkeypatch.setattr(kernels, "_form", lambda layer, xla: (None, None))
        keras.utils.set_random_seed(0)
        gan = kgan.GAN(*networks(), seed=0)
        gan.compile(penalties=[kgan.penalties.R1(1.0), kgan.penalties.R2(1.0)], jit_compile=jit)
        history = gan.fit(images, batch_size=8, epochs=3, verbose=0).history
        found.append([*history["d_loss"], *history["g_loss"], *gan.generate(4, seed=0).ravel()])
    np.testing.assert_allclose(*found, rtol=2e-3, atol=2e-4)
    gan.generator.save(tmp_path / "generator.keras")
    loaded = keras.models.load_model(tmp_path / "generator.keras")
    assert {type(la).__module__.split(".")[0] for la in loaded._flatten_layers()} == {"keras"}


def test_the_gradient_of_a_stride_over_one_pixel_is_right_in_bfloat16():
    """oneDNN's own is uninitialised memory there."""
    layer = keras.layers.Conv2D(3, 4, 2, "same", dtype="mixed_bfloat16")
    network = keras.Sequential([keras.Input((1, 1, 5)), layer])
    images = tf.random.stateless_normal([6, 1, 1, 5], [1, 2])

    def gradient(dtype):
        with tf.GradientTape() as tape:
            made = (
                layer(images)
                if dtype == "bfloat16"
                else tf.nn.conv2d(images, layer.kernel, 2, "SAME")
            )
            loss = tf.reduce_sum(tf.cast(made, "float32") ** 2)
        return tape.gradient(loss, layer.kernel.value)

    expected = gradient("float32")
    for _ in range(20):
        # What is left in memory that is given back.
        left = [tf.random.normal([1000]) * 1e30 for _ in range(20)]
        del left
        with kernels.faster([network]):
            found = gradient("bfloat16")
        np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.05)
