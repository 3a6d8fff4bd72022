"""The pipeline from a store of samples to shuffled, scaled and prefetched batches."""

import tensorflow as tf

from kgan import bridge
from kgan.data.info import DataInfo, Range
from kgan.data.position import Position
from kgan.data.ranges import scale
from kgan.data.stores import Order


def build(
    store,
    info: DataInfo,
    *,
    source_range: Range | None,
    seed: int,
    shuffle: bool,
    drop: bool,
    order: Order | None = None,
) -> tf.data.Dataset:
    """Builds the dataset over `store` that users get.

    It yields float32 samples `(batch, *sample_shape)`, or `(samples, int32 labels)`,
    and has `info`, `position` and a `cardinality` of `info.steps_per_epoch`.

    An iterator takes the position when it starts. What it reads is then a function of
    (seed, epoch, skipped batches), so neither prefetching nor a second iterator changes it.

    TensorFlow cannot know how many batches of an epoch are left, and
    `tf.data.experimental.assert_cardinality` would fail in an epoch that starts in the middle.
    So `cardinality` is replaced by a Python function: Keras shows a full progress bar, and an
    epoch that starts in the middle ends early. Datasets that `map` and the like derive do not
    inherit it.

    Args:
        store: a store of `kgan.data.stores`.
        info: the facts to attach; it also sets batch size, steps and value range.
        source_range: the range of the stored values; None leaves them unscaled.
        seed: seed of the shuffle.
        shuffle: whether to shuffle.
        drop: whether to leave out a last batch that is not full.
        order: the order of the samples; None means that of seed and shuffle.
    """

    def finish(samples, *labels):
        samples = scale(tf.cast(samples, tf.float32), source_range, info.value_range)
        return (samples, *labels) if labels else samples

    order = order or Order(info.size, seed % 2**63, shuffle)
    return build_over(store, info, finish, order, drop=drop)


def build_over(store, info: DataInfo, finish, order: Order, *, drop: bool) -> tf.data.Dataset:
    """Builds a dataset as `build` does, with a given order.

    Args:
        store, info, drop: as in `build`.
        finish: a function from a batch of the store to the batch that users get.
        order: the order of the samples.
    """
    position = Position(info.steps_per_epoch)
    count = info.steps_per_epoch * info.batch_size if drop else info.size

    def start():
        started = bridge.numpy_function(position.start, [], tf.int64)
        started.set_shape([2])
        return started

    dataset = store.batches(start, order, info.batch_size, count, finish)
    dataset = prefetched(dataset)
    dataset.info = info
    dataset.position = position
    dataset.cardinality = lambda: tf.constant(info.steps_per_epoch, tf.int64)
    return dataset


def prefetched(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the dataset with prefetching.

    Autotuning is off; `AUTOTUNE` then means one parallel call a core. Autotuning runs in a thread
    that sleeps ever longer, and the end of an epoch waits until the thread wakes: with TensorFlow
    2.21 up to as long as the epoch itself took.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)
