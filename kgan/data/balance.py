"""The order of labelled samples in which each class comes equally often."""

from typing import Any

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.data.info import Source
from kgan.data.stores import Order
from kgan.errors import InputError

BALANCES = ("classes",)


class Balanced(Order):
    """An order in which each class comes equally often: a pure function of (seed, epoch).

    The numbers of samples of two classes in an epoch differ by at most one. The samples of a class
    come in passes, each of which reads all of them once, in an order of its own; passes continue
    across epochs. So a sample of a rare class comes several times in an epoch, and one of a
    frequent class may come in a later epoch only.

    Args:
        labels: int32 array `(samples,)`.
        per_epoch: how many samples an epoch reads.
        seed, shuffle: as in `Order`. Without the shuffle the classes take turns, and the samples
            of a class keep their order.
    """

    def __init__(self, labels: np.ndarray, per_epoch: int, seed: int, shuffle: bool):
        super().__init__(per_epoch, seed, shuffle)
        classes = np.unique(labels)
        members = [np.flatnonzero(labels == number) for number in classes]
        with tf.device("CPU:0"):
            # The samples class by class; where each class begins, and how many it has.
            self._members = tf.constant(np.concatenate(members), tf.int64)
            self._counts = tf.constant([len(one) for one in members], tf.int64)
        self._firsts = tf.cumsum(self._counts, exclusive=True)
        self.classes = len(classes)

    def __call__(self, epoch: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        shape, places = tf.shape(places), tf.reshape(places, [-1])
        # Of all samples ever read, in turns by class; within an epoch they are mixed.
        turns = epoch * self.size + super().__call__(epoch, places)
        numbers, turns = turns % self.classes, turns // self.classes
        counts = tf.gather(self._counts, numbers)
        passes, inside = turns // counts, turns % counts
        if self.shuffle:
            inside = self._shuffled(inside, numbers, passes, counts)
        return tf.reshape(
            tf.gather(self._members, tf.gather(self._firsts, numbers) + inside), shape
        )

    def _shuffled(self, inside, numbers, passes, counts):
        """Returns the places within a class in the order of each pass."""
        seeds = tf.stack([tf.fill(tf.shape(inside), tf.cast(self.seed, tf.int64)), numbers, passes])
        shuffled = tf.raw_ops.RandomIndexShuffle(
            index=inside,
            seed=tf.transpose(seeds),
            # The operation takes no range of one.
            max_index=tf.maximum(counts - 1, 1),
            rounds=4,
        )
        return tf.where(counts > 1, shuffled, 0)


def order(balance: Any, source: Source, used: int, seed: int, shuffle: bool) -> Order | None:
    """Returns the order that balances the samples of a source; None if it is not asked for.

    Args:
        balance: "classes" or None, as the user gave it.
        source: the samples.
        used: how many samples an epoch reads.
        seed, shuffle: as in `Order`.

    Raises:
        InputError: if the samples have no labels, or cannot be read in any order.
    """
    if balance is None:
        return None
    arguments.choice("balance", balance, BALANCES, or_else="None")
    if source.labels is None or source.labels is False:
        raise InputError(
            f"balance={balance!r} takes each class equally often, and {source.name!r} has no "
            "labels. Take a folder with a sub-folder for each class or arrays with labels, and do "
            "not leave labels out."
        )
    if not isinstance(source.labels, np.ndarray):
        raise InputError(
            f"balance={balance!r} reads samples in any order, and those of {source.name!r} are "
            "read from records one after another. Keep them in memory by cache=True."
        )
    return Balanced(source.labels, used, seed, arguments.flag("shuffle", shuffle))
