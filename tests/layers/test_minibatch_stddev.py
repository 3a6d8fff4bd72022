"""The minibatch standard deviation against its formula in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.errors import InputError
from kgan.layers import MinibatchStdDev


def expected(x, groups, features):
    """The maps to append; sample i belongs to group i mod `groups`."""
    values = np.empty((len(x), features))
    for first in range(groups):
        for part, columns in enumerate(np.split(np.arange(x.shape[-1]), features)):
            variance = np.var(x[first::groups][..., columns], axis=0)
            values[first::groups, part] = np.mean(np.sqrt(variance + 1e-8))
    places = x.shape[1:-1]
    values = values.reshape(len(x), *(1 for _ in places), features)
    return np.broadcast_to(values, (len(x), *places, features))


@pytest.mark.parametrize(
    ("shape", "group_size", "features", "groups"),
    [
        ((8, 3, 2, 4), 4, 1, 2),
        ((6, 3, 2, 4), 3, 2, 2),
        ((8, 6), 2, 3, 4),
        ((6, 5, 2), 4, 1, 1),
        ((14, 2), 4, 1, 2),
        ((7, 2), 4, 1, 1),
        ((3, 2), 4, 1, 1),
    ],
)
def test_appends_the_deviation_of_each_group(shape, group_size, features, groups):
    x = np.random.default_rng(0).normal(1.0, 2.0, shape).astype("float32")
    layer = MinibatchStdDev(group_size, features)
    wanted = np.concatenate([x, expected(x, groups, features)], axis=-1)
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-5)
    open_batch = tf.function(layer, input_signature=[tf.TensorSpec((None, *shape[1:]))])
    np.testing.assert_allclose(open_batch(x), wanted, rtol=1e-5)
    assert layer.compute_output_shape(shape) == wanted.shape


def test_gradient_penalty_has_a_gradient(second_derivative_holds):
    second_derivative_holds(
        MinibatchStdDev(2, 2), np.random.default_rng(0).normal(size=(4, 2, 2, 4))
    )


def test_gradient_is_finite_where_all_samples_are_alike():
    x = tf.ones((4, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = MinibatchStdDev()(x)
    assert np.isfinite(tape.gradient(outputs, x)).all()


def test_half_precision_neither_overflows_nor_vanishes():
    x = np.random.default_rng(0).normal(0.0, 2000.0, (4, 8, 8, 16)).astype("float16")
    outputs = MinibatchStdDev(dtype="float16")(x)
    assert outputs.dtype == "float16"
    wanted = expected(x.astype("float32"), 1, 1)
    np.testing.assert_allclose(outputs[..., -1:], wanted, rtol=2e-3)


def test_config_and_errors():
    config = MinibatchStdDev(8, 2, name="deviation").get_config()
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(MinibatchStdDev.from_config(config))
    )
    assert (again.group_size, again.features, again.name) == (8, 2, "deviation")
    with pytest.raises(InputError, match="features=3 divides"):
        MinibatchStdDev(features=3)(np.ones((2, 4)))
    with pytest.raises(InputError, match="group_size"):
        MinibatchStdDev(0)
