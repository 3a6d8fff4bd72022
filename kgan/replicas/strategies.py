"""Strategies: their scope, their processes, and what the processes agree on."""

import functools

import tensorflow as tf

from kgan import bridge
from kgan.errors import InputError
from kgan.replicas.place import index_of, several


def must_be_mirrored(variable, owner: str) -> None:
    """Checks that a variable was created in the scope of the strategy that trains it.

    Args:
        variable: a Keras variable.
        owner: the name of the object that holds it, for the error message.

    Raises:
        InputError: if several replicas train and the variable was created outside that scope.
    """
    replica = several()
    if replica is None:
        return
    made = bridge.plain_variable(variable)
    if not replica.strategy.extended.variable_created_in_scope(made):
        raise InputError(
            f"{owner} holds a variable that each replica needs a copy of: create it, and compile "
            "the model, inside `with strategy.scope():`."
        )


_SUPPORTED = (
    tf.distribute.MirroredStrategy,
    tf.distribute.TPUStrategy,
    tf.distribute.MultiWorkerMirroredStrategy,
)


def must_be_in_scope(model) -> None:
    """Checks that a model and its networks were created in the scope of the strategy in use.

    Raises:
        InputError: if a strategy is in use, by a scope around `compile` or around the creation of
            the model, and a variable was created outside its scope, or the strategy is of a kind
            in which replicas do not train in step.
    """
    strategy = model.distribute_strategy
    if tf.distribute.has_strategy():
        strategy = tf.distribute.get_strategy()
    if not isinstance(strategy, _SUPPORTED):
        if isinstance(strategy, tf.distribute.experimental.ParameterServerStrategy):
            raise InputError(
                "A GAN does not train under ParameterServerStrategy, whose workers are not in "
                "step. Use MirroredStrategy, MultiWorkerMirroredStrategy or TPUStrategy."
            )
        return
    made = [bridge.plain_variable(variable) for variable in model.variables]
    if not all(strategy.extended.variable_created_in_scope(variable) for variable in made):
        raise InputError(
            "The networks were created outside the scope of the tf.distribute strategy. Create "
            "both networks and the GAN, and compile it, inside one `with strategy.scope():`."
        )


def mirrored(devices: list[str]) -> tf.distribute.Strategy:
    """Returns a strategy that trains on some devices of this machine, such as "GPU:0"."""
    return tf.distribute.MirroredStrategy(devices)


def of_workers() -> tf.distribute.Strategy:
    """Returns the strategy of the workers in the environment variable TF_CONFIG."""
    return tf.distribute.MultiWorkerMirroredStrategy()


def under_strategy() -> bool:
    """Returns whether a `tf.distribute` strategy runs this, be it on one replica."""
    return tf.distribute.has_strategy()


def trains_on_one_device(model) -> bool:
    """Returns whether a model was created, and is called, outside every strategy."""
    # A model that was created without a scope has TensorFlow's default strategy.
    distributed = model.distribute_strategy is not tf.distribute.get_strategy()
    return not (distributed or tf.distribute.has_strategy())


def has_several_workers(strategy) -> bool:
    """Returns whether a strategy trains in several processes."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and (
        strategy.num_replicas_in_sync > len(strategy.extended.worker_devices)
    )


def is_chief(strategy) -> bool:
    """Returns whether this process is the one that writes: the only one, or the first worker."""
    if not has_several_workers(strategy):
        return True
    resolver = strategy.cluster_resolver
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_id == 0


def from_chief(strategy, number: int) -> int:
    """Returns an integer of the chief in every process, which all wait for each other here."""
    if not has_several_workers(strategy):
        return number
    return _sum_over_processes(strategy, number if is_chief(strategy) else 0)


def any_process(strategy, condition: bool) -> bool:
    """Returns whether a condition holds in any process, which all wait for each other here."""
    if not has_several_workers(strategy):
        return condition
    return _sum_over_processes(strategy, int(condition)) > 0


@functools.lru_cache(maxsize=8)
def _summing(strategy):
    local = len(strategy.extended.worker_devices)

    def share(number):
        # The first replica of each process has its number; the others add nothing.
        first = index_of(tf.distribute.get_replica_context()) % local == 0
        return tf.where(first, number, tf.zeros_like(number))

    return bridge.without_retracing_warning(
        tf.function(
            lambda number: strategy.reduce(
                tf.distribute.ReduceOp.SUM, strategy.run(share, (number,)), axis=None
            ),
            autograph=False,
        )
    )


def _sum_over_processes(strategy, number: int) -> int:
    return int(_summing(strategy)(tf.constant(number, tf.int64)))
