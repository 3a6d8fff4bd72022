"""A pool of earlier generated images that discriminators see beside the latest ones."""

from typing import Any

import keras
import tensorflow as tf

from kgan import arguments, replicas
from kgan.random import tensorflow_uniform
from kgan.typing import ArrayLike, Config, Tensor, Tensors


@keras.saving.register_keras_serializable("kgan")
class History(keras.layers.Layer):
    """Returns each image or, with probability 1/2, an older one, whose place in the pool it takes.

    Shrivastava et al. 2017, section 2.3; with 50 images in CycleGAN (Zhu et al. 2017, section 4).
    While the pool fills, images are stored and returned unchanged. The pool is layer state, saved
    with the model, so that a resumed training sees the same images as an uninterrupted one.

    - inputs: images `(batch, *shape)`, and a seed, two int32, that decides which are swapped
    - returns: `(batch, *shape)`

    Args:
        size: number of images in the pool.
        shape: shape of one image.
    """

    def __init__(self, size: int, shape: tuple[int, ...], **kwargs: Any):
        super().__init__(trainable=False, **kwargs)
        self.size = arguments.integer("size", size)
        single = isinstance(shape, tuple) and not shape
        self.shape = () if single else arguments.shape("shape", shape, "that of one image")
        # Equal on all replicas.
        settings = {
            "initializer": "zeros",
            "trainable": False,
            "aggregation": "only_first_replica",
        }
        # One extra slot receives the images that are not kept.
        self.images = self.add_weight(shape=(self.size + 1, *self.shape), name="images", **settings)
        self.count = self.add_weight(shape=(), dtype="int32", name="count", **settings)
        self.built = True

    def call(self, images: ArrayLike, seed: Tensor) -> Tensors:
        mine = tf.shape(images)[0]
        # Every replica has the same pool, of the images of all of them.
        shown = self._exchange(replicas.whole(tf.convert_to_tensor(images)), seed)
        return replicas.rows(mine, lambda count: shown)

    def _exchange(self, images, seed):
        count = tf.shape(images)[0]
        arrivals = self.count.value + tf.range(count)
        filling = arrivals < self.size
        slots = tf.random.stateless_uniform([count], seed, 0, self.size, tf.int32)
        slots = tf.where(filling, arrivals, slots)
        swapped = (tensorflow_uniform([count], seed + 7) < 0.5) & ~filling
        pool = tf.convert_to_tensor(self.images.value)
        images = tf.cast(images, pool.dtype)
        older = tf.gather(pool, tf.minimum(slots, self.size - 1))
        mask = tf.reshape(swapped, [-1] + [1] * len(self.shape))
        kept = tf.where(filling | swapped, slots, self.size)
        self.images.assign(tf.tensor_scatter_nd_update(pool, kept[:, None], images))
        self.count.assign(tf.minimum(self.count.value + count, self.size))
        return tf.where(mask, older, images)

    def get_config(self) -> Config:
        return {**super().get_config(), "size": self.size, "shape": self.shape}
