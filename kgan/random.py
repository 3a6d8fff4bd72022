"""Random numbers as a function of a seed, fast and the same with XLA and without it.

TensorFlow's own differ between the two, and XLA takes 0.2 µs for each on a CPU, which in a small
network adds up to more than the training step (docs/performance.md). These are made by pcg4d, a
hash of four 32-bit words to four (Jarzynski and Olano 2020, Hash functions for GPU rendering,
section 3.3, here with an additional round), from a counter, the two words of the seed and a
constant.
"""

import functools
import math

import tensorflow as tf

_CONSTANT = 0x9E3779B9


def _words(count, seed):
    """Returns four tensors of random uint32, each with at least `count` / 4 of them."""
    each = (count + 3) // 4
    seed = tf.bitcast(tf.cast(seed, tf.int32), tf.uint32)
    counter = tf.bitcast(tf.range(tf.cast(each, tf.int32)), tf.uint32)
    a, b, c, d = (
        word * tf.constant(1664525, tf.uint32) + tf.constant(1013904223, tf.uint32)
        for word in (counter, seed[0], seed[1], tf.constant(_CONSTANT, tf.uint32))
    )
    half = tf.constant(16, tf.uint32)
    for mixed in (True, True, False):
        a += b * d
        b += c * a
        c += a * b
        d += b * c
        if mixed:
            a, b, c, d = (
                tf.bitwise.bitwise_xor(word, tf.bitwise.right_shift(word, half))
                for word in (a, b, c, d)
            )
    return a, b, c, d


def _fractions(word):
    """Maps random uint32 to multiples of 2⁻²⁴ in [0, 1), which float32 holds exactly."""
    high = tf.bitcast(tf.bitwise.right_shift(word, tf.constant(8, tf.uint32)), tf.int32)
    return tf.cast(high, tf.float32) * 2.0**-24


def _shaped(parts, count, shape):
    # Interleaved, so that a longer draw begins with the numbers of a shorter one of the same seed.
    return tf.reshape(tf.reshape(tf.stack(parts, -1), [-1])[:count], shape)


def uniform(shape, seed) -> tf.Tensor:
    """Draws independent float32 numbers, uniform in [0, 1).

    Args:
        shape: integers, or an integer tensor.
        seed: two integers; the same seed gives the same numbers.
    """
    return _drawn(_uniform, shape, seed)


def _uniform(shape, seed):
    count = tf.reduce_prod(shape)
    return _shaped([_fractions(word) for word in _words(count, seed)], count, shape)


def normal(shape, seed) -> tf.Tensor:
    """Draws independent standard normal float32 numbers, within ±5.8 (Box and Muller 1958).

    Args:
        shape, seed: as in `uniform`.
    """
    return _drawn(_normal, shape, seed)


def _normal(shape, seed):
    count = tf.reduce_prod(shape)
    parts = []
    words = _words(count, seed)
    for first, second in (words[:2], words[2:]):
        # In (0, 1], so that the logarithm is finite.
        radius = tf.sqrt(-2.0 * tf.math.log(_fractions(first) + 2.0**-24))
        angle = 2.0 * math.pi * _fractions(second)
        parts += [radius * tf.cos(angle), radius * tf.sin(angle)]
    return _shaped(parts, count, shape)


def _drawn(draw, shape, seed):
    """Returns `draw(shape, seed)`; in a graph by one call of a function, if the shape is known.

    A draw is some eighty operations, and a step draws several times: tracing them anew is a quarter
    of the time in which a small GAN's step is traced.
    """
    if not tf.executing_eagerly():
        known = tf.get_static_value(tf.convert_to_tensor(shape))
        if known is not None:
            return _traced(draw, tuple(known.tolist()))(tf.cast(seed, tf.int32))
    return draw(shape, seed)


@functools.lru_cache(128)
def _traced(draw, shape):
    with tf.init_scope():
        function = tf.function(lambda seed: draw(shape, seed), autograph=False)
        return function.get_concrete_function(tf.TensorSpec([2], tf.int32))


# TensorFlow's own numbers, for files of earlier releases that depend on them.


def tensorflow_uniform(shape, seed) -> tf.Tensor:
    """Draws the numbers of `tf.random.stateless_uniform(shape, seed)`, the same under XLA.

    Under XLA that function converts the same random bits to other fractions.
    """
    bits = tf.random.stateless_uniform(shape, seed, None, None, tf.uint32)
    low = tf.bitcast(tf.bitwise.bitwise_and(bits, tf.constant(0x7FFFFF, tf.uint32)), tf.int32)
    return tf.cast(low, tf.float32) * 2.0**-23
