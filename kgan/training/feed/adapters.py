"""Adapters that make a `Source` from each kind of input of `fit` and `evaluate`."""

import itertools
import reprlib
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, checks, data
from kgan.errors import InputError


@dataclass
class Source:
    """The real samples of a training or an evaluation, from any kind of input.

    Attributes:
        dataset: the batches of the user's data, unchanged.
        batches: batches per epoch, or TensorFlow's constants for unknown and infinite.
        first: the first batch if it has been read already; else None.
        info: the `info` of a dataset of `kgan.data`; else None.
        position: the object that sets the position in a dataset of `kgan.data`; else None.
        once: whether the data can be iterated over only once.
    """

    dataset: tf.data.Dataset
    batches: int
    first: Any = None
    info: Any = None
    position: Any = None
    once: bool = False


def source_of(model, x, y, batch_size, *, shuffle, training) -> Source:
    """Returns the source for the arguments of `fit` or `evaluate`.

    Raises:
        InputError: for a kind of data that `fit` does not take, and for empty data.
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
    """Removes empty batches, which a filter in the user's pipeline may produce."""
    shapes = [getattr(spec, "shape", None) for spec in tf.nest.flatten(dataset.element_spec)]
    if not shapes or any(shape is None for shape in shapes):
        return dataset
    if shapes[0].rank == 0 or (shapes[0].rank and shapes[0][0] is not None):
        return dataset

    def is_not_empty(*batch):
        return tf.shape(tf.nest.flatten(batch)[0])[0] > 0

    return dataset.filter(is_not_empty)


def _from_arrays(model, x, y, batch_size, *, shuffle, training) -> Source:
    x = x if isinstance(x, np.memmap) else arguments.array("x", x)
    if x.ndim == 0:
        raise InputError(f"x must be an array of samples; got {x!r}.")
    if len(x) == 0:
        raise InputError("The data is empty: it holds no samples.")
    checks.batch_fits(x[:1], model.sample_shape, model.data_range)
    batch_size = arguments.integer("batch_size", batch_size or model.batch_size)
    if training and len(x) < batch_size:
        raise InputError(
            f"The data has {len(x)} samples, fewer than one batch of {batch_size}. "
            f"Choose batch_size={len(x)} or less, or use more data."
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
    dataset = _without_empty_batches(dataset)
    return Source(dataset, tf.data.INFINITE_CARDINALITY if count is None else count)


def _from_generator(generator) -> Source:
    """Returns the source for a generator; its first batch is read, and yielded again."""
    first = next((batch for batch in generator if not _is_empty(batch)), None)
    if first is None:
        raise InputError("The data is empty: the generator yields no batches.")
    unread = [first]

    def batches():
        while True:
            if unread:
                yield unread.pop()
                continue
            batch = next(generator, None)
            if batch is None:
                return
            if not _is_empty(batch):
                yield batch

    return Source(
        tf.data.Dataset.from_generator(batches, output_signature=_signature(first)),
        tf.data.UNKNOWN_CARDINALITY,
        tf.nest.map_structure(tf.convert_to_tensor, first),
        once=True,
    )


def _is_empty(batch):
    """Returns whether a batch holds no samples; a check of its shape finds what is no batch."""
    parts = tf.nest.flatten(batch)
    shape = np.shape(parts[0]) if parts else ()
    return bool(shape) and shape[0] == 0


def _signature(batch):
    parts = tf.nest.flatten(batch)
    if not parts or any(np.asarray(part).dtype.kind in "OSU" for part in parts):
        raise InputError(
            "A batch of the data is an array of samples, or a tuple of it and labels; got "
            f"{reprlib.repr(batch)}."
        )
    return tf.nest.map_structure(
        lambda array: tf.TensorSpec((None, *np.shape(array)[1:]), np.asarray(array).dtype), batch
    )


def held_out(x, y, fraction: float):
    """Splits off the last `fraction` of arrays as validation data, as Keras does.

    Returns:
        (x, y) for training, and (x, y) for validation.

    Raises:
        InputError: if `x` is not an array, or `fraction` is not between 0 and 1.
    """
    if not hasattr(x, "shape"):
        raise InputError("validation_split needs arrays; pass validation_data with a dataset.")
    if not 0 < fraction < 1:
        raise InputError(f"validation_split must lie between 0 and 1; got {fraction}.")
    cut = int(len(x) * (1 - fraction))
    labels, held_labels = (None, None) if y is None else (y[:cut], y[cut:])
    return (x[:cut], labels), (x[cut:], held_labels)


def samples_and_labels(validation_data):
    """Returns (x, y) of the argument `validation_data`; y is None if there are no labels."""
    if isinstance(validation_data, (tuple, list)):
        x, y = (*validation_data, None)[:2]
        return x, y
    return validation_data, None
