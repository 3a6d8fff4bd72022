"""The choice of XLA, and of the number of training steps per execution.

Neither changes the results. If `compile` leaves them at "auto", `fit` times a step on the first
batch, restores all variables, and chooses both:

- XLA changes the time of a step by a factor between 0.2 and 10, depending on the machine and the
  networks; docs/performance.md has figures. It is tried if it may be faster and training is long
  enough to make up for the time of compiling; then the faster way is used. The choice is saved
  with the model, so that a resumed run computes the same numbers as an uninterrupted one.
- An execution has as many steps as take a tenth of a second, because between executions Keras
  calls every callback while the device waits. Callbacks that need single steps, or every n-th
  step, are still called at those.
"""

import logging
import math
import time

import keras
import tensorflow as tf

from kgan import bridge, replicas
from kgan.errors import InputError
from kgan.training import state
from kgan.training.execution import loops

log = logging.getLogger("kgan")

# The longest execution: the progress bar and Ctrl-C wait for its end.
_EXECUTION_SECONDS = 0.1
_MOST_STEPS = 50
# Compiling takes 5 to 30 s. In a shorter training the trial may take more time than XLA saves.
_LEAST_SECONDS_FOR_XLA = 120.0
# With fewer steps, timing them takes more time than it saves.
_LEAST_STEPS = 20
# A smaller speed-up is within the noise of a few timed steps.
_LEAST_GAIN = 1.1


class Execution:
    """How a compiled model is executed, with its traced functions and their times.

    Attributes:
        xla_undecided, steps_undecided: whether `compile` leaves the choice to `fit`.
        traced: the step as a `tf.function`, with XLA (True) and without (False).
        seconds: the time of a step, with XLA (True) and without (False).
        in_xla: whether the step that is being traced will be compiled by XLA.
        functions: the train functions of `fit`, by (XLA, number of steps).
    """

    def __init__(self, xla_undecided: bool = False, steps_undecided: bool = False):
        self.xla_undecided, self.steps_undecided = xla_undecided, steps_undecided
        self.traced = {}
        self.seconds = {}
        self.functions = {}
        self.in_xla = False
        # The steps of an execution before a run was broken off; None if it is not resumed.
        self.steps_before: int | None = None


def applies_to(model) -> bool:
    """Returns whether kgan executes a model's steps: on one device, not eagerly."""
    return replicas.trains_on_one_device(model) and not model.run_eagerly


def decide(model, data, epochs: int, callbacks) -> None:
    """Chooses what `compile` left at "auto", before a `fit`.

    Args:
        model: an `AdversarialModel`.
        data: the `TrainingData`.
        epochs: number of epochs of the fit.
        callbacks: callbacks of the fit.
    """
    execution = model.execution
    if not applies_to(model):
        return
    if execution.xla_undecided:
        model.jit_compile = model.xla_choice == 1
    total = (data.steps or math.inf) * epochs
    if execution.steps_undecided:
        model.steps_per_execution = 1
    if total < _LEAST_STEPS:
        model.train_function = None
        return
    xla = bool(model.jit_compile)
    trial = execution.xla_undecided and model.xla_choice < 0 and _xla_may_help(model)
    before, execution.steps_before = execution.steps_before, None
    if trial or (execution.steps_undecided and not before):
        seconds = execution.seconds.get(xla) or _seconds_per_step(model, data, xla)
    if execution.steps_undecided:
        model.steps_per_execution = _steps(
            before or max(1, min(_MOST_STEPS, int(_EXECUTION_SECONDS / seconds))),
            data.steps,
            data.endless,
            intervals(callbacks),
            model.steps_taken,
        )
    if trial and seconds * total > _LEAST_SECONDS_FOR_XLA:
        steps = model.steps_per_execution
        compiled = math.inf
        if _compiles(model, data):
            compiled = _seconds_per_step(model, data, True, steps)
        plain = _seconds_per_step(model, data, False, steps)
        log.info("A step takes %.4f s, with XLA %.4f s.", plain, compiled)
        model.jit_compile = compiled * _LEAST_GAIN < plain
        model.xla_choice = int(model.jit_compile)
        other = not model.jit_compile
        execution.traced.pop(other, None)
        execution.functions.pop((other, steps), None)
    model.train_function = None


def apply_restored_choice(model) -> None:
    """Applies the choice of XLA in a state that a callback has restored since `decide`."""
    chosen = model.xla_choice
    if not (applies_to(model) and model.execution.xla_undecided) or chosen < 0:
        return
    if bool(model.jit_compile) != bool(chosen):
        model.jit_compile = bool(chosen)
        model.train_function = loops.train_function(model)


