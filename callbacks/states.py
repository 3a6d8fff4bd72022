"""The state of the callbacks of a fit, saved with a checkpoint and restored by a resumed run."""

import math
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np

from kgan import bridge
from kgan.errors import InputError

from .checkpoint_files import SavedState


@runtime_checkable
class Resumable(Protocol):
    """A callback with state of its own, which a `Checkpoint` saves and restores.

    Any callback that has these two methods is one; it need not inherit from this class. Those of
    kgan have them, and for Keras's own `EarlyStopping`, `ModelCheckpoint`, `ReduceLROnPlateau` and
    `CSVLogger` the `Checkpoint` knows what to save.

    Example:

    ```python
    class Longest(keras.callbacks.Callback):
        best = 0.0

        def on_epoch_end(self, epoch, logs=None):
            self.best = max(self.best, logs["g_loss"])

        def get_state(self):
            return {"best": self.best}

        def set_state(self, state):
            self.best = state["best"]
    ```
    """

    def get_state(self) -> dict[str, Any]:
        """Returns the state.

        It is called after all callbacks of a step, or of an epoch's end, have been called.

        Returns:
            A dictionary of numbers, texts, None, arrays, and lists and dictionaries of these.
        """

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what `get_state` returned.

        It is called after `on_train_begin` of all callbacks and, if the run resumes within an
        epoch, once more after that epoch's `on_epoch_begin`.
        """


def resumable(callbacks) -> dict[str, keras.callbacks.Callback]:
    """Returns the callbacks that may have a state, by names that are the same in a resumed run.

    The name is the class's; a further callback of the same class has its number appended.
    """
    found: dict[str, keras.callbacks.Callback] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        same = sum(type(other).__name__ == kind for other in found.values())
        found[f"{kind}_{same}" if same else kind] = callback
    return found


class Others:
    """The other callbacks of a fit, with what else it takes to resume within an epoch.

    Args:
        model: the model of the fit.
        callbacks: the callbacks.
    """

    def __init__(self, model: keras.Model, callbacks: list):
        self.model = model
        self.callbacks = resumable(callbacks)
        self._appending: list = []

    def keep_rows(self) -> None:
        """Makes every `CSVLogger` that begins go on with its file instead of emptying it."""
        loggers = [c for c in self.callbacks.values() if isinstance(c, keras.callbacks.CSVLogger)]
        self._appending = [logger for logger in loggers if not logger.append]
        for logger in self._appending:
            logger.append = True

    def saved(self, arrays: dict[str, np.ndarray]) -> dict:
        """Returns the states of the callbacks as JSON can hold them; adds to `arrays`."""
        return packed(_collected(self.callbacks), arrays, f"{len(arrays)}")

    def within_epoch(self) -> dict:
        """Returns the means of the logs and the learning rates, as JSON can hold them."""
        rates = [float(variable.numpy()) for variable in _learning_rates(self.model)]
        return {"means": packed(self.model.logs.state(), {}, ""), "learning_rates": rates}

    def restore(self, saved: SavedState, within: bool) -> None:
        """Restores the states; with `within` those from before the end of a broken epoch."""
        kept = saved.note.get("within", {}) if within else {}
        packed = kept.get("callbacks", saved.note.get("callbacks", {}))
        _restore(self.callbacks, unpacked(packed, saved.arrays()))
        for logger in self._appending:
            logger.append = False
        self._appending = []

    def enter_epoch(self, note: dict) -> None:
        """Restores the logs and the learning rates of the epoch that the run resumes in."""
        kept = note.get("within", {})
        if "means" in kept:
            self.model.logs.restore(unpacked(kept["means"], {}))
        for variable, rate in zip(
            _learning_rates(self.model), kept.get("learning_rates", ()), strict=False
        ):
            variable.assign(rate)

    def ended_by(self) -> str | None:
        """Returns the name of a callback that had ended the training, or None."""
        ended = (n for n, c in self.callbacks.items() if bridge.has_ended_training(c))
        return next(ended, None)


def _learning_rates(model) -> list:
    """Returns the learning rates that are variables: callbacks change them at an epoch's begin."""
    optimizers = {id(player.optimizer): player.optimizer for player in model.players}
    return [v for o in optimizers.values() for v in o.variables if v.name == "learning_rate"]


def _collected(callbacks: dict) -> dict[str, dict]:
    """Returns the states of callbacks by name, leaving out those without a state."""
    states = {}
    for name, callback in callbacks.items():
        if isinstance(callback, Resumable):
            states[name] = callback.get_state()
        elif (state := bridge.callback_state(callback)) is not None:
            states[name] = state
    return states


def _restore(callbacks: dict, states: dict[str, dict]) -> None:
    """Restores the states of callbacks by name; a callback without a state begins anew."""
    for name in states.keys() & callbacks.keys():
        callback, state = callbacks[name], states[name]
        if isinstance(callback, Resumable):
            callback.set_state(state)
        elif not bridge.set_callback_state(callback, state):
            print(
                f"{name} begins anew: it watches {callback.monitor!r}, and that of the checkpoint "
                f"watched {state['monitor']!r}."
            )


# The form on disk: JSON, in which an array is replaced by its name in a file beside it.


def packed(value: Any, arrays: dict[str, np.ndarray], path: str) -> Any:
    """Returns a state as JSON can hold it, and adds its arrays to `arrays`.

    Args:
        value: the state or a part of it.
        arrays: the arrays so far, by path.
        path: where `value` is in the state, such as `EarlyStopping/best_weights`.

    Raises:
        InputError: if a part is of a kind that cannot be saved.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, dict) and all(isinstance(k, str) and k[:1] != "$" for k in value):
        return {name: packed(part, arrays, f"{path}/{name}") for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [packed(part, arrays, f"{path}/{place}") for place, part in enumerate(value)]
    array = None if isinstance(value, dict) else _array(value)
    if array is None or array.dtype.hasobject:
        raise InputError(
            f"The state of a callback cannot be saved: {path.partition('/')[2]} is "
            f"{type(value).__name__}. `get_state` may return numbers, texts, None, arrays, and "
            "lists and dictionaries of these, whose names are texts that do not begin with '$'."
        )
    # A weight without dimensions stays an array.
    if array.ndim == 0 and not isinstance(value, np.ndarray):
        number = array.item()
        finite = not isinstance(number, float) or math.isfinite(number)
        return number if finite else {"$float": repr(number)}
    # NumPy's own files hold NumPy's own types only; float32 holds every bfloat16.
    own = array.dtype.kind in "biufcUS"
    arrays[path] = array if own else array.astype("float32")
    return {"$array": path} | ({} if own else {"$dtype": array.dtype.name})


def unpacked(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Returns what was given to `packed`; tuples have become lists."""
    if isinstance(value, list):
        return [unpacked(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "$float" in value:
        return float(value["$float"])
    if "$array" in value:
        array = arrays[value["$array"]]
        kind = value.get("$dtype")
        return array if kind is None else np.asarray(keras.ops.cast(array, kind))
    return {name: unpacked(part, arrays) for name, part in value.items()}


def _array(value) -> np.ndarray | None:
    try:
        return np.asarray(value)
    except (TypeError, ValueError):
        return None
