"""Where samples lie, in memory or on disk, and how an epoch reads them."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kgan.random import tensorflow_uniform

# Encoded samples that a shuffle of records holds. Records cannot be read by index.
SHUFFLE_BUFFER = 10_000


class Order:
    """The order of the samples in each epoch: a pure function of (seed, epoch).

    `index_shuffle` computes any element of a permutation without the others, so an epoch
    can be entered anywhere at no cost, and all permutations of the indices are in reach,
    not those of a buffer.
    """

    def __init__(self, size: int, seed: int, shuffle: bool):
        self.size = size
        self.seed = seed
        self.shuffle = shuffle

    def __call__(self, epoch: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """The indices of the samples at these `places` of the epoch (all int64)."""
        if not self.shuffle or self.size == 1:
            return places
        return tf.random.experimental.index_shuffle(
            places,
            seed=tf.stack([tf.constant(self.seed, tf.int64), epoch]),
            max_index=tf.constant(self.size - 1, tf.int64),
        )


class Wrapping(Order):
    """The order of samples of which an epoch takes more than there are: they begin anew.

    Args:
        size: how many samples there are.
        per_epoch: how many an epoch takes.
        seed, shuffle: as in `Order`.
    """

    def __init__(self, size: int, per_epoch: int, seed: int, shuffle: bool):
        super().__init__(size, seed, shuffle)
        self.per_epoch = per_epoch

    def __call__(self, epoch, places):
        if self.size == self.per_epoch:
            return super().__call__(epoch, places)
        passed = epoch * self.per_epoch + places
        rounds, places = passed // self.size, passed % self.size
        if not self.shuffle or self.size == 1:
            return places
        # The public function takes one seed for all indices; here each round has its own.
        own = tf.fill(tf.shape(rounds), tf.constant(self.seed, tf.int64))
        return tf.raw_ops.RandomIndexShuffle(
            index=places,
            seed=tf.stack([own, rounds, tf.ones_like(rounds)], -1),
            max_index=tf.constant(self.size - 1, tf.int64),
            rounds=4,
        )


def numbers(start: Callable, per_epoch: int, per_skip: int = 1) -> tf.data.Dataset:
    """The items left of an epoch, counted through all epochs: item i of epoch e as
    `e * per_epoch + i`.

    `flat_map` over the one element of `range(1)` runs its function once for every
    iterator, and there the place is taken. Little else should stand inside it: its
    pipeline is set up anew for each epoch, at a cost of milliseconds for every stage.

    Args:
        start: takes the place: int64 `[epoch, batches to skip]`.
        per_epoch: items in an epoch.
        per_skip: items in a skipped batch.
    """

    def rest(_):
        epoch, skip = tf.unstack(start())
        first = epoch * per_epoch
        return tf.data.Dataset.range(first + skip * per_skip, first + per_epoch)

    return tf.data.Dataset.range(1).flat_map(rest)


class Memory:
    """Samples held in memory, as uint8 where they are images.

    Args:
        values: array `(samples, ...)`.
        labels: int32 array `(samples,)` or None.
    """

    def __init__(self, values: np.ndarray, labels: np.ndarray | None):
        # Without the device scope a GPU would hold the whole data set.
        with tf.device("CPU:0"):
            self._columns = [tf.constant(values)]
            if labels is not None:
                self._columns.append(tf.constant(labels))

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """Finished batches; every iterator reads one epoch, from the place it takes.

        Args:
            start: see `numbers`.
            order: of the samples.
            batch_size: samples in a batch.
            count: samples used of an epoch; the last batch is smaller if it does not divide.
            finish: from a raw batch to what users get.
        """
        steps = -(-count // batch_size)

        def batch(number):
            epoch, first = number // steps, number % steps * batch_size
            if count % batch_size:
                places = tf.range(first, tf.minimum(first + batch_size, count))
            else:  # a shape that is known when traced: XLA compiles once
                places = first + tf.range(batch_size, dtype=tf.int64)
            return finish(*self._gathered(order(epoch, places)))

        return numbers(start, steps).map(batch, tf.data.AUTOTUNE, deterministic=True)

    def _gathered(self, indices: tf.Tensor) -> list[tf.Tensor]:
        """The raw batch of the samples with these indices."""
        return [tf.gather(column, indices) for column in self._columns]


class Mapped(Memory):
    """Samples in a file that is mapped into memory (`numpy.memmap`), and may be larger than it.

    Args:
        values: array `(samples, ...)`.
        labels: int32 array `(samples,)` or None.
    """

    def __init__(self, values: np.memmap, labels: np.ndarray | None):
        self._columns = [] if labels is None else [tf.constant(labels)]
        self._values = values

    def _gathered(self, indices):
        dtype = tf.as_dtype(self._values.dtype)
        samples = tf.numpy_function(lambda places: self._values[places], [indices], dtype)
        samples.set_shape([*indices.shape, *self._values.shape[1:]])
        return [samples, *super()._gathered(indices)]


class Stacked(Memory):
    """Colour images that are made when read: each channel is one of the grey images in memory.

    Args:
        images: array `(images, height, width, 1)`.
        stacks: int32 array `(samples, channels)`: which image each channel shows.
        labels: int32 array `(samples,)` or None.
    """

    def __init__(self, images: np.ndarray, stacks: np.ndarray, labels: np.ndarray | None):
        super().__init__(stacks, labels)
        with tf.device("CPU:0"):
            self._images = tf.constant(images[..., 0])

    def _gathered(self, indices):
        stacks, *labels = super()._gathered(indices)
        # From (batch, channels, height, width), as they are gathered.
        return [tf.transpose(tf.gather(self._images, stacks), (0, 2, 3, 1)), *labels]


class Files:
    """Samples that are read one by one from disk, by index.

    Args:
        read: from an index to a uint8 array of this `shape`; called from several threads.
        shape: of one sample.
        labels: int32 array `(samples,)` or None.
    """

    def __init__(
        self,
        read: Callable[[int], np.ndarray],
        shape: tuple[int, ...],
        labels: np.ndarray | None,
    ):
        self._read = read
        self._shape = shape
        self._labels = labels

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """As `Memory.batches`."""

        def sample(number):
            index = order(number // count, number % count)
            values = tf.numpy_function(self._read, [index], tf.uint8)
            values.set_shape(self._shape)
            if self._labels is None:
                return (values,)
            return values, tf.gather(self._labels, index)

        return (
            numbers(start, count, batch_size)
            .map(sample, tf.data.AUTOTUNE, deterministic=True)
            .batch(batch_size, drop_remainder=count % batch_size == 0)
            .map(finish, tf.data.AUTOTUNE, deterministic=True)
        )


class Records:
    """Samples in record files that can only be read from the start.

    They are shuffled still encoded, in a buffer of `SHUFFLE_BUFFER`, by a seed that is
    a function of (seed, epoch), over files in a fixed order.

    Args:
        encoded: dataset of encoded samples, in the same order every time.
        decode: from an encoded sample to the tuple `(sample,)` or `(sample, label)`.
    """

    def __init__(self, encoded: tf.data.Dataset, decode: Callable):
        self._encoded = encoded
        self._decode = decode

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """As `Memory.batches`; what is skipped is read, but not decoded."""

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
    """Several stores read at once: a batch is a tuple with a part of each.

    Args:
        stores: of unlabelled samples that are read by index.
        orders: of each store.
        flip: seed of mirroring half of the samples left to right, or None.
        together: whether the samples at one place belong together, and are mirrored alike.
    """

    def __init__(self, stores: list, orders: list, flip: int | None, together: bool):
        self._stores, self._orders = stores, orders
        self._flip, self._together = flip, together

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """As `Memory.batches`; each store has its own order."""

        def epoch(_):
            place = start()
            parts = [
                store.batches(lambda: place, own, batch_size, count, lambda batch: batch)
                for store, own in zip(self._stores, self._orders, strict=True)
            ]
            first = place[0] * -(-count // batch_size) + place[1]
            return tf.data.Dataset.zip(tf.data.Dataset.counter(first), *parts)

        def done(number, *batches):
            if self._flip is not None:
                batches = [
                    _mirrored(batch, self._flip + (0 if self._together else side), number)
                    for side, batch in enumerate(batches)
                ]
            return finish(*batches)

        return tf.data.Dataset.range(1).flat_map(epoch).map(done, tf.data.AUTOTUNE, True)


class Crops:
    """Crops of images and of their reductions, in the same places.

    Args:
        low, high: lists of uint8 arrays `(height, width, channels)`, the low ones `scale` times
            smaller.
        size: side of a crop of the high ones; None for whole images.
        scale: see above.
        augment: whether to flip and rotate.
        seed: a crop is a function of it, the epoch and its place in the epoch.
    """

    def __init__(self, low, high, size, scale, augment, seed):
        self._low, self._high = low, high
        self._size, self._scale = size, scale
        self._augment, self._seed = augment, seed

    def batches(
        self, start: Callable, order: Order, batch_size: int, count: int, finish: Callable
    ) -> tf.data.Dataset:
        """As `Memory.batches`."""

        def sample(number):
            epoch, place = number // count, number % count
            index = order(epoch, place)
            low, high = tf.numpy_function(self._crop, [epoch, index], [tf.uint8, tf.uint8])
            side, channels = self._size, self._high[0].shape[-1]
            low.set_shape((*2 * (side and side // self._scale,), channels))
            high.set_shape((side, side, channels))
            return low, high

        return (
            numbers(start, count, batch_size)
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


def _mirrored(batch, seed, number):
    """Half of the images `(batch, height, width, channels)` mirrored, by (seed, batch number)."""
    seed = tf.stack([tf.constant(seed % 2**31, tf.int64), number])
    chosen = tensorflow_uniform([tf.shape(batch)[0], 1, 1, 1], seed) < 0.5
    return tf.where(chosen, batch[:, :, ::-1], batch)


def _shuffled(dataset: tf.data.Dataset, seed: int, epoch: tf.Tensor) -> tf.data.Dataset:
    """`Dataset.shuffle`, without TensorFlow's global seed, which that would mix in."""
    specs = tf.nest.flatten(dataset.element_spec)
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=SHUFFLE_BUFFER,
        # Two zeros would mean a random seed.
        seed=tf.constant(seed, tf.int64),
        seed2=epoch + 1,
        reshuffle_each_iteration=False,
        output_types=[spec.dtype for spec in specs],
        output_shapes=[spec.shape for spec in specs],
    )
    return tf.data.experimental.from_variant(variant, dataset.element_spec)
