"""Layers that compute on several replicas what they compute on one with the whole batch.

In the context `joined(game)` these layers of Keras are traced in another form:

- batch normalization of a family of kgan, and wherever a layer has `synchronized=True`: mean and
  variance are those of the whole batch, by two sums over the replicas;
- Dropout and the layers that add or multiply noise: each replica draws the numbers for the whole
  batch and takes those of its samples.

`kgan.layers.MinibatchStdDev` and `kgan.layers.History` do so themselves.
"""

import contextlib

import keras
import tensorflow as tf
from keras import ops

from kgan import bridge, replicas
from kgan.layers import History, MinibatchStdDev
from kgan.training.execution.swapping import swapped

_MULTIPLY = (keras.layers.Dropout, keras.layers.GaussianDropout)
_ADD = (keras.layers.GaussianNoise,)


def joined(game) -> contextlib.AbstractContextManager:
    """Returns a context in which a game's layers use the samples of all replicas."""
    return swapped(game.networks.values(), lambda layer: _form(layer, game.synchronized))


def joins(game) -> bool:
    """Returns whether a layer of a game sums over the replicas."""
    layers = [
        layer for network in game.networks.values() for layer in bridge.layers_within(network)
    ]
    layers += [value for value in vars(game).values() if isinstance(value, History)]
    return any(
        isinstance(layer, (MinibatchStdDev, History)) or _synchronizes(layer, game.synchronized)
        for layer in layers
    )


def _synchronizes(layer, by_default) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and (by_default or layer.synchronized)


def _form(layer, synchronized):
    if type(layer) is keras.layers.BatchNormalization and _synchronizes(layer, synchronized):
        return "call", _normalized(layer)
    if isinstance(layer, _MULTIPLY) and type(layer).__module__.startswith("keras."):
        return "call", _noisy(layer, tf.ones, tf.multiply)
    if type(layer) in _ADD:
        return "call", _noisy(layer, tf.zeros, tf.add)
    return None, None


def _noisy(layer, neutral, combine):
    """Returns a layer's call with its noise drawn for the samples of all replicas."""
    keras_call = layer.call

    def call(inputs, training=False):
        if not training:
            return keras_call(inputs, training=training)
        inputs = tf.convert_to_tensor(inputs)
        sizes = tf.shape(inputs)

        def noise(count):
            drawn = neutral(tf.concat([[count], sizes[1:]], 0), inputs.dtype)
            return keras_call(tf.ensure_shape(drawn, [None, *inputs.shape[1:]]), training=True)

        return combine(inputs, replicas.rows(sizes[0], noise))

    return call


def _normalized(layer):
    """Returns batch normalization by the statistics of all replicas' samples."""
    keras_call = layer.call

    def call(inputs, training=None, mask=None):
        if not training or not layer.trainable or mask is not None:
            return keras_call(inputs, training=training, mask=mask)
        values = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        axis = layer.axis % len(inputs.shape)
        axes = [place for place in range(len(inputs.shape)) if place != axis]
        mean, variance = replicas.moments(values, axes)
        momentum = layer.momentum
        for average, now in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            before = ops.cast(average, now.dtype)
            average.assign(before * momentum + tf.stop_gradient(now) * (1.0 - momentum))
        shape = [-1 if place == axis else 1 for place in range(len(inputs.shape))]
        mean, variance = tf.reshape(mean, shape), tf.reshape(variance, shape)
        made = (values - mean) * tf.math.rsqrt(variance + layer.epsilon)
        if layer.scale:
            made = made * tf.reshape(ops.cast(layer.gamma, made.dtype), shape)
        if layer.center:
            made = made + tf.reshape(ops.cast(layer.beta, made.dtype), shape)
        return tf.cast(made, layer.compute_dtype)

    return call
