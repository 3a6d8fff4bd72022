"""What metrics over one extractor have seen, looked at once for all of them."""

import threading
import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from kgan import replicas
from kgan.errors import InputError
from kgan.metrics.states import Moments, Rows

# What can be kept: mean and covariance, every feature, every class distribution or only the most
# probable class, and of the condition the label that each generated sample was asked for.
KINDS: dict[str, Any] = {
    "moments": Moments,
    "features": Rows,
    "probabilities": Rows,
    "classes": Rows,
    "labels": Rows,
}
SIDES = {"real": "real", "fake": "generated", "condition": "asked-for"}

# Of the digit classifier: MNIST has a mean strangeness of 0.8 and scikit-learn's digits 1.6;
# photographs in grey have 5, noise as well, and digits in black on white 4.
_STRANGE = 2.2


class Record:
    """States of the real and the generated side, filled by one extractor.

    Metrics that are evaluated together share a record, so that the networks behind the features
    run once a batch, and large features are held once.

    Args:
        extractor: a prepared extractor; None until it is known.
    """

    def __init__(self, extractor=None):
        self.extractor = extractor
        self.states = {}
        self.cache = {}
        # The k of all metrics over nearest neighbours, so that one pass serves them.
        self.neighbours = set()
        self.warned = set()
        self._wanted = set()
        # By thread, for a strategy traces each replica in one of its own, by turns.
        self._seen = {}
        # Sides with features that are not finite; the sum and count of strangenesses.
        self.infinite = set()
        self.strangeness = [0.0, 0]
        self._doubted = False

    def require(self, kind: str, side: str) -> None:
        """Keeps this kind of state of this side from now on."""
        self._wanted.add((kind, side))
        self.states.setdefault((kind, side), KINDS[kind]())

    def state(self, kind: str, side: str):
        """The state of this kind and side."""
        return self.states[kind, side]

    def count(self, side: str) -> int:
        """Samples seen of a side; 0 where none are kept."""
        return max((s.count for (_, of), s in self.states.items() if of == side), default=0)

    def reset(self) -> None:
        """Forgets all samples."""
        self.states = {key: KINDS[key[0]]() for key in self.states}
        self.cache.clear()
        self._seen.clear()
        self.infinite.clear()
        self.strangeness = [0.0, 0]

    def merge(self, other: "Record", sides: dict[str, str]) -> None:
        """Adds what another has seen of these sides, each of its kind of state."""
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
            member: the metric that asks. The batch of the first one counts for the others too,
                until one of them comes again with the next.
            real, fake: samples `(batch, ...)`; a side that no metric keeps may be None.
            condition: labels of the generated samples, for metrics that keep them.
        """
        seen = self._seen.setdefault(threading.get_ident(), set())
        if seen and id(member) not in seen:
            seen.add(id(member))
            return
        seen.clear()
        seen.add(id(member))
        for side, samples in (("real", real), ("fake", fake)):
            if any(of == side for _, of in self._wanted):
                self._look(side, samples)
        if ("labels", "condition") in self._wanted:
            self._keep("condition", ["labels"], [_class_numbers(condition)])

    def _look(self, side, samples):
        kinds = sorted(kind for kind, of in self._wanted if of == side)
        found = self.extractor(tf.convert_to_tensor(samples))
        strangeness = self.extractor.strangeness(found) if side == "real" else None
        parts = [_part(kind, found) for kind in kinds]
        if strangeness is not None:
            parts.append(strangeness)
        self._keep(side, kinds, parts)

    def _keep(self, side, kinds, parts):
        def keep(place, *arrays):
            # Replicas have gathered all samples; one of them keeps them.
            if place:
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

        place, parts = replicas.gathered(parts)
        if tf.executing_eagerly():
            keep(int(place), *(part.numpy() for part in parts))
        else:
            tf.numpy_function(keep, [place, *parts], [])

    def check(self) -> None:
        """Refuses features that were not finite, and doubts an extractor out of its depth.

        Raises:
            InputError: says which side.
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
        if count and not self._doubted and total / count > _STRANGE:
            self._doubted = True
            warnings.warn(
                f"The real samples look strange to the extractor {self.extractor.name!r}: their "
                f"features lie {total / count:.1f} times as far from those of its classes as what "
                "it was trained on. They are evidently of another kind, and these features mean "
                "little on them: choose another with extractor=...",
                stacklevel=4,
            )


def _part(kind, found):
    if kind == "probabilities":
        return tf.nn.softmax(found.logits)
    if kind == "classes":
        return tf.argmax(found.logits, axis=1)[:, None]
    return found.features


def _class_numbers(condition):
    """Labels `(batch, 1)` from class numbers or one-hot rows."""
    condition = tf.convert_to_tensor(condition)
    if condition.shape.rank == 2 and condition.shape[1] not in (1, None):
        condition = tf.argmax(condition, axis=1)
    return tf.reshape(tf.cast(condition, tf.int64), (-1, 1))
