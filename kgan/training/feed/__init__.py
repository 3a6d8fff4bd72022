"""From what a user hands to `fit` to the stream of real samples that a step takes.

`adapters` makes a `Source` of each kind of input, `batches` checks and scales every batch, and
`epochs` says where in the data an epoch begins and ends.
"""

import tensorflow as tf

from kgan import replicas
from kgan.data import pipeline
from kgan.errors import InputError
from kgan.training.feed.adapters import held_out, source_of, unpaired
from kgan.training.feed.batches import checked, data_errors, rescaled
from kgan.training.feed.epochs import EnterEpoch, TrainingData, WatchUpdates, callback_list

__all__ = [
    "TrainingData",
    "WatchUpdates",
    "callback_list",
    "data_errors",
    "evaluation_data",
    "held_out",
    "rescaled",
    "training_data",
    "unpaired",
]


def training_data(model, x, y, *, batch_size, shuffle, steps_per_epoch) -> TrainingData:
    """What `fit` trains on, checked against the model as far as a first batch tells."""
    if replicas.is_distributed(x):
        return TrainingData(x, None, steps_per_epoch)
    per_step = max(player.updates for player in model.players)
    source = source_of(model, x, y, batch_size, shuffle=shuffle, training=True)
    dataset, first = checked(model, source)
    batch = int(tf.nest.flatten(model.unpack(first)[0])[0].shape[0])
    if batch % model.accumulation_steps:
        raise InputError(
            f"A batch of {batch} does not divide into accumulation_steps="
            f"{model.accumulation_steps} equal slices. Choose a batch size that does."
        )
    batches = source.batches
    endless = steps_per_epoch is not None and batches != tf.data.INFINITE_CARDINALITY
    # A generator cannot be run through again: it ends when it ends.
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
        # An incomplete last batch does not make a step.
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
        # Keras reads the length of the progress bar from here; TensorFlow loses it on the way.
        dataset.cardinality = lambda: tf.constant(steps, tf.int64)
    return TrainingData(
        dataset,
        first,
        None if enter else steps_per_epoch,
        enter,
        steps_per_epoch or (steps if batches >= 0 else None),
        enter is None and steps_per_epoch is not None,
        source.once,
    )


def evaluation_data(model, x, y, batch_size, steps=None) -> tf.data.Dataset:
    """Held-out data for `evaluate`, in order and checked like training data.

    With `steps` it ends after so many batches: executions of several steps would go on.
    """
    if replicas.is_distributed(x):
        return x
    source = source_of(model, x, y, batch_size, shuffle=False, training=False)
    dataset, _ = checked(model, source)
    if steps is not None:
        dataset = dataset.take(steps)
    batches = dataset.cardinality() if steps is not None else tf.constant(source.batches, tf.int64)
    if source.once:
        # Every evaluation is to see the same batches, and a generator yields them once.
        dataset = dataset.cache()
    dataset = pipeline.prefetched(dataset)
    dataset.cardinality = lambda: batches
    dataset.position = source.position
    return dataset
