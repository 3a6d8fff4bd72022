"""What happens to every batch: it is brought to the model's range, and checked."""

import contextlib
import re
import warnings

import numpy as np
import tensorflow as tf

from kgan import checks
from kgan.errors import InputError

_MARK = "kgan-values"


def checked(model, source):
    """(the source's batches in the model's range, each checked as it passes; a first batch)."""
    first = source.first if source.first is not None else _first_of(source.dataset)
    dataset = source.dataset
    rescale = _rescaling(source.info, model.data_range)
    if rescale is not None:
        first, dataset = rescale(first), dataset.map(rescale, tf.data.AUTOTUNE)
    real, condition = model.unpack(first)
    for name, values, shape in model.examined(real, condition):
        if not hasattr(values, "shape"):
            raise InputError(
                f"The dataset yields {type(first).__name__}; expected batches of samples."
            )
        checks.batch_fits(np.asarray(values), shape, model.data_range, name)
    labels = model.labels_of(condition)
    if labels is not None and not 0 <= np.min(labels) <= np.max(labels) < model.classes:
        raise InputError(checks.wrong_label(np.min(labels), np.max(labels), model.classes))
    check = _check(model, first)
    return dataset.enumerate().map(check, tf.data.AUTOTUNE), first


def _first_of(dataset):
    for batch in dataset.take(1):
        return batch
    raise InputError(
        "The dataset is empty: it yields no batches. With drop_remainder=True a dataset "
        "smaller than one batch yields none."
    )


def _check(model, first):
    """The check of one batch, `(number, batch) -> batch`, for the pipeline."""
    classes = model.classes
    bounds = checks.widened(model.data_range) if model.data_range else None

    def check(index, batch):
        tf.nest.map_structure(_take_shape, batch, first)
        real, condition = model.unpack(batch)
        lowest, highest, fine = [], [], True
        for _, values, shape in model.examined(real, condition):
            values.set_shape((None, *shape))
            # One NaN or Inf among them, and the sum is none that is finite. In float16 the sum of
            # a white image is not finite either.
            total = values if values.dtype == tf.float64 else tf.cast(values, tf.float32)
            fine &= tf.math.is_finite(tf.reduce_sum(total))
            if bounds is not None:
                lowest.append(tf.reduce_min(values))
                highest.append(tf.reduce_max(values))
        ends = [tf.zeros([])] * 2
        if bounds is not None:
            ends = [tf.reduce_min(lowest), tf.reduce_max(highest)]
            fine &= (ends[0] >= bounds[0]) & (ends[1] <= bounds[1])
        labels = model.labels_of(condition)
        of_labels = [tf.zeros([], tf.int32)] * 2
        if labels is not None:
            of_labels = [tf.reduce_min(labels), tf.reduce_max(labels)]
            fine &= (of_labels[0] >= 0) & (of_labels[1] < classes)
        # The raw operation, for `tf.debugging.Assert` adds a condition that Grappler warns of.
        refuse = tf.raw_ops.Assert(condition=fine, data=[_MARK, index, *ends, *of_labels])
        with tf.control_dependencies([refuse]):
            return tf.nest.map_structure(tf.identity, batch)

    return check


def _take_shape(tensor, like):
    """Gives back the shape that a Python function in the pipeline lost; the networks need it."""
    if tensor.shape.rank is None:
        tensor.set_shape((None, *like.shape[1:]))


@contextlib.contextmanager
def data_errors(model):
    """Turns the failed check of a later batch into a message for the user."""
    try:
        with warnings.catch_warnings():
            # Keras says so of every epoch that is entered in the middle.
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(rf"\[{_MARK}\]" + 5 * r" \[(\S+)\]", str(error))
        if found is None:
            raise
        batch, lowest, highest = int(found[1]), float(found[2]), float(found[3])
        message = checks.not_finite(batch)
        labels = int(found[4]), int(found[5])
        if model.classes and not 0 <= labels[0] <= labels[1] < model.classes:
            message = f"Batch {batch}: " + checks.wrong_label(*labels, model.classes)
        elif np.isfinite([lowest, highest]).all() and lowest <= highest:
            message = f"Batch {batch}: " + checks.outside(lowest, highest, model.data_range)
        raise InputError(
            f"{message} The weights are as they were after step {int(model.iterations.numpy())}."
        ) from None


def rescaled(dataset, wanted):
    """A dataset of `kgan.data` in the range of a model; any other as it is."""
    rescale = _rescaling(getattr(dataset, "info", None), wanted)
    return dataset if rescale is None else dataset.map(rescale, tf.data.AUTOTUNE)


def _rescaling(info, wanted):
    """From the range a `kgan.data` dataset knows it has to the model's; None where they agree."""
    given = getattr(info, "value_range", None)
    if given is None or wanted is None or tuple(given) == tuple(wanted):
        return None
    scale = (wanted[1] - wanted[0]) / (given[1] - given[0])
    # Labels are no images; the parts of pairs, domains and crops are.
    images = len(info.shapes) or 1

    def rescale(*batch):
        batch = batch[0] if len(batch) == 1 else batch
        parts = batch if isinstance(batch, (tuple, list)) else (batch,)
        scaled = [(part - given[0]) * scale + wanted[0] for part in parts[:images]]
        return (*scaled, *parts[images:]) if len(parts) > 1 else scaled[0]

    return rescale
