"""The running means of losses, scores and terms that a training step reports."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from kgan import replicas
from kgan.errors import InputError, unknown


class Logs:
    """Named running means.

    This is a plain object that Keras does not track: Keras would save the means with the model,
    and could not load a model that is compiled with other terms. The values of a step are
    collected and added to all means at once by `results`, which takes fewer operations than a
    metric for each name. A mean of no values is NaN.

    Args:
        names: the names of the means.

    Raises:
        InputError: if two are equal.
    """

    def __init__(self, names):
        self.names = tuple(names)
        for name in self.names:
            if self.names.count(name) > 1:
                raise InputError(
                    f"Two logs are named {name!r}. Give one of the terms another: `name=...`."
                )
        self.means = _Means(len(self.names))
        # Each replica is traced in a thread of its own.
        self._now = threading.local()

    def begin(self):
        """Discards the values of a step that was interrupted."""
        self._now.gathered, self._now.added = [], []

    @contextlib.contextmanager
    def apart(self) -> Iterator[Callable]:
        """Keeps the values that are tracked in this context out of the step's.

        A loop of TensorFlow carries their sums instead: the context yields a function that returns
        them, for `add` after the loop.
        """
        outer, self._now.gathered = self._now.gathered, []
        inner = self._now.gathered
        try:
            yield lambda: self._sums_and_weights(inner)
        finally:
            self._now.gathered = outer

    def no_sums(self) -> list:
        """Returns what a loop begins with."""
        return [tf.zeros(len(self.names)), tf.zeros(len(self.names))]

    def add(self, sums: list) -> None:
        """Adds the sums that a loop has carried to the step's values."""
        self._now.added.append(sums)

    def track(self, name, value, when=None):
        """Adds a value to a mean.

        Args:
            name: the name of the mean.
            value: a scalar.
            when: a scalar bool tensor; if it is false, the value is not added. None means true.

        Raises:
            InputError: for an unknown name.
        """
        if name not in self.names:
            raise InputError(
                f"{unknown('log', name, self.names)} A family lists the logs that it tracks in "
                "`observe` in the attribute `game_logs`."
            )
        value = keras.ops.cast(value, "float32")
        weight = 1.0
        if when is not None:
            weight = keras.ops.cast(when, "float32")
            value = value * weight
        if not hasattr(self._now, "gathered"):
            self.begin()
        self._now.gathered.append((self.names.index(name), value, weight))

    def results(self, names=None):
        """Returns the means so far, by name; NaN for those without values."""
        gathered, added = getattr(self._now, "gathered", []), getattr(self._now, "added", [])
        self.begin()
        if gathered:
            parts = zip(self._sums_and_weights(gathered), *added, strict=True)
            self.means.update_state(*replicas.mean([sum(each) for each in parts]))
        means = self.means.result()
        return {name: means[self.names.index(name)] for name in names or self.names}

    def state(self) -> dict[str, list[float]]:
        """Returns the sum and the number of values of each mean, to be saved within an epoch."""
        sums, counts = self.means.sums.numpy(), self.means.counts.numpy()
        return {n: [float(sums[i]), float(counts[i])] for i, n in enumerate(self.names)}

    def restore(self, state: dict[str, list[float]]) -> None:
        """Sets the means to what `state` returned; names that are not in it start anew."""
        held = [state.get(name, (0.0, 0.0)) for name in self.names]
        for place, part in enumerate((self.means.sums, self.means.counts)):
            part.assign(np.asarray([entry[place] for entry in held], "float32"))

    def _sums_and_weights(self, gathered):
        return [self._sums(gathered, part) for part in (1, 2)]

    def _sums(self, gathered, part):
        """Returns, for each name, the sum of the gathered values (part 1) or weights (part 2)."""
        sums = [0.0] * len(self.names)
        for entry in gathered:
            sums[entry[0]] += entry[part]
        if all(isinstance(value, float) for value in sums):
            return tf.constant(sums)
        return tf.stack([tf.cast(value, tf.float32) for value in sums])


class _Means(keras.metrics.Metric):
    """Several running means in two vectors."""

    def __init__(self, count):
        super().__init__(name="logs")
        # Equal on all replicas, so that no process needs the others to read them.
        settings = {"dtype": "float32", "trainable": False, "aggregation": "none"}
        self.sums = keras.Variable(np.zeros(count), name="sums", **settings)
        self.counts = keras.Variable(np.zeros(count), name="counts", **settings)

    def update_state(self, values, weights):
        self.sums.assign_add(values)
        self.counts.assign_add(weights)

    def result(self):
        # 0 / 0 is NaN, the mean of no values.
        return self.sums / self.counts
