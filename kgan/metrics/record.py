"""The samples' features that metrics over one extractor share, computed once for all of them."""

import threading
import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from kgan import bridge, replicas
from kgan.errors import InputError
from kgan.metrics.caveats import STRANGENESS_LIMIT, caveat
from kgan.metrics.sides import SideFeatures, rows_of
from kgan.metrics.states import Moments, Rows

# The kinds of state: mean and covariance, all features, all class probabilities, the most
# probable class of each sample, and the label that each generated sample was conditioned on.
KINDS: dict[str, Any] = {
    "moments": Moments,
    "features": Rows,
    "probabilities": Rows,
    "classes": Rows,
    "labels": Rows,
}
# The kind of rows that a state is made of, where it has another name.
_ROWS = {"moments": "features"}
SIDES = {"real": "real", "fake": "generated", "condition": "asked-for"}

# Rows that are added to a state at once.
_PART = 1024


class Record:
    """The states of the real and the generated side, over one extractor.

    Metrics that are evaluated together share a record, so that the extractor runs once for each
    batch, and features are held in memory once.

    Args:
        extractor: a prepared extractor, or None if it is not known yet.
        sample_shape: shape of one sample; empty if it is not known yet.
    """

    def __init__(self, extractor=None, sample_shape=()):
        self.extractor = extractor
        self.sample_shape = tuple(sample_shape)
        self.states = {}
        self.cache = {}
        # The k of all metrics over nearest neighbours, so that one pass computes all of them.
        self.neighbours = set()
        self.warned = set()
        self._wanted = set()
        # The metrics that have passed the current batch, by thread: `tf.distribute` traces each
        # replica in a thread of its own, alternately.
        self._called = {}
        # The sides with features that are not finite.
        self.infinite = set()
        # The sum of the strangeness of the real samples, and their count.
        self.strangeness = [0.0, 0]
        self._warned_of_strangeness = False

    def require(self, kind: str, side: str) -> None:
        """Makes the record keep this kind of state of this side from now on."""
        self._wanted.add((kind, side))
        self.states.setdefault((kind, side), KINDS[kind]())

    def state(self, kind: str, side: str):
        """Returns the state of this kind and side."""
        return self.states[kind, side]

    def count(self, side: str) -> int:
        """Returns the number of samples kept of a side."""
        return max((s.count for (_, of), s in self.states.items() if of == side), default=0)

    def reset(self) -> None:
        """Removes all samples."""
        self.states = {key: KINDS[key[0]]() for key in self.states}
        self.cache.clear()
        self._called.clear()
        self.infinite.clear()
        self.strangeness = [0.0, 0]

    def kinds(self, side: str) -> set[str]:
        """Returns the kinds of state that are kept of a side."""
        return {kind for kind, of in self._wanted if of == side}

    def put(self, side: str, found: SideFeatures) -> None:
        """Adds features of a side that were computed elsewhere, as `update` adds samples."""
        self.cache.clear()
        for kind in self.kinds(side):
            rows = found.labels if kind == "labels" else found.rows[_ROWS.get(kind, kind)]
            finite = np.isfinite(rows).all(axis=1)
            if not finite.all():
                self.infinite.add(side)
                rows = rows[finite]
            for start in range(0, len(rows), _PART):
                self.states[kind, side].add(rows[start : start + _PART])
        if side == "real" and found.strangeness is not None:
            self.strangeness[0] += found.strangeness * found.count
            self.strangeness[1] += found.count

    def caveat(self) -> str:
        """Returns why the features mean little for the real samples seen so far; "" if they do."""
        if self.extractor is None:
            return ""
        total, count = self.strangeness
        return caveat(self.extractor, self.sample_shape, total / count if count else None)

    def merge(self, other: "Record", sides: dict[str, str]) -> None:
        """Adds the samples of another record.

        Args:
            other: the other record.
            sides: by side, the kind of state to add.
        """
        self.extractor = self.extractor or other.extractor
        for side, kind in sides.items():
            self.require(kind, side)
            if (kind, side) in other.states:
                self.states[kind, side].merge(other.states[kind, side])
        self.infinite |= other.infinite
        total, count = other.strangeness
        self.strangeness = [self.strangeness[0] + total, self.strangeness[1] + count]
        self.cache.clear()

    def update(self, member, real, fake, condition=None) -> None:
        """Adds a batch of both sides, once for all the metrics that share the record.

        Args:
            member: the metric that calls. The first metric that calls adds the batch. Calls of
                the other metrics are taken to pass the same batch and do nothing, until a metric
                calls for the second time: that is the next batch.
            real, fake: samples `(batch, ...)`; a side that no metric keeps may be None.
            condition: labels of the generated samples, for metrics that keep them.
        """
        called = self._called.setdefault(threading.get_ident(), set())
        if called and id(member) not in called:
            called.add(id(member))
            return
        called.clear()
        called.add(id(member))
        for side, samples in (("real", real), ("fake", fake)):
            if any(of == side for _, of in self._wanted):
                self._extract(side, samples)
        if ("labels", "condition") in self._wanted:
            self._keep("condition", ["labels"], [_class_numbers(condition)])

    def _extract(self, side, samples):
        kinds = sorted(kind for kind, of in self._wanted if of == side)
        found = self.extractor(tf.convert_to_tensor(samples))
        strangeness = self.extractor.strangeness(found) if side == "real" else None
        rows = [rows_of(kind, found) for kind in kinds]
        if strangeness is not None:
            rows.append(strangeness)
        self._keep(side, kinds, rows)

    def _keep(self, side, kinds, rows):
        def keep(replica, *arrays):
            # Every replica has gathered the samples of all; the first one keeps them.
            if replica:
                return
            self.cache.clear()
            for kind, array in zip(kinds, arrays, strict=False):
                if not np.isfinite(array).all():
                    self.infinite.add(side)
                    array = array[np.isfinite(array).all(axis=1)]
                self.states[kind, side].add(array)
            for strangeness in arrays[len(kinds) :]:
                self.strangeness[0] += float(strangeness.sum())
                self.strangeness[1] += len(strangeness)

        replica, rows = replicas.gathered(rows)
        if tf.executing_eagerly():
            keep(int(replica), *(array.numpy() for array in rows))
        else:
            bridge.numpy_function(keep, [replica, *rows], [])

    def check(self) -> None:
        """Checks the features, and warns once if the extractor does not suit the real samples.

        Raises:
            InputError: if features were not finite; the message says on which side.
        """
        for side in self.infinite:
            cause = {
                "real": "Clean the data (`numpy.isfinite` finds the places).",
                "fake": "The generator has diverged: go back to an earlier checkpoint, and lower "
                "the learning rates or clip the gradients.",
            }[side]
            raise InputError(
                f"The features of the {SIDES[side]} samples hold NaN or Inf, so no metric over "
                f"them means anything. {cause}"
            )
        total, count = self.strangeness
        too_strange = count and total / count > STRANGENESS_LIMIT
        if too_strange and not self._warned_of_strangeness:
            self._warned_of_strangeness = True
            warnings.warn(
                f"The real samples are unlike those that the extractor {self.extractor.name!r} was "
                f"trained on: their features lie {total / count:.1f} times as far from those of "
                "its classes. They are evidently of another kind, and these features mean little "
                "for them: choose another extractor with extractor=...",
                stacklevel=4,
            )


def _class_numbers(condition):
    """Returns labels `(batch, 1)` from class numbers or one-hot rows."""
    condition = tf.convert_to_tensor(condition)
    if condition.shape.rank == 2 and condition.shape[1] not in (1, None):
        condition = tf.argmax(condition, axis=1)
    return tf.reshape(tf.cast(condition, tf.int64), (-1, 1))
