"""Callbacks that hold something while `fit` runs, in whatever way it ends."""

import contextlib
from collections.abc import Iterable, Iterator

import keras


class Scope(keras.callbacks.Callback):
    """A callback that `fit` enters before it trains and leaves at its end, as a context manager.

    Keras calls `on_train_end` only if training ends without an error. What a callback must give
    back after an error too, as a lock or a signal handler, it gives back in `__exit__`.
    """

    def __enter__(self) -> "Scope":
        return self

    def __exit__(self, *error: object) -> None:
        """Gives everything back; `error` is what training ended with, or three times None."""


@contextlib.contextmanager
def entered(callbacks: Iterable) -> Iterator[None]:
    """A context in which the scopes among callbacks are entered."""
    with contextlib.ExitStack() as stack:
        for callback in callbacks:
            if isinstance(callback, Scope):
                stack.enter_context(callback)
        yield
