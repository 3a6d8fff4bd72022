"""The samples of each replica, numbers drawn for them, and sums over all replicas."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf


class _Place(threading.local):
    """The batch that this replica works on; each replica is traced in a thread of its own.

    Attributes:
        divided: whether each replica has its own part of the batch, a scalar bool tensor.
        count: the number of samples on this replica, a scalar tensor; None outside a turn.
    """

    divided: Any = None
    count: Any = None


_place = _Place()


def count() -> int:
    """Returns the number of replicas that train together."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def of(strategy) -> int:
    """Returns the number of replicas of a strategy."""
    return strategy.num_replicas_in_sync


def several():
    """Returns the current replica's context, or None if there is only one replica."""
    replica = tf.distribute.get_replica_context()
    return None if replica is None or replica.num_replicas_in_sync == 1 else replica


# The samples of a replica.


@contextlib.contextmanager
def working_on(divided) -> Iterator[None]:
    """In this context a replica trains on its part of a batch.

    Args:
        divided: a scalar bool tensor: whether each replica has a part of its own, or all of them
            have the whole batch.
    """
    before = _place.divided
    _place.divided = divided
    try:
        yield
    finally:
        _place.divided = before


@contextlib.contextmanager
def samples(number) -> Iterator[None]:
    """In this context a turn is computed on `number` real samples on this replica."""
    before = _place.count
    _place.count = number
    try:
        yield
    finally:
        _place.count = before


def rows(number, draw: Callable[[Any], Any]) -> Any:
    """Draws random rows for the samples of all replicas, and returns those of this one.

    Args:
        number: how many rows this replica needs: one for each of its samples, or several, such as
            those of real and then of generated samples in one batch.
        draw: a function of a number of rows that draws as many, the same ones on every replica.
            It returns a tensor `(number, ...)` or a structure of them.

    Returns:
        What `draw` returns, with `number` rows.
    """
    replica = several()
    if replica is None or _place.divided is None:
        return draw(number)
    parts = tf.where(_place.divided, replica.num_replicas_in_sync, 1)
    each = _block(number)
    mine = tf.where(_place.divided, index_of(replica), 0) * each

    def own(drawn):
        if drawn is None:
            return None
        # Blocks of as many rows as there are samples, each block with those of all replicas.
        blocks = tf.reshape(
            drawn, tf.concat([[number // each, parts * each], tf.shape(drawn)[1:]], 0)
        )
        found = tf.reshape(
            blocks[:, mine : mine + each], tf.concat([[number], tf.shape(drawn)[1:]], 0)
        )
        found.set_shape([number if isinstance(number, int) else None, *drawn.shape[1:]])
        return found

    return tf.nest.map_structure(own, draw(parts * number))


def whole(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the rows of all replicas' samples in the order of the batch, with gradients."""
    replica = several()
    if replica is None or _place.divided is None:
        return tensor
    joined = replica.all_gather(tensor, axis=0)
    number = tf.shape(tensor)[0]
    each = _block(number)
    # Blocks of as many rows as there are samples, each block with those of all replicas.
    sizes = tf.shape(joined)[1:]
    blocks = tf.reshape(
        joined, tf.concat([[replica.num_replicas_in_sync, number // each, each], sizes], 0)
    )
    ordered = tf.reshape(tf.transpose(blocks, _swapped(blocks)), tf.shape(joined))
    return tf.cond(_place.divided, lambda: ordered, lambda: tensor)


def _block(number):
    """Returns how many of a number of rows belong together: one for each sample, else all."""
    if _place.count is None:
        return number
    return tf.where(number % _place.count == 0, _place.count, number)


def _swapped(blocks):
    return [1, 0, *range(2, len(blocks.shape))]


def gathered(parts: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns (index of this replica on its machine, `parts` with the rows of all replicas)."""
    replica = several()
    if replica is None:
        return tf.constant(0), parts
    local = len(replica.strategy.extended.worker_devices)
    if _all_have_the_whole():
        return index_of(replica) % local, parts
    return index_of(replica) % local, [replica.all_gather(part, axis=0) for part in parts]


def _all_have_the_whole() -> bool:
    """Returns whether it is known while tracing that the batch is not divided."""
    known = None if _place.divided is None else tf.get_static_value(_place.divided)
    return known is not None and not known


def adds_up() -> bool:
    """Returns whether this replica adds to sums over the replicas of what each has counted.

    If all replicas have the whole batch, only the first one does.
    """
    replica = several()
    if replica is None or not _all_have_the_whole():
        return True
    return tf.get_static_value(replica.replica_id_in_sync_group) == 0


def index_of(replica):
    return tf.cast(replica.replica_id_in_sync_group, tf.int32)


def seed_per_replica(seed: tf.Tensor) -> tf.Tensor:
    """Returns a different seed on each replica, from one seed, int32 of shape `(2,)`.

    For numbers that are not drawn by `rows`: with one seed all replicas would draw the same.
    """
    replica = several()
    if replica is None:
        return seed
    offset = index_of(replica) * 1_000_003
    return seed + tf.stack([offset, tf.zeros_like(offset)])


# Sums and means over the replicas.


def total(values):
    """Returns the sums of tensors over all replicas; of a structure of tensors, all at once."""
    replica = several()
    if replica is None or not tf.nest.flatten(values):
        return values
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, values)


def mean(values):
    """Returns the means of floating-point tensors over all replicas; see `total`."""
    replica = several()
    if replica is None or not tf.nest.flatten(values):
        return values
    return replica.all_reduce(tf.distribute.ReduceOp.MEAN, values)


def moments(values: tf.Tensor, axes: list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (mean, biased variance) over some axes, the first among them, of all replicas.

    Both have the kept axes' shape and can be differentiated, also twice.
    """
    average = mean(tf.reduce_mean(values, axes, keepdims=True))
    variance = mean(tf.reduce_mean(tf.math.squared_difference(values, average), axes))
    return tf.squeeze(average, axes), variance
