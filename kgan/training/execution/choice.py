"""How training steps are executed: with XLA or without, and how many at a time.

Neither changes what is computed. Where `compile` leaves them open ("auto"), `fit` times a step on
the first batch, puts back all that it changed, and settles both:

- XLA pays on some machines and some networks and costs on others, from a fifth of the time to ten
  times it; docs/performance.md has figures. It is tried where it may pay, and in trainings long
  enough to win back what compiling takes; then the faster way is kept. The decision is saved with
  the model, so that a resumed run computes as the unbroken one.
- Several steps go into one execution, as many as take a tenth of a second, for between executions
  Keras asks every callback, and the device waits. Callbacks that look at single steps, or at every
  so many, keep seeing those.
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

# An execution lasts at most so long: the progress bar and Ctrl-C wait for it.
_EXECUTION_SECONDS = 0.1
_MOST_STEPS = 50
# Compiling takes 5 to 30 s. A shorter training would lose more by the trial than it may win.
_LEAST_SECONDS_FOR_XLA = 120.0
# In fewer steps there is nothing to win by trying.
_LEAST_STEPS = 20
# A gain below this is within the noise of a few timed steps.
_LEAST_GAIN = 1.1


class Execution:
    """How a compiled model is executed, and what was found by trying.

    Attributes:
        open_xla, open_steps: whether `compile` left it to `fit`.
        traced: the step as a graph, with XLA (True) and without (False).
        seconds: how long that takes.
        in_xla: whether what is being traced will be compiled by XLA.
        functions: what `fit` calls, for each way and number of steps.
    """

    def __init__(self, open_xla: bool = False, open_steps: bool = False):
        self.open_xla, self.open_steps = open_xla, open_steps
        self.traced = {}
        self.seconds = {}
        self.functions = {}
        self.in_xla = False


def is_ours(model) -> bool:
    """Whether the model trains on one device in a graph, where what stands here applies."""
    return replicas.trains_on_one_device(model) and not model.run_eagerly


def settle(model, data, epochs: int, callbacks) -> None:
    """Decides what `compile` left open, before a `fit`.

    Args:
        model: an `AdversarialModel`.
        data: the `TrainingData`.
        epochs: how many of them the fit will take.
        callbacks: those of the fit.
    """
    execution = model.execution
    if not is_ours(model):
        return
    if execution.open_xla:
        model.jit_compile = model.xla_choice == 1
    total = (data.steps or math.inf) * epochs
    if execution.open_steps:
        model.steps_per_execution = 1
    if total < _LEAST_STEPS:
        model.train_function = None
        return
    way = bool(model.jit_compile)
    trial = execution.open_xla and model.xla_choice < 0 and _may_gain(model)
    if trial or execution.open_steps:
        seconds = execution.seconds.get(way) or _seconds(model, data, way)
    if execution.open_steps:
        model.steps_per_execution = _steps(
            max(1, min(_MOST_STEPS, int(_EXECUTION_SECONDS / seconds))),
            data.steps,
            data.endless,
            intervals(callbacks),
            int(model.iterations.numpy()),
        )
    if trial and seconds * total > _LEAST_SECONDS_FOR_XLA:
        steps = model.steps_per_execution
        compiled = _seconds(model, data, True, steps) if _compiles(model, data) else math.inf
        plain = _seconds(model, data, False, steps)
        log.info("A step takes %.4f s, with XLA %.4f s.", plain, compiled)
        model.jit_compile = compiled * _LEAST_GAIN < plain
        model.xla_choice = int(model.jit_compile)
        other = not model.jit_compile
        execution.traced.pop(other, None)
        execution.functions.pop((other, steps), None)
    model.train_function = None


def follow(model) -> None:
    """Goes by the decision of a state that a callback has restored since `settle`."""
    chosen = model.xla_choice
    if not (is_ours(model) and model.execution.open_xla) or chosen < 0:
        return
    if bool(model.jit_compile) != bool(chosen):
        model.jit_compile = bool(chosen)
        model.train_function = loops.train_function(model)


def _may_gain(model) -> bool:
    """Whether XLA may be faster at all, by what it meets here."""
    layers = bridge.layers_within(model)
    if bridge.is_op_determinism_enabled() or not all(layer.supports_jit for layer in layers):
        return False
    if bridge.has_gpu() or not bridge.onednn():
        return True
    # Against oneDNN it loses in every convolution but grouped ones, which oneDNN leaves to
    # TensorFlow's own. Without convolutions it saves the starting of operations.
    groups = [getattr(layer, "groups", None) for layer in layers]
    return any(count is not None and count > 1 for count in groups) or not any(groups)


def _steps(most, per_epoch, endless, every, taken) -> int:
    """Steps an execution: at most so many, and ending wherever somebody looks."""
    if per_epoch and taken % per_epoch == 0:
        # Where an epoch ends an execution ends.
        every = [steps for steps in every if steps % per_epoch]
    if every or (endless and per_epoch):
        # Those who count steps count through the epochs, and each epoch begins an execution.
        common = math.gcd(per_epoch or 1, *every, taken if every else 0)
        return next(n for n in range(most, 0, -1) if common % n == 0)
    if per_epoch:
        most = min(most, per_epoch)
        # With executions of one length the last of an epoch is as long as the others.
        return next((n for n in range(most, most // 2, -1) if per_epoch % n == 0), most)
    return most


def intervals(callbacks) -> list[int]:
    """After how many steps callbacks look, each of them; none of those that do not care.

    A callback says so itself in an attribute `steps_between`: a number, or None. Keras's own are
    known; any other that has a method for batches is shown every single one.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    elif not isinstance(callbacks, (list, tuple)):
        callbacks = [] if callbacks is None else [callbacks]
    found = [_interval(callback) for callback in callbacks]
    return [every for every in found if every is not None]


