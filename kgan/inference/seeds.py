"""Seeds as `generate` takes them."""

import numpy as np
import tensorflow as tf


def seed_pair(seed):
    """Returns the seed of `generate(seed=...)`, an int or a scalar integer tensor, as two int32."""
    if isinstance(seed, (int, np.integer)):
        # Of a larger Python integer the lowest 64 bits are used.
        # As an array: TensorFlow keeps a tensor for each Python number until the process ends.
        seed = np.asarray((int(seed) + 2**63) % 2**64 - 2**63, "int64")
    return tf.bitcast(tf.cast(seed, tf.int64), tf.int32)
