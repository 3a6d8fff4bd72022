"""One adapter a kind of input, each to the same `Source`."""

import itertools
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, checks, data
from kgan.errors import InputError


@dataclass
class Source:
    """Where real samples come from, as the rest of the feed sees it.

    Attributes:
        dataset: batches as the user's data has them.
        batches: how many an epoch has, or TensorFlow's constants for unknown and infinite.
        first: a first batch that is known already; None takes it from the dataset.
        info: what `kgan.data` knows of its datasets, else None.
        position: how `kgan.data` lets its datasets be entered anywhere, else None.
        once: whether the data can be run through once only.
    """

    dataset: tf.data.Dataset
    batches: int
    first: Any = None
    info: Any = None
    position: Any = None
    once: bool = False


def source_of(model, x, y, batch_size, *, shuffle, training) -> Source:
    """The source for what `fit` or `evaluate` was given.

    Raises:
        InputError: for anything but the kinds that `fit` names, and for empty data.
    """
    if isinstance(x, tf.data.Dataset):
        for name, value in (("y", y), ("batch_size", batch_size)):
            if value is not None and training:
                raise InputError(f"A dataset brings its own {name}; leave {name}= out.")
        return _from_dataset(x)
    if isinstance(x, keras.utils.PyDataset):
        return _from_sequence(x)
    if hasattr(x, "__next__"):
        return _from_generator(x)
    if x is None or not hasattr(x, "__len__"):
        raise InputError(
            "The data must be a tf.data.Dataset, an array, a keras.utils.PyDataset or a "
            f"generator of batches; got {type(x).__name__}."
        )
    return _from_arrays(model, x, y, batch_size, shuffle=shuffle, training=training)


def _from_dataset(dataset) -> Source:
    info = getattr(dataset, "info", None)
    batches = int(dataset.cardinality())
    if info is None:
        dataset = _without_empty_batches(dataset)
    return Source(dataset, batches, None, info, getattr(dataset, "position", None))


def _without_empty_batches(dataset):
    """A filter in the user's pipeline may leave a batch with nothing in it."""
    shapes = [getattr(spec, "shape", None) for spec in tf.nest.flatten(dataset.element_spec)]
    if not shapes or any(shape is None for shape in shapes):
        return dataset
    if shapes[0].rank == 0 or (shapes[0].rank and shapes[0][0] is not None):
        return dataset

    def holds_some(*batch):
        return tf.shape(tf.nest.flatten(batch)[0])[0] > 0

    return dataset.filter(holds_some)


def _from_arrays(model, x, y, batch_size, *, shuffle, training) -> Source:
    x = x if isinstance(x, np.memmap) else np.asarray(x)
    if len(x) == 0:
        raise InputError("The data is empty: it holds no samples.")
    checks.batch_fits(x[:1], model.sample_shape, model.data_range)
    batch_size = arguments.integer("batch_size", batch_size or model.batch_size)
    if training and len(x) < batch_size:
        raise InputError(
            f"The data has {len(x)} samples, fewer than one batch of {batch_size}. "
            f"Choose batch_size={len(x)} or less, or bring more data."
        )
    return _from_dataset(
        data.from_arrays(
            x, y, batch_size=batch_size, seed=model.seed, shuffle=shuffle, drop_remainder=training
        )
    )


def _from_sequence(sequence) -> Source:
    count = sequence.num_batches

    def batches():
        for index in itertools.count() if count is None else range(count):
            yield sequence[index]
        sequence.on_epoch_end()

    if count == 0:
        raise InputError("The data is empty: the PyDataset has no batches.")
    dataset = tf.data.Dataset.from_generator(batches, output_signature=_signature(sequence[0]))
    return Source(dataset, tf.data.INFINITE_CARDINALITY if count is None else count)


def _from_generator(generator) -> Source:
    """A generator can be run through once only, so its first batch is put back."""
    first = next((batch for batch in generator if len(tf.nest.flatten(batch)[0])), None)
    if first is None:
        raise InputError("The data is empty: the generator yields no batches.")
    kept = [first]

    def batches():
        while True:
            if kept:
                yield kept.pop()
                continue
            batch = next(generator, None)
            if batch is None:
                return
            if len(tf.nest.flatten(batch)[0]):
                yield batch

    return Source(
        tf.data.Dataset.from_generator(batches, output_signature=_signature(first)),
        tf.data.UNKNOWN_CARDINALITY,
        tf.nest.map_structure(tf.convert_to_tensor, first),
        once=True,
    )


def _signature(batch):
    return tf.nest.map_structure(
        lambda array: tf.TensorSpec((None, *np.shape(array)[1:]), np.asarray(array).dtype), batch
    )


def held_out(x, y, fraction: float):
    """The last `fraction` of arrays as validation data, as Keras takes it."""
    if not hasattr(x, "shape"):
        raise InputError("validation_split needs arrays; pass validation_data with a dataset.")
    if not 0 < fraction < 1:
        raise InputError(f"validation_split must lie between 0 and 1; got {fraction}.")
    cut = int(len(x) * (1 - fraction))
    labels, held_labels = (None, None) if y is None else (y[:cut], y[cut:])
    return (x[:cut], labels), (x[cut:], held_labels)


def unpaired(validation_data):
    """(x, y) of what `validation_data` may be."""
    if isinstance(validation_data, (tuple, list)):
        x, y = (*validation_data, None)[:2]
        return x, y
    return validation_data, None
