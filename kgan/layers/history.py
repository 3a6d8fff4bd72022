"""A pool of generated images, of which discriminators see older ones too."""

from typing import Any

import keras
import tensorflow as tf

from kgan.random import tensorflow_uniform
from kgan.typing import ArrayLike, Config, Tensor, Tensors


@keras.saving.register_keras_serializable("kgan")
class History(keras.layers.Layer):
    """Of each image given, itself or, every other time, an older one that it replaces.

    Shrivastava et al. 2017, section 2.3; with 50 images in CycleGAN (Zhu et al. 2017, section 4).
    While the pool fills, images go in and come out as they are. Its content is state, saved with
    the model, so that a resumed training sees the images that the unbroken one would.

    - input: `(batch, *shape)`, and a seed, two int32, that settles what is swapped
    - returns: `(batch, *shape)`

    Args:
        size: images that it holds.
        shape: of one image.
    """

    def __init__(self, size: int, shape: tuple[int, ...], **kwargs: Any):
        super().__init__(trainable=False, **kwargs)
        self.size, self.shape = int(size), tuple(shape)
        settings = {
            "initializer": "zeros",
            "trainable": False,
            "aggregation": "only_first_replica",
        }
        # One place more, which takes what is not kept.
        self.images = self.add_weight(shape=(self.size + 1, *self.shape), name="images", **settings)
        self.count = self.add_weight(shape=(), dtype="int32", name="count", **settings)
        self.built = True

    def call(self, images: ArrayLike, seed: Tensor) -> Tensors:
        count = tf.shape(images)[0]
        places = self.count.value + tf.range(count)
        filling = places < self.size
        slots = tf.random.stateless_uniform([count], seed, 0, self.size, tf.int32)
        slots = tf.where(filling, places, slots)
        swapped = (tensorflow_uniform([count], seed + 7) < 0.5) & ~filling
        pool = tf.convert_to_tensor(self.images.value)
        images = tf.cast(images, pool.dtype)
        older = tf.gather(pool, tf.minimum(slots, self.size - 1))
        wide = tf.reshape(swapped, [-1] + [1] * len(self.shape))
        kept = tf.where(filling | swapped, slots, self.size)
        self.images.assign(tf.tensor_scatter_nd_update(pool, kept[:, None], images))
        self.count.assign(tf.minimum(self.count.value + count, self.size))
        return tf.where(wide, older, images)

    def get_config(self) -> Config:
        return {**super().get_config(), "size": self.size, "shape": self.shape}
