"""The pipeline: from a store of samples to shuffled, scaled, prefetched batches."""

import tensorflow as tf

from kgan.data.info import DataInfo, Range
from kgan.data.position import Position
from kgan.data.ranges import scale
from kgan.data.stores import Order


def build(
    store, info: DataInfo, *, source_range: Range | None, seed: int, shuffle: bool, drop: bool
) -> tf.data.Dataset:
    """The dataset over `store` that users get.

    It yields float32 samples `(batch, *sample_shape)`, or `(samples, int32 labels)`,
    and carries `info`, `position` and a `cardinality` of `info.steps_per_epoch`.

    Each iterator takes its place when it starts. Everything after that is a function of
    (seed, epoch, skip), so neither prefetching nor a second iterator can disturb it.

    TensorFlow cannot know how much is left of an epoch, and asserting it would fail in
    an epoch that is entered in the middle. So `cardinality` is answered in Python: Keras
    shows a full progress bar, and an epoch entered in the middle just ends early.
    Datasets derived by `map` and the like don't inherit the answer; they find it in `info`.

    Args:
        store: one of `kgan.data.stores`.
        info: the facts to attach; batch size, steps and range are taken from it.
        source_range: the range of the stored values, or None to leave them.
        seed: of the shuffle.
        shuffle: whether to shuffle.
        drop: whether to leave out a last batch that is not full.
    """

    def finish(samples, *labels):
        samples = scale(tf.cast(samples, tf.float32), source_range, info.value_range)
        return (samples, *labels) if labels else samples

    order = Order(info.size, seed % 2**63, shuffle)
    return build_over(store, info, finish, order, drop=drop)


def build_over(store, info: DataInfo, finish, order: Order, *, drop: bool) -> tf.data.Dataset:
    """As `build`, over a store that knows its order; `finish` makes users' batches of its own."""
    position = Position(info.steps_per_epoch)
    count = info.steps_per_epoch * info.batch_size if drop else info.size

    def start():
        place = tf.numpy_function(position.start, [], tf.int64)
        place.set_shape([2])
        return place

    dataset = store.batches(start, order, info.batch_size, count, finish)
    dataset = prefetched(dataset)
    dataset.info = info
    dataset.position = position
    dataset.cardinality = lambda: tf.constant(info.steps_per_epoch, tf.int64)
    return dataset


def prefetched(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset, read ahead of the training.

    Autotuning is off, which leaves `AUTOTUNE` to mean one call a core. The thread that tunes
    sleeps ever longer, and the end of an epoch waits until it wakes: with TensorFlow 2.21 up to
    as long as the epoch itself took.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)