_BATCH_METHODS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_INDIFFERENT = (
    keras.callbacks.History,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.TerminateOnNaN,
)


def _interval(callback):
    if hasattr(callback, "steps_between"):
        return callback.steps_between
    if type(callback) in _INDIFFERENT:
        return None
    for name in ("save_freq", "update_freq"):
        # ModelCheckpoint, BackupAndRestore, TensorBoard.
        if type(callback).__module__.startswith("keras.") and hasattr(callback, name):
            every = getattr(callback, name)
            if bridge.traces_batches(callback):
                return 1
            return None if every == "epoch" else 1 if every == "batch" else int(every)
    base = keras.callbacks.Callback
    looks = any(
        name in vars(callback) or getattr(type(callback), name) is not getattr(base, name)
        for name in _BATCH_METHODS
    )
    return 1 if looks else None


# Trying.


def _compiles(model, data) -> bool:
    """Whether XLA can compile every operation of a step; runs nothing and changes no state."""
    batch = tf.nest.map_structure(tf.convert_to_tensor, data.first_batch)
    try:
        loops.train_step(model, True).experimental_get_compiler_ir(batch)(stage="hlo")
    except (tf.errors.OpError, ValueError, TypeError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        return False
    return True


def _seconds(model, data, xla: bool, steps: int = 1) -> float:
    """How long a step takes in executions of so many, on the first batch; all is put back."""
    batch = tf.nest.map_structure(tf.convert_to_tensor, data.first_batch)
    # Of the shapes of all batches, so that the training takes the same graph.
    step = loops.train_step(model, xla).get_concrete_function(data.dataset.element_spec)
    again = tf.data.Dataset.from_tensors(batch).repeat()
    if steps > 1 and again.element_spec == data.dataset.element_spec:
        execute, given = loops.made(model, xla, steps), iter(again)
    else:
        execute, given, steps = step, batch, 1

    def run():
        start = time.perf_counter()
        for value in tf.nest.flatten(execute(given)):
            value.numpy()
        return (time.perf_counter() - start) / steps

    with state.put_back(step):
        # The first prepares, or compiles.
        run()
        times = [run()]
        while len(times) < 4 and steps * sum(times) < 0.5:
            times.append(run())
    model.execution.seconds[xla] = min(times)
    return min(times)