def _xla_may_help(model) -> bool:
    """Returns whether XLA may be faster on this machine for the layers of a model."""
    layers = bridge.layers_within(model)
    if bridge.is_op_determinism_enabled() or not all(layer.supports_jit for layer in layers):
        return False
    if bridge.has_gpu() or not bridge.onednn():
        return True
    # XLA's convolutions are slower than oneDNN's, except grouped ones, which TensorFlow does not
    # run by oneDNN. Without convolutions XLA saves the time of launching operations.
    groups = [getattr(layer, "groups", None) for layer in layers]
    return any(count is not None and count > 1 for count in groups) or not any(groups)


def _steps(most, per_epoch, endless, every, taken) -> int:
    """Returns the number of steps per execution.

    Args:
        most: the largest allowed number.
        per_epoch: steps per epoch, or None if unknown.
        endless: whether the dataset does not end with an epoch.
        every: the intervals of steps at which callbacks must be called.
        taken: training steps so far.
    """
    if per_epoch and taken % per_epoch == 0:
        # An execution always ends with the epoch.
        every = [steps for steps in every if steps % per_epoch]
    if every or (endless and per_epoch):
        # Callbacks count steps across epochs, while each epoch starts a new execution.
        common = math.gcd(per_epoch or 1, *every, taken if every else 0)
        return next(n for n in range(most, 0, -1) if common % n == 0)
    if per_epoch:
        most = min(most, per_epoch)
        # A divisor makes all executions of an epoch equally long.
        return next((n for n in range(most, most // 2, -1) if per_epoch % n == 0), most)
    return most


def intervals(callbacks) -> list[int]:
    """Returns the intervals of steps, one for each callback that must be called within an epoch.

    A callback can set the attribute `steps_between` to a number, or to None if it does not use
    single steps. The intervals of Keras's callbacks are known. Any other callback that overrides a
    method for batches is called after every step.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    elif not isinstance(callbacks, (list, tuple)):
        callbacks = [] if callbacks is None else [callbacks]
    found = [_interval(callback) for callback in callbacks]
    return [every for every in found if every is not None]


_BATCH_METHODS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_IGNORE_STEPS = (
    keras.callbacks.History,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.TerminateOnNaN,
)


def _interval(callback):
    if hasattr(callback, "steps_between"):
        return callback.steps_between
    if type(callback) in _IGNORE_STEPS:
        return None
    for name in ("save_freq", "update_freq"):
        # ModelCheckpoint, BackupAndRestore, TensorBoard.
        if type(callback).__module__.startswith("keras.") and hasattr(callback, name):
            every = getattr(callback, name)
            if bridge.profiles_batches(callback):
                return 1
            return None if every == "epoch" else 1 if every == "batch" else int(every)
    base = keras.callbacks.Callback
    uses_batches = any(
        name in vars(callback) or getattr(type(callback), name) is not getattr(base, name)
        for name in _BATCH_METHODS
    )
    return 1 if uses_batches else None


# Trial runs.


def _compiles(model, data) -> bool:
    """Returns whether XLA can compile every operation of a step; nothing is executed."""
    batch = tf.nest.map_structure(tf.convert_to_tensor, data.first_batch)
    try:
        loops.train_step(model, True).experimental_get_compiler_ir(batch)(stage="hlo")
    except (tf.errors.OpError, ValueError, TypeError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        return False
    return True


def _seconds_per_step(model, data, xla: bool, steps: int = 1) -> float:
    """Times a step on the first batch, in executions of `steps`; restores all variables."""
    batch = tf.nest.map_structure(tf.convert_to_tensor, data.first_batch)
    # Traced with the dataset's shapes, so that training uses the same graph.
    step = loops.train_step(model, xla).get_concrete_function(data.dataset.element_spec)
    repeated = tf.data.Dataset.from_tensors(batch).repeat()
    if steps > 1 and repeated.element_spec == data.dataset.element_spec:
        execute, given = loops.execution_function(model, xla, steps), iter(repeated)
    else:
        execute, given, steps = step, batch, 1

    def run():
        start = time.perf_counter()
        for value in tf.nest.flatten(execute(given)):
            value.numpy()
        return (time.perf_counter() - start) / steps

    with state.restored_afterwards(step):
        # The first run traces or compiles.
        run()
        times = [run()]
        while len(times) < 4 and steps * sum(times) < 0.5:
            times.append(run())
    model.execution.seconds[xla] = min(times)
    return min(times)
