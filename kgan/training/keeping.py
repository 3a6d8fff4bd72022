"""Callbacks that save and restore the state of a whole fit: `fit` calls them after all others."""

import keras

from kgan.typing import Logs


class Keeper(keras.callbacks.Callback):
    """A callback that is also called after all other callbacks of the list.

    What it saves at the end of an epoch therefore includes what the others did at that end: the
    row in a file, the learning rate that was reduced, the epochs without an improvement. Keras's
    own methods (`on_train_begin`, ...) are called at its place in the list, as always.
    """

    def accompany(self, model: keras.Model, callbacks: list) -> None:
        """Is called before `fit` begins, with all callbacks in their order."""

    def after_train_begin(self) -> None:
        """Is called after `on_train_begin` of all callbacks."""

    def after_epoch_begin(self, epoch: int) -> None:
        """Is called after `on_epoch_begin` of all callbacks."""

    def after_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Is called after `on_train_batch_end` of all callbacks."""

    def after_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Is called after `on_epoch_end` of all callbacks."""


class AfterAll(keras.callbacks.Callback):
    """The last callback of the list, which calls the methods of the keepers.

    Args:
        keepers: the callbacks that are a `Keeper`.
    """

    # The keepers say for themselves how often they must be called.
    steps_between = None

    def __init__(self, keepers: list[Keeper]):
        super().__init__()
        self.keepers = keepers

    def on_train_begin(self, logs=None):
        for keeper in self.keepers:
            keeper.after_train_begin()

    def on_epoch_begin(self, epoch, logs=None):
        for keeper in self.keepers:
            keeper.after_epoch_begin(epoch)

    def on_train_batch_end(self, batch, logs=None):
        for keeper in self.keepers:
            keeper.after_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        for keeper in self.keepers:
            keeper.after_epoch_end(epoch, logs)


def accompanied(model: keras.Model, callbacks: list) -> list:
    """Returns the callbacks of a fit with `AfterAll` at their end, if one of them is a keeper."""
    keepers = [callback for callback in callbacks if isinstance(callback, Keeper)]
    for keeper in keepers:
        keeper.accompany(model, callbacks)
    return [*callbacks, AfterAll(keepers)] if keepers else callbacks
