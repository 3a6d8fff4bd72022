"""The data pipeline from the arguments of `fit` to the batches of a training step.

`adapters` makes a `Source` from each kind of input, `batches` checks and rescales every batch, and
`epochs` sets where in the data an epoch begins and ends.
"""

import warnings

import tensorflow as tf

from kgan import replicas
from kgan.data import pipeline
from kgan.errors import InputError
from kgan.training.feed.adapters import held_out, samples_and_labels, source_of
from kgan.training.feed.batches import checked, data_errors, one_batch, rescaled
from kgan.training.feed.epochs import (
    EnterEpoch,
    StopAtFault,
    TrainingData,
    WatchUpdates,
    callback_list,
)

__all__ = [
    "StopAtFault",
    "TrainingData",
    "WatchUpdates",
    "callback_list",
    "data_errors",
    "evaluation_data",
    "held_out",
    "one_batch",
    "rescaled",
    "samples_and_labels",
    "training_data",
]


def training_data(model, x, y, *, batch_size, shuffle, steps_per_epoch) -> TrainingData:
    """Returns the data of a `fit`, and checks its first batch against the model.

    Args:
        model: the model.
        x, y, batch_size, shuffle, steps_per_epoch: as in `fit`.

    Raises:
        InputError: if the data does not fit the model, or is too little for one step.
    """
    if replicas.is_distributed(x):
        return TrainingData(replicas.with_mark(x), None, steps_per_epoch)
    per_step = max(player.updates for player in model.players)
    source = source_of(model, x, y, batch_size, shuffle=shuffle, training=True)
    dataset, first = checked(model, source)
    batch = _batch_size(model, first)
    if batch % model.accumulation_steps:
        raise InputError(
            f"A batch of {batch} does not divide into accumulation_steps="
            f"{model.accumulation_steps} equal slices. Choose a batch size that does."
        )
    batches = source.batches
    _must_end(batches, steps_per_epoch, "steps_per_epoch")
    endless = steps_per_epoch is not None and batches != tf.data.INFINITE_CARDINALITY
    # A generator cannot be repeated.
    endless = endless and not source.once
    if endless:
        dataset = dataset.repeat()
    rebatched = per_step > 1 or model.accumulation_steps > 1
    if rebatched:
        dataset = dataset.rebatch(per_step * batch, drop_remainder=True)
        first = tf.nest.map_structure(lambda tensor: tf.repeat(tensor, per_step, axis=0), first)
    info = source.info
    steps = batches // per_step
    if info is not None and rebatched:
        # An incomplete last batch is not enough for a step.
        steps = min(info.size, batches * batch) // (per_step * batch)
    if not endless and batches >= 0 and steps == 0:
        raise InputError(
            f"The dataset has {batches} batches, fewer than discriminator_steps={per_step} "
            "that one training step takes. Use smaller batches or more data."
        )
    enter = None
    if info is not None and source.position is not None:
        enter = EnterEpoch(source, per_step, steps_per_epoch or steps, endless)
        if endless:
            dataset, endless, steps = enter.limit(dataset), False, steps_per_epoch
    dataset = pipeline.prefetched(dataset)
    if batches >= 0 and not endless:
        # Keras takes the length of the progress bar from this; TensorFlow no longer knows it.
        dataset.cardinality = lambda: tf.constant(steps, tf.int64)
    return TrainingData(
        _divided(model, dataset, batch, per_step * model.accumulation_steps),
        first,
        None if enter else steps_per_epoch,
        enter,
        steps_per_epoch or (steps if batches >= 0 else None),
        enter is None and steps_per_epoch is not None,
        source.once,
    )


def _batch_size(model, batch) -> int:
    return int(tf.nest.flatten(model.unpack(batch)[0])[0].shape[0])


def _must_end(batches, steps, name) -> None:
    """Raises an `InputError` for an endless dataset that no number of steps ends."""
    if batches == tf.data.INFINITE_CARDINALITY and steps is None:
        raise InputError(
            f"The dataset repeats without end, so this would never end. Give {name}, or the "
            "dataset without `.repeat()`."
        )


def _divided(model, dataset, batch: int, slices: int):
    """Returns the batches divided among the replicas; on one device as they are.

    Args:
        model: the model.
        dataset: the batches of training steps.
        batch: samples of a batch of the source.
        slices: how many parts a step cuts its batches into.
    """
    if replicas.trains_on_one_device(model):
        return dataset
    count = replicas.of(model.distribute_strategy)
    if batch // model.accumulation_steps % count:
        warnings.warn(
            f"A batch of {batch // model.accumulation_steps} samples cannot be divided evenly "
            f"among {count} replicas, so that each of them computes all of it, and training is no "
            f"faster than on one. Choose a batch size that is a multiple of "
            f"{count * model.accumulation_steps}.",
            stacklevel=4,
        )
    return replicas.divided(model.distribute_strategy, dataset, slices)


def evaluation_data(model, x, y, batch_size, steps=None) -> tf.data.Dataset:
    """Returns the data of an evaluation, in its order and checked like training data.

    With `steps` it ends after that many batches: an execution of several steps could exceed them.
    """
    if replicas.is_distributed(x):
        return replicas.with_mark(x)
    source = source_of(model, x, y, batch_size, shuffle=False, training=False)
    _must_end(source.batches, steps, "steps (of fit: validation_steps)")
    dataset, _ = checked(model, source)
    if steps is not None:
        dataset = dataset.take(steps)
    batches = dataset.cardinality() if steps is not None else tf.constant(source.batches, tf.int64)
    if source.once:
        # Every evaluation must get the same batches, and a generator yields them once.
        dataset = dataset.cache()
    dataset = pipeline.prefetched(dataset)
    dataset.cardinality = lambda: batches
    if not replicas.trains_on_one_device(model):
        dataset = replicas.divided(model.distribute_strategy, dataset, 1)
    dataset.position = source.position
    return dataset
