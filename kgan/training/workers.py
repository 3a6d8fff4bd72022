"""What the workers of one training agree on: what to begin with, who writes, when to stop."""

import contextlib
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from kgan import replicas
from kgan.errors import InputError

_REFUSED = -2
# What TensorFlow raises in the workers that are left when one has gone.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)

# Keras's callbacks that read nothing of a training, and write what the first worker writes.
_WRITERS = (keras.callbacks.CSVLogger, keras.callbacks.ModelCheckpoint, keras.callbacks.TensorBoard)


def writes(model) -> bool:
    """Returns whether this process writes: the only one, or the first worker."""
    return replicas.is_chief(model.distribute_strategy)


def chief_first(strategy, act: Callable[[int | None], int]) -> None:
    """Calls `act` in the first worker, and then with its result in the others.

    Args:
        strategy: the `tf.distribute` strategy of all workers, or None.
        act: a function of the number that it has returned in the first worker, which itself gets
            None. It returns a number of at least -1.

    Raises:
        InputError: in the other workers, if `act` has raised in the first one.
    """
    if strategy is None or not replicas.has_several_workers(strategy):
        act(None)
    elif replicas.is_chief(strategy):
        try:
            number = act(None)
        except BaseException:
            replicas.from_chief(strategy, _REFUSED)
            raise
        replicas.from_chief(strategy, number)
    else:
        number = replicas.from_chief(strategy, 0)
        if number == _REFUSED:
            raise InputError(
                "The first worker could not begin; its own message says why. Start all workers "
                "again."
            )
        act(number)


def any_asks(model, asks: bool) -> bool:
    """Returns whether a condition holds in any worker; all of them call this after the same step.

    Otherwise a worker that stops alone would leave the others waiting for its gradients.
    """
    return replicas.any_process(model.distribute_strategy, asks)


def callbacks_of(model, callbacks: list) -> list:
    """Returns the callbacks that this worker calls: only the first one calls those that write.

    A callback says that it does nothing but write by its attribute `only_writes`.

    Raises:
        InputError: for Keras's `BackupAndRestore` in a training of several workers.
    """
    if replicas.has_several_workers(model.distribute_strategy) and any(
        isinstance(callback, keras.callbacks.BackupAndRestore) for callback in callbacks
    ):
        raise InputError(
            "BackupAndRestore does not keep several workers together. Use "
            "kgan.callbacks.Checkpoint(folder, resume=True), in a folder that they share."
        )
    if writes(model):
        return callbacks
    return [
        callback
        for callback in callbacks
        if not getattr(callback, "only_writes", isinstance(callback, _WRITERS))
    ]


@contextlib.contextmanager
def together(model) -> Iterator[None]:
    """In this context the loss of another worker raises an `InputError`."""
    try:
        yield
    except _LOST as error:
        if not replicas.has_several_workers(model.distribute_strategy):
            raise
        raise InputError(
            "Another worker has ended or cannot be reached any more, and no worker can train "
            "alone. Start all of them again: with resume=True, kgan.callbacks.Checkpoint goes on "
            f"from the newest checkpoint.{_cause(error)}"
        ) from error


def _cause(error) -> str:
    said = [line for line in str(error).splitlines() if "aborted by" in line]
    return f" TensorFlow says: {said[0].strip()}" if said else ""
