"""Random numbers as a function of a seed: the same under XLA and without it, and soon made.

TensorFlow's own differ between the two, and XLA takes 0.2 µs for each on a CPU, which in a small
network is longer than the training step (docs/performance.md). These come from pcg4d, a hash of
four 32-bit words to four (Jarzynski and Olano 2020, Hash functions for GPU rendering, section
3.3, here with one round more), of a counter, the two words of the seed and a constant.
"""

import math

import tensorflow as tf

_CONSTANT = 0x9E3779B9


def _words(count, seed):
    """Four tensors of at least `count` / 4 uint32 each."""
    each = (count + 3) // 4
    seed = tf.bitcast(tf.cast(seed, tf.int32), tf.uint32)
    counter = tf.bitcast(tf.range(tf.cast(each, tf.int32)), tf.uint32)
    a, b, c, d = (
        word * tf.constant(1664525, tf.uint32) + tf.constant(1013904223, tf.uint32)
        for word in (counter, seed[0], seed[1], tf.constant(_CONSTANT, tf.uint32))
    )
    half = tf.constant(16, tf.uint32)
    for again in (True, True, False):
        a += b * d
        b += c * a
        c += a * b
        d += b * c
        if again:
            a, b, c, d = (
                tf.bitwise.bitwise_xor(word, tf.bitwise.right_shift(word, half))
                for word in (a, b, c, d)
            )
    return a, b, c, d


def _fractions(word):
    """Multiples of 2⁻²⁴ in [0, 1): float32 holds each exactly."""
    high = tf.bitcast(tf.bitwise.right_shift(word, tf.constant(8, tf.uint32)), tf.int32)
    return tf.cast(high, tf.float32) * 2.0**-24


def _shaped(parts, count, shape):
    # Side by side, so that a longer draw begins with the shorter one of its seed.
    return tf.reshape(tf.reshape(tf.stack(parts, -1), [-1])[:count], shape)


def uniform(shape, seed) -> tf.Tensor:
    """Independent numbers, uniform in [0, 1), float32.

    Args:
        shape: integers, or an integer tensor.
        seed: two integers; the same seed gives the same numbers.
    """
    count = tf.reduce_prod(shape)
    return _shaped([_fractions(word) for word in _words(count, seed)], count, shape)


def normal(shape, seed) -> tf.Tensor:
    """Independent standard normal numbers, float32, within ±5.8 (Box and Muller 1958).

    Args:
        shape, seed: as in `uniform`.
    """
    count = tf.reduce_prod(shape)
    parts = []
    words = _words(count, seed)
    for first, second in (words[:2], words[2:]):
        # Of a number in (0, 1], whose logarithm is finite.
        radius = tf.sqrt(-2.0 * tf.math.log(_fractions(first) + 2.0**-24))
        angle = 2.0 * math.pi * _fractions(second)
        parts += [radius * tf.cos(angle), radius * tf.sin(angle)]
    return _shaped(parts, count, shape)


# TensorFlow's own numbers, kept where files of earlier releases depend on them.


def tensorflow_uniform(shape, seed) -> tf.Tensor:
    """The numbers of `tf.random.stateless_uniform(shape, seed)` without XLA, and the same with it.

    XLA makes other fractions of the same random bits.
    """
    bits = tf.random.stateless_uniform(shape, seed, None, None, tf.uint32)
    low = tf.bitcast(tf.bitwise.bitwise_and(bits, tf.constant(0x7FFFFF, tf.uint32)), tf.int32)
    return tf.cast(low, tf.float32) * 2.0**-23
