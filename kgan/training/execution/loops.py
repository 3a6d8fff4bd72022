"""Executions of several training steps, with XLA or without.

Between executions Keras calls every callback while the device waits.
"""

import tensorflow as tf

from kgan import bridge, replicas
from kgan.training.execution import kernels
from kgan.training.execution.joined import joined


def train_step(model, xla: bool):
    """Returns the model's step as a `tf.function`, created once with XLA and once without."""
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
    """Returns the function that `fit` calls with its iterator.

    It takes `model.steps_per_execution` steps, or fewer at the end of the data. If there is no
    data left, it raises `StopIteration`.
    """
    return execution_function(model, bool(model.jit_compile), model.steps_per_execution)


def eager_train_function(model, execute):
    """Returns Keras's function `execute` of eager steps, with the layers that a traced step has."""

    def execute_with_them(iterator):
        with kernels.faster(model.networks.values(), accelerate=model.accelerate):
            return execute(iterator)

    return execute_with_them


def execution_function(model, xla: bool, steps: int):
    """Returns the function that takes `steps` steps with XLA or without, created once."""
    if (xla, steps) not in model.execution.functions:
        step = train_step(model, xla)
        execute = _one_step(step) if steps == 1 else _several_steps(step, xla, steps)
        model.execution.functions[xla, steps] = _for_any_iterator(step, execute)
    return model.execution.functions[xla, steps]


def _for_any_iterator(step, execute):
    """Returns a function that also takes the Python iterators of `train_on_batch`."""

    def execute_any(iterator):
        if isinstance(iterator, tf.data.Iterator):
            return execute(iterator)
        return step(tf.nest.map_structure(tf.convert_to_tensor, next(iterator)))

    return execute_any


def _one_step(step):
    single = tf.function(lambda iterator: step(iterator.get_next()), autograph=False)

    def execute(iterator):
        try:
            return single(iterator)
        except tf.errors.OutOfRangeError:
            raise StopIteration from None

    return execute


def _several_steps(step, xla, steps):
    def loop(iterator):
        spec = iterator.element_spec
        logs = tf.nest.map_structure(
            lambda log: tf.zeros(log.shape, log.dtype),
            step.get_concrete_function(spec).structured_outputs,
        )
        static = all(part.shape.is_fully_defined() for part in tf.nest.flatten(spec))
        run = _compiled_loop if xla and static else _loop
        return run(step, steps, iterator, logs)

    loop = tf.function(loop, autograph=False)

    def execute(iterator):
        taken, logs = loop(iterator)
        if int(taken) == 0:
            raise StopIteration
        return logs

    return execute


def _batches(iterator, steps, begin, use):
    """Loops over at most `steps` batches.

    Args:
        iterator: of a dataset.
        steps: the largest number of batches.
        begin: the first `values`.
        use: `(taken, values, batch) -> values`, called for each batch.

    Returns:
        (number of batches, the last `values`).
    """

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
    """Compiles the whole loop by XLA, over batches that are stacked first.

    For small networks, launching a compiled step takes about as long as the step itself.
    """
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


# Several replicas.


def replicated_train_function(model):
    """Returns the function that `fit` calls with an iterator over `replicas.divided` batches.

    It calls the traced step `model.steps_per_execution` times: a loop within the graph cannot
    contain the sums over replicas of every strategy.
    """
    strategy = model.distribute_strategy

    def train(part, divided):
        with replicas.working_on(divided):
            return model.train_step(part)

    def step(part, divided):
        # Around all replicas: they are traced in turns, on the same layers.
        optimizers = [player.optimizer for player in model.players]
        with (
            # First, since a layer is replaced once: its statistics matter more than its speed.
            joined(model),
            kernels.faster(model.networks.values(), accelerate=model.accelerate),
            bridge.gradients_are_summed(optimizers),
        ):
            logs = strategy.run(train, args=(part, divided))
        return _of_first_replica(strategy, logs)

    if not model.run_eagerly:
        step = bridge.without_retracing_warning(
            tf.function(step, autograph=False, reduce_retracing=True)
        )

    def execute(iterator):
        logs = None
        for _ in range(model.steps_per_execution):
            element = _next(iterator)
            if element is None:
                break
            logs = step(*element)
        if logs is None:
            raise StopIteration
        return logs

    return execute


def replicated_test_function(model):
    """Returns the function that `evaluate` calls with an iterator over `replicas.divided` batches.

    What metrics count is summed over the replicas. So they are traced apart for a batch that all
    replicas have as a whole, of which only one may count the samples.
    """
    strategy = model.distribute_strategy

    def test(part, divided):
        with replicas.working_on(tf.constant(divided)):
            return model.test_step(part)

    def step(part, divided):
        return _of_first_replica(strategy, strategy.run(lambda part: test(part, divided), (part,)))

    if not model.run_eagerly:
        step = bridge.without_retracing_warning(
            tf.function(step, autograph=False, reduce_retracing=True)
        )

    def execute(iterator):
        element = _next(iterator)
        if element is None:
            raise StopIteration
        part, divided = element
        return step(part, bool(strategy.experimental_local_results(divided)[0]))

    return execute


def _next(iterator):
    try:
        return next(iterator, None)
    except tf.errors.OutOfRangeError:
        return None


def _of_first_replica(strategy, logs):
    return tf.nest.map_structure(lambda log: strategy.experimental_local_results(log)[0], logs)
