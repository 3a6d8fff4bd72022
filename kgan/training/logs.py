"""The running means that a training step reports."""

import threading

import keras
import tensorflow as tf

from kgan.errors import InputError, unknown


class Logs:
    """Named running means, kept on the device between the epochs.

    They live in a plain object, not in an attribute of the model, because Keras would save them
    with it, and refuse to load a model compiled with other terms. What a step tracks is gathered,
    and added to all means at once when they are asked for: one operation, where a metric for each
    name would take several. A mean of nothing is NaN.

    Args:
        names: of the means.

    Raises:
        InputError: where two have the same name.
    """

    def __init__(self, names):
        self.names = tuple(names)
        for name in self.names:
            if self.names.count(name) > 1:
                raise InputError(
                    f"Two logs are named {name!r}. Give one of the terms another: `name=...`."
                )
        self.means = _Means(len(self.names))
        # Replicas are traced in threads that take turns.
        self._now = threading.local()

    def begin(self):
        """Forgets what a step that broke off has left."""
        self._now.gathered = []

    def track(self, name, value, when=None):
        """Adds a scalar to the mean called `name`, where `when` (a bool tensor) holds.

        Raises:
            InputError: for a name that was not announced.
        """
        if name not in self.names:
            raise InputError(
                f"{unknown('log', name, self.names)} A family announces the logs of its `observe` "
                "in the attribute `game_logs`."
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
        """The means so far, by name; NaN where nothing was tracked."""
        gathered = getattr(self._now, "gathered", [])
        self.begin()
        if gathered:
            self.means.update_state(*(self._sums(gathered, part) for part in (1, 2)))
        means = self.means.result()
        return {name: means[self.names.index(name)] for name in names or self.names}

    def _sums(self, gathered, part):
        """For each name the sum of a part of what was gathered."""
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
        self.sums = self.add_variable((count,), "zeros", name="sums")
        self.counts = self.add_variable((count,), "zeros", name="counts")

    def update_state(self, values, weights):
        self.sums.assign_add(values)
        self.counts.assign_add(weights)

    def result(self):
        # 0 / 0 is NaN, which is what a mean of nothing is.
        return self.sums / self.counts
