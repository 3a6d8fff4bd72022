"""Packs of samples, which a discriminator scores together (PacGAN, Lin et al. 2018, section 2).

A discriminator that sees m samples at once notices that generated ones are alike, which no single
sample shows. A pack is one sample more often: `(packs, m, ..., channels)`. The discriminator takes
its samples side by side in the channels, `(packs, ..., m · channels)`, as in the paper.
"""

import tensorflow as tf

from kgan.typing import Tensor


def folded_shape(shape: tuple, pack: int) -> tuple:
    """Returns the shape that the discriminator takes for packs of samples of a shape."""
    return (*shape[:-1], shape[-1] * pack) if pack > 1 else tuple(shape)


def grouped(samples: Tensor, pack: int) -> Tensor:
    """Returns packs `(⌈batch/m⌉, m, ...)` of samples `(batch, ...)` that follow each other.

    The samples that the last pack lacks are taken from the beginning of the batch.
    """
    samples = tf.convert_to_tensor(samples)
    count = samples.shape[0]
    if count is None or count % pack:
        count = tf.shape(samples)[0]
        whole = (count + pack - 1) // pack * pack
        samples = tf.gather(samples, tf.range(whole) % tf.maximum(count, 1))
    return tf.reshape(samples, (-1, pack, *samples.shape[1:]))


def folded(packs: Tensor) -> Tensor:
    """Returns packs as the discriminator takes them, `(packs, ..., m · channels)`."""
    last = len(packs.shape) - 1
    moved = tf.transpose(packs, (0, *range(2, last), 1, last))
    return tf.reshape(moved, (-1, *folded_shape(packs.shape[2:], packs.shape[1])))


def parted(packs: Tensor) -> Tensor:
    """Returns the samples of packs, `(packs · m, ...)`."""
    return tf.reshape(packs, (-1, *packs.shape[2:]))
