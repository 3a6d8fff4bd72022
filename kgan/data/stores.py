"""Stores that hold samples, in memory or on disk, and the order in which an epoch reads them."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kgan import arguments, bridge
from kgan.data import memory
from kgan.data.mirroring import mirrored

# Encoded samples in the shuffle buffer of records, which cannot be read by index.
SHUFFLE_BUFFER = 10_000


class Order:
    """The order of the samples in each epoch: a pure function of (seed, epoch).

    `index_shuffle` computes any element of a permutation without the others. So an epoch can
    start anywhere at no cost, and a sample can move to any place, unlike with a shuffle buffer.

    Args:
        size: how many samples there are.
        seed: seed of the shuffle, at least 0 and below 2**63.
        shuffle: False keeps the order of the samples.
    """

    def __init__(self, size: int, seed: int, shuffle: bool):
        self.size = size
        self.seed = seed
        self.shuffle = arguments.flag("shuffle", shuffle)

    def __call__(self, epoch: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Returns the indices of the samples at these `places` of the epoch (all int64)."""
        if not self.shuffle or self.size == 1:
            return places
        return tf.random.experimental.index_shuffle(
            places,
            seed=tf.stack([tf.constant(self.seed, tf.int64), epoch]),
            max_index=tf.constant(self.size - 1, tf.int64),
        )


class Wrapping(Order):
    """The order of samples of which an epoch reads more than there are, so that they repeat.

    Each pass over the samples has a permutation of its own; passes continue across epochs.

    Args:
        size: how many samples there are.
        per_epoch: how many samples an epoch reads.
        seed, shuffle: as in `Order`.
    """

    def __init__(self, size: int, per_epoch: int, seed: int, shuffle: bool):
        super().__init__(size, seed, shuffle)
        self.per_epoch = per_epoch

    def __call__(self, epoch, places):
        if self.size == self.per_epoch:
            return super().__call__(epoch, places)
        read_before = epoch * self.per_epoch + places
        passes, places = read_before // self.size, read_before % self.size
        if not self.shuffle or self.size == 1:
            return places
        # The public function takes one seed for all indices; here each pass has its own.
        seeds = tf.fill(tf.shape(passes), tf.constant(self.seed, tf.int64))
        return tf.raw_ops.RandomIndexShuffle(
            index=places,
            seed=tf.stack([seeds, passes, tf.ones_like(passes)], -1),
            max_index=tf.constant(self.size - 1, tf.int64),
            rounds=4,
        )


def remaining_items(start: Callable, per_epoch: int, per_skip: int = 1) -> tf.data.Dataset:
    """Yields the numbers of the items left of an epoch; item i of epoch e is `e * per_epoch + i`.

    `flat_map` over the one element of `range(1)` calls its function once for every iterator,
    which is when `start` has to be called. That function should do little else: its pipeline is
    built again for each epoch, which costs milliseconds for every stage.

    Args:
        start: a function that returns the position of the iterator, int64
            `[epoch, batches to skip]`.
        per_epoch: items in an epoch.
        per_skip: items in a skipped batch.
    """

    def rest(_):
        epoch, skip = tf.unstack(start())
        first = epoch * per_epoch
        return tf.data.Dataset.range(first + skip * per_skip, first + per_epoch)

    return tf.data.Dataset.range(1).flat_map(rest)


