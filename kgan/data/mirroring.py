"""Pictures mirrored left to right, half of them, others in every epoch."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kgan.random import tensorflow_uniform
from kgan.typing import Tensor


def mirrored(batch: Tensor, seed: int, number: Tensor) -> tf.Tensor:
    """Mirrors half of the images `(batch, height, width, channels)` left to right.

    Which images are mirrored is a function of (seed, number of the batch).
    """
    seed = tf.stack([tf.constant(seed % 2**31, tf.int64), number])
    chosen = tensorflow_uniform([tf.shape(batch)[0], 1, 1, 1], seed) < 0.5
    return tf.where(chosen, batch[:, :, ::-1], batch)


class Mirrored:
    """Images of another store, of which half are mirrored.

    Args:
        store: a store of `kgan.data.stores` that yields `(images,)` or `(images, labels)`.
        seed: seed of the choice, which is also a function of the epoch and the batch.
    """

    def __init__(self, store: Any, seed: int):
        self._store, self._seed = store, seed

    def batches(
        self, start: Callable, order: Any, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """Returns a dataset of finished batches, as `kgan.data.stores.Memory.batches` does."""

        def epoch(_):
            position = start()
            batches = self._store.batches(
                lambda: position, order, batch_size, count, lambda *columns: columns
            )
            # Numbered across the epochs, so that each mirrors others.
            first = position[0] * -(-count // batch_size) + position[1]
            return tf.data.Dataset.zip(tf.data.Dataset.counter(first), batches)

        def mirror_and_finish(number, columns):
            images, *labels = columns
            return finish(mirrored(images, self._seed, number), *labels)

        dataset = tf.data.Dataset.range(1).flat_map(epoch)
        return dataset.map(mirror_and_finish, tf.data.AUTOTUNE, deterministic=True)
