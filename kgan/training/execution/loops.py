"""Several training steps in one execution, with XLA or without.

Between executions Keras asks every callback, and the device waits; so several steps make one.
"""

import tensorflow as tf

from kgan.training.execution import kernels


def train_step(model, xla: bool):
    """The model's step as a graph, made once for each way."""
    if xla not in model.execution.traced:

        def step(data):
            model.execution.in_xla = xla
            try:
                with kernels.faster(model.networks.values(), xla=xla, accelerate=model.accelerate):
                    return model.train_step(data)
            finally:
                model.execution.in_xla = False

        model.execution.traced[xla] = tf.function(
            step, jit_compile=xla, autograph=False, reduce_retracing=True
        )
    return model.execution.traced[xla]


def train_function(model):
    """What `fit` calls with its iterator: `model.steps_per_execution` steps, or what is left.

    Raises StopIteration where nothing is left.
    """
    return made(model, bool(model.jit_compile), model.steps_per_execution)


def made(model, xla: bool, steps: int):
    """The function for a way and a number of steps, made once."""
    if (xla, steps) not in model.execution.functions:
        step = train_step(model, xla)
        execute = _one(step) if steps == 1 else _several(step, xla, steps)
        model.execution.functions[xla, steps] = _or_single(step, execute)
    return model.execution.functions[xla, steps]


def _or_single(step, execute):
    """Also for the Python iterators that `train_on_batch` comes with."""

    def execute_any(iterator):
        if isinstance(iterator, tf.data.Iterator):
            return execute(iterator)
        return step(tf.nest.map_structure(tf.convert_to_tensor, next(iterator)))

    return execute_any


def _one(step):
    single = tf.function(lambda iterator: step(iterator.get_next()), autograph=False)

    def execute(iterator):
        try:
            return single(iterator)
        except tf.errors.OutOfRangeError:
            raise StopIteration from None

    return execute


def _several(step, xla, steps):
    def loop(iterator):
        spec = iterator.element_spec
        logs = tf.nest.map_structure(
            lambda log: tf.zeros(log.shape, log.dtype),
            step.get_concrete_function(spec).structured_outputs,
        )
        whole = all(part.shape.is_fully_defined() for part in tf.nest.flatten(spec))
        run = _compiled_loop if xla and whole else _loop
        return run(step, steps, iterator, logs)

    loop = tf.function(loop, autograph=False)

    def execute(iterator):
        taken, logs = loop(iterator)
        if int(taken) == 0:
            raise StopIteration
        return logs

    return execute


def _batches(iterator, steps, begin, use):
    """A loop over up to so many batches: (how many came, the values that `use` handed on)."""

    def body(taken, values, batch):
        values = use(taken, values, batch.get_value())
        more = tf.cond(taken + 1 < steps, iterator.get_next_as_optional, lambda: batch)
        return taken + 1, values, more

    taken, values, _ = tf.while_loop(
        lambda taken, values, batch: (taken < steps) & batch.has_value(),
        body,
        (tf.constant(0), begin, iterator.get_next_as_optional()),
        parallel_iterations=1,
    )
    return taken, values


def _loop(step, steps, iterator, logs):
    return _batches(iterator, steps, logs, lambda taken, logs, batch: step(batch))


def _compiled_loop(step, steps, iterator, logs):
    """The loop itself under XLA, over batches put together before: for small networks starting
    a compiled step takes about as long as the step."""
    spec = iterator.element_spec
    empty = [
        tf.TensorArray(part.dtype, size=steps, element_shape=part.shape)
        for part in tf.nest.flatten(spec)
    ]

    def keep(taken, arrays, batch):
        parts = zip(arrays, tf.nest.flatten(batch), strict=True)
        return [array.write(taken, part) for array, part in parts]

    taken, arrays = _batches(iterator, steps, empty, keep)

    @tf.function(jit_compile=True, autograph=False)
    def run(stacked, logs, taken):
        def body(place, logs):
            batch = tf.nest.pack_sequence_as(spec, [part[place] for part in stacked])
            return place + 1, step(batch)

        return tf.while_loop(lambda place, logs: place < taken, body, (0, logs))[1]

    return taken, run([array.stack() for array in arrays], logs, taken)