class Memory:
    """Samples held in memory.

    Args:
        values: array `(samples, ...)`, uint8 or float32.
        labels: int32 array `(samples,)` or None.
    """

    def __init__(self, values: np.ndarray, labels: np.ndarray | None):
        memory.must_fit(
            values.nbytes,
            "The copy of the samples that training holds",
            "Save them by numpy.save as an .npy file of dtype uint8 or float32, and give its path: "
            "it is read from disk.",
        )
        # Without the device scope the whole data set would take memory of a GPU.
        with tf.device("CPU:0"):
            self._columns = [tf.constant(values)]
            if labels is not None:
                self._columns.append(tf.constant(labels))

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """Returns a dataset of finished batches; an iterator reads one epoch from its position.

        Args:
            start: as in `remaining_items`.
            order: the order of the samples.
            batch_size: samples in a batch.
            count: samples of an epoch that are used; if `batch_size` does not divide it, the
                last batch is smaller.
            finish: a function from a raw batch to the batch that users get.
        """
        steps = -(-count // batch_size)

        def batch(number):
            epoch, first = number // steps, number % steps * batch_size
            if count % batch_size:
                places = tf.range(first, tf.minimum(first + batch_size, count))
            else:  # the shape is known when this is traced, so XLA compiles once
                places = first + tf.range(batch_size, dtype=tf.int64)
            return finish(*self._gathered(order(epoch, places)))

        return remaining_items(start, steps).map(batch, tf.data.AUTOTUNE, deterministic=True)

    def _gathered(self, indices: tf.Tensor) -> list[tf.Tensor]:
        """Returns the raw batch `[samples]` or `[samples, labels]` at these indices."""
        return [tf.gather(column, indices) for column in self._columns]


class Mapped(Memory):
    """Samples in a file that is mapped into memory (`numpy.memmap`).

    The file stays on disk, so it may be larger than the memory.

    Args:
        values: array `(samples, ...)`.
        labels: int32 array `(samples,)` or None.
    """

    def __init__(self, values: np.memmap, labels: np.ndarray | None):
        self._columns = [] if labels is None else [tf.constant(labels)]
        self._values = values

    def _gathered(self, indices):
        dtype = tf.as_dtype(self._values.dtype)
        samples = bridge.numpy_function(lambda places: self._values[places], [indices], dtype)
        samples.set_shape([*indices.shape, *self._values.shape[1:]])
        return [samples, *super()._gathered(indices)]


class Stacked(Memory):
    """Colour images that are stacked when they are read, from grey images in memory.

    Args:
        images: array `(images, height, width, 1)`.
        stacks: int32 array `(samples, channels)`: the index of the image in each channel.
        labels: int32 array `(samples,)` or None.
    """

    def __init__(self, images: np.ndarray, stacks: np.ndarray, labels: np.ndarray | None):
        super().__init__(stacks, labels)
        with tf.device("CPU:0"):
            self._images = tf.constant(images[..., 0])

    def _gathered(self, indices):
        stacks, *labels = super()._gathered(indices)
        # `tf.gather` returns (batch, channels, height, width).
        return [tf.transpose(tf.gather(self._images, stacks), (0, 2, 3, 1)), *labels]


class Files:
    """Samples that are read one by one from disk, by index.

    Args:
        read: a function from an index to an array of `shape`; several threads call it.
        shape: of one sample.
        labels: int32 array `(samples,)` or None.
        dtype: of the arrays.
    """

    def __init__(
        self,
        read: Callable[[int], np.ndarray],
        shape: tuple[int, ...],
        labels: np.ndarray | None,
        dtype: np.dtype | str = "uint8",
    ):
        self._read = read
        self._dtype = tf.as_dtype(dtype)
        self._shape = shape
        self._labels = labels

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """Returns a dataset of finished batches, as `Memory.batches` does."""

        def sample(number):
            index = order(number // count, number % count)
            values = bridge.numpy_function(self._read, [index], self._dtype)
            values.set_shape(self._shape)
            if self._labels is None:
                return (values,)
            return values, tf.gather(self._labels, index)

        return (
            remaining_items(start, count, batch_size)
            .map(sample, tf.data.AUTOTUNE, deterministic=True)
            .batch(batch_size, drop_remainder=count % batch_size == 0)
            .map(finish, tf.data.AUTOTUNE, deterministic=True)
        )


class Records:
    """Samples in record files, which can only be read from the start.

    Encoded samples are shuffled in a buffer of `SHUFFLE_BUFFER`, with a seed that is a function
    of (seed, epoch). The files are read in a fixed order.

    Args:
        encoded: dataset of encoded samples, in the same order every time.
        decode: a function from an encoded sample to the tuple `(sample,)` or `(sample, label)`.
    """

    def __init__(self, encoded: tf.data.Dataset, decode: Callable):
        self._encoded = encoded
        self._decode = decode

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """Returns a dataset of finished batches, as `Memory.batches` does.

        Skipped samples are read, but not decoded.
        """

        def rest(_):
            epoch, skip = tf.unstack(start())
            dataset = self._encoded
            if order.shuffle:
                dataset = _shuffled(dataset, order.seed, epoch)
            return dataset.take(count).skip(skip * batch_size)

        return (
            tf.data.Dataset.range(1)
            .flat_map(rest)
            .map(self._decode, tf.data.AUTOTUNE, deterministic=True)
            .batch(batch_size, drop_remainder=count % batch_size == 0)
            .map(finish, tf.data.AUTOTUNE, deterministic=True)
        )


class SideBySide:
    """Several stores that are read together: a batch is a tuple of one batch from each.

    Args:
        stores: stores of unlabelled samples that are read by index.
        orders: the order of each store.
        flip: seed for mirroring half of the samples left to right; None mirrors none.
        together: whether the samples at one place are a pair, and so are mirrored alike.
    """

    def __init__(self, stores: list, orders: list, flip: int | None, together: bool):
        self._stores, self._orders = stores, orders
        self._flip, self._together = flip, together

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """Returns a dataset of finished batches, as `Memory.batches` does.

        Each store is read in its own order; `order` is not used.
        """

        def epoch(_):
            position = start()
            parts = [
                store.batches(lambda: position, own_order, batch_size, count, lambda batch: batch)
                for store, own_order in zip(self._stores, self._orders, strict=True)
            ]
            first = position[0] * -(-count // batch_size) + position[1]
            return tf.data.Dataset.zip(tf.data.Dataset.counter(first), *parts)

        def mirror_and_finish(number, *batches):
            if self._flip is not None:
                batches = [
                    mirrored(batch, self._flip + (0 if self._together else side), number)
                    for side, batch in enumerate(batches)
                ]
            return finish(*batches)

        dataset = tf.data.Dataset.range(1).flat_map(epoch)
        return dataset.map(mirror_and_finish, tf.data.AUTOTUNE, True)


class Crops:
    """Crops of low- and high-resolution images, at the same places.

    Args:
        low, high: lists of uint8 arrays `(height, width, channels)`; those of `low` are `scale`
            times smaller.
        size: side of the high-resolution crops; None yields whole images.
        scale: see above.
        augment: whether to flip and rotate the crops.
        seed: seed of the crops; a crop is a function of the seed, the epoch and its index.
    """

    def __init__(self, low, high, size, scale, augment, seed):
        self._low, self._high = low, high
        self._size, self._scale = size, scale
        self._augment, self._seed = augment, seed

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """Returns a dataset of finished batches, as `Memory.batches` does."""

        def sample(number):
            epoch, place = number // count, number % count
            index = order(epoch, place)
            low, high = bridge.numpy_function(self._crop, [epoch, index], [tf.uint8, tf.uint8])
            side, channels = self._size, self._high[0].shape[-1]
            low.set_shape((*2 * (side and side // self._scale,), channels))
            high.set_shape((side, side, channels))
            return low, high

        return (
            remaining_items(start, count, batch_size)
            .map(sample, tf.data.AUTOTUNE, deterministic=True)
            .batch(batch_size, drop_remainder=True)
            .map(finish, tf.data.AUTOTUNE, deterministic=True)
        )

    def _crop(self, epoch, index):
        low, high = (side[index % len(self._high)] for side in (self._low, self._high))
        if self._size is None:
            return low, high
        random = np.random.default_rng((self._seed, int(epoch), int(index)))
        side = self._size // self._scale
        top, left = (int(random.integers(n - side + 1)) for n in low.shape[:2])
        low = low[top : top + side, left : left + side]
        top, left = top * self._scale, left * self._scale
        high = high[top : top + self._size, left : left + self._size]
        if self._augment:
            turns, flip = random.integers(4), random.integers(2)
            low, high = (np.rot90(part, turns)[:, :: 1 - 2 * flip] for part in (low, high))
        return np.ascontiguousarray(low), np.ascontiguousarray(high)


def _shuffled(dataset: tf.data.Dataset, seed: int, epoch: tf.Tensor) -> tf.data.Dataset:
    """Shuffles as `Dataset.shuffle` does, but without TensorFlow's global seed."""
    specs = tf.nest.flatten(dataset.element_spec)
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=SHUFFLE_BUFFER,
        # TensorFlow draws a random seed if both numbers are 0.
        seed=tf.constant(seed, tf.int64),
        seed2=epoch + 1,
        reshuffle_each_iteration=False,
        output_types=[spec.dtype for spec in specs],
        output_shapes=[spec.shape for spec in specs],
    )
    return tf.data.experimental.from_variant(variant, dataset.element_spec)
