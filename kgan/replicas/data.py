"""Batches divided among the replicas of a strategy."""

import functools

import tensorflow as tf

from kgan import bridge


@bridge.distributed_to_keras
class Divided(tf.distribute.DistributedDataset):
    """What Keras takes as distributed data: iterators, the spec of an element, and a length.

    Args:
        iterate: a function that returns a new iterator.
        element_spec: of its elements.
        length: elements, or TensorFlow's constants for unknown and infinite.
    """

    def __init__(self, iterate, element_spec, length: int):
        self._iterate, self._spec = iterate, element_spec
        self.cardinality = tf.constant(length, tf.int64)

    def __iter__(self):
        return self._iterate()

    @property
    def element_spec(self):
        return self._spec


def is_distributed(data) -> bool:
    """Returns whether data comes from `strategy.experimental_distribute_dataset`."""
    return isinstance(data, tf.distribute.DistributedDataset)


def divided(strategy, dataset: tf.data.Dataset, slices: int) -> tf.distribute.DistributedDataset:
    """Returns the batches of a dataset, each divided among the replicas of a strategy.

    An element is (a replica's part, whether the batch was divided). A batch is divided slice by
    slice, so that each slice of a replica is a part of that slice of the batch. Every worker reads
    the whole dataset, which must give all of them the same batches in the same order.

    Args:
        strategy: a `tf.distribute` strategy.
        dataset: batches of a multiple of `slices` samples.
        slices: how many slices a step cuts a batch into.
    """
    replicas = strategy.num_replicas_in_sync

    @tf.autograph.experimental.do_not_convert
    def parts(first, local, *batch):
        batch = batch[0] if len(batch) == 1 else batch
        size = tf.shape(tf.nest.flatten(batch)[0])[0] // slices
        even = size % replicas == 0

        @tf.autograph.experimental.do_not_convert
        def part(replica):
            each = tf.where(even, size // replicas, size)
            mine = tf.where(even, tf.cast(replica, tf.int32), 0) * each
            begins = tf.range(slices)[:, None] * size + mine
            places = tf.reshape(begins + tf.range(each)[None], [-1])
            return tf.nest.map_structure(lambda tensor: tf.gather(tensor, places), batch), even

        return tf.data.Dataset.range(first, first + local).map(part)

    def of_worker(context):
        local = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * local
        return dataset.flat_map(functools.partial(parts, first, local))

    made = strategy.distribute_datasets_from_function(of_worker)
    return Divided(lambda: iter(made), made.element_spec, int(dataset.cardinality()))


def with_mark(data: tf.distribute.DistributedDataset) -> tf.distribute.DistributedDataset:
    """Returns data that the user has divided among the replicas, with elements as of `divided`."""
    length = data.cardinality if hasattr(data, "cardinality") else tf.data.UNKNOWN_CARDINALITY
    return Divided(lambda: ((part, True) for part in data), data.element_spec, int(length))
