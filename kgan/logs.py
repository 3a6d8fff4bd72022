"""The running means a training step reports."""

import keras

from kgan.errors import InputError


class Logs:
    """Named running means, kept on the device between the epochs.

    They live in a plain object, not in an attribute of the model, because Keras would save
    them with it, and refuse to load a model compiled with other terms.
    """

    def __init__(self, names):
        taken = set()
        for name in names:
            if name in taken:
                raise InputError(
                    f"Two logs are named {name!r}. Give one of the terms another: `name=...`."
                )
            taken.add(name)
        self.means = {name: keras.metrics.Mean(name=name) for name in names}

    def track(self, name, value, when=None):
        """Adds a scalar to the mean called `name`, where `when` (a bool tensor) holds."""
        weight = None if when is None else keras.ops.cast(when, "float32")
        self.means[name].update_state(value, sample_weight=weight)

    def results(self, names=None):
        """The means so far, by name."""
        return {name: self.means[name].result() for name in names or self.means}
