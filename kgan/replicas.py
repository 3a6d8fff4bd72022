"""All of `tf.distribute`: how many replicas train, seeds of their own, means over all of them.

On one device every function here returns what it was given. The rest of kgan is written as for
one device and asks here.
"""

import tensorflow as tf

from kgan import bridge
from kgan.errors import InputError


def count() -> int:
    """How many replicas take a training step together."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def _several():
    """The context of one replica among several, or None."""
    replica = tf.distribute.get_replica_context()
    return None if replica is None or replica.num_replicas_in_sync == 1 else replica


def seed_of_its_own(seed: tf.Tensor) -> tf.Tensor:
    """A seed, int32 of shape `(2,)`, made another one on each replica.

    Replicas hold equal seeds; as they are, all would draw the same latents.
    """
    replica = _several()
    if replica is None:
        return seed
    apart = tf.cast(replica.replica_id_in_sync_group, tf.int32) * 1_000_003
    return seed + tf.stack([apart, tf.zeros_like(apart)])


def mean(value: tf.Tensor) -> tf.Tensor:
    """The mean of a tensor over all replicas."""
    replica = _several()
    return value if replica is None else replica.all_reduce(tf.distribute.ReduceOp.MEAN, value)


def all_true(condition: tf.Tensor) -> tf.Tensor:
    """Whether a condition, a scalar, holds on every replica."""
    replica = _several()
    if replica is None:
        return condition
    failures = replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(~condition, tf.int32))
    return tf.equal(failures, 0)


def gathered(parts: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """(number of this replica on its machine, the parts of all replicas joined along axis 0)."""
    replica = _several()
    if replica is None:
        return tf.constant(0), parts
    local = len(replica.strategy.extended.worker_devices)
    place = tf.cast(replica.replica_id_in_sync_group, tf.int32) % local
    return place, [replica.all_gather(part, axis=0) for part in parts]


def must_be_mirrored(variable, owner: str) -> None:
    """Refuses a variable that was made outside the scope of the strategy that trains it.

    Raises:
        InputError: where several replicas train, and share it.
    """
    replica = _several()
    if replica is None:
        return
    made = bridge.plain_variable(variable)
    if not replica.strategy.extended.variable_created_in_scope(made):
        raise InputError(
            f"{owner} holds a variable that each replica needs of its own: make it, and compile "
            "the model, inside `with strategy.scope():`."
        )


def trains_on_one_device(model) -> bool:
    """Whether a model was made, and is called, outside every strategy."""
    # Without a scope Keras leaves it at TensorFlow's default.
    distributed = model.distribute_strategy is not tf.distribute.get_strategy()
    return not (distributed or tf.distribute.has_strategy())


def has_several_workers(strategy) -> bool:
    """Whether a strategy trains on several machines."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_distributed(data) -> bool:
    """Whether data comes from `strategy.experimental_distribute_dataset`."""
    return isinstance(data, tf.distribute.DistributedDataset)
