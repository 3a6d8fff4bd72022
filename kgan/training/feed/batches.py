"""Rescaling of every batch to the model's range, and its checks."""

import contextlib
import re
import warnings

import numpy as np
import tensorflow as tf

from kgan import checks
from kgan.errors import InputError
from kgan.training.feed import failures

_MARK = "kgan-values"


def checked(model, source):
    """Returns (a dataset of rescaled batches, each of which is checked, and its first batch).

    Raises:
        InputError: if the first batch does not fit the model.
    """
    first = source.first if source.first is not None else _first_of(source.dataset)
    dataset = source.dataset
    rescale = _rescaling(source.info, model.data_range)
    if rescale is not None:
        first, dataset = rescale(first), dataset.map(rescale, tf.data.AUTOTUNE)
    _fits(model, first)
    check = _check(model, first)
    return dataset.enumerate().map(check, tf.data.AUTOTUNE), first


def one_batch(model, x, y=None):
    """Returns the batch of `train_on_batch` as tensors, after checking it.

    Args:
        model: the model.
        x: an array, a tensor, or an element of a dataset.
        y: labels, or None.

    Raises:
        InputError: if it does not fit the model.
    """

    def tensor(part):
        if isinstance(part, (tf.Tensor, tf.Variable)):
            return tf.convert_to_tensor(part)
        try:
            part = np.asarray(part)
            if part.dtype.kind not in "biuf":
                raise TypeError("no numbers")
            # As arrays are in `fit`.
            return tf.constant(part.astype("float32") if part.dtype.kind == "f" else part)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"A batch is an array or a tensor of numbers; got {type(part).__name__}."
            ) from error

    if isinstance(x, tf.data.Dataset) or hasattr(x, "__next__") or not hasattr(x, "__len__"):
        raise InputError(
            f"x must be one batch of samples, an array or a tensor; got {type(x).__name__}. `fit` "
            "takes datasets and generators."
        )
    # A tuple is an element of a dataset; a list of numbers is an array.
    parts = x if isinstance(x, tuple) and x else (x,)
    batch = tuple(tensor(part) for part in (*parts, *(() if y is None else (y,))))
    if len({part.shape[0] if part.shape.rank else 0 for part in batch}) > 1:
        raise InputError(
            "The parts of a batch have different lengths: "
            f"{', '.join(str(tuple(part.shape)) for part in batch)}."
        )
    batch = batch if len(batch) > 1 else batch[0]
    _fits(model, batch)
    return batch


def _fits(model, first) -> None:
    """Raises an `InputError` if a batch does not fit the model."""
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


def _first_of(dataset):
    try:
        for batch in dataset.take(1):
            return batch
    except tf.errors.OpError as error:
        raise failures.explained(error) or error from None
    raise InputError(
        "The dataset is empty: it yields no batches. With drop_remainder=True a dataset "
        "smaller than one batch yields none."
    )


def _check(model, first):
    """Returns a function `(number, batch) -> batch` that checks a batch in the pipeline."""
    classes = model.classes
    bounds = checks.widened(model.data_range) if model.data_range else None

    def check(index, batch):
        batch = tf.nest.map_structure(_with_shape, batch, first)
        real, condition = model.unpack(batch)
        lowest, highest, fine = [], [], True
        for _, values, shape in model.examined(real, condition):
            values = tf.ensure_shape(values, (None, *shape))
            # A sum with a NaN or Inf is not finite. In float16 the sum of a white image is not
            # finite either, so it is computed in float32.
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
        # The raw operation: `tf.debugging.Assert` adds a condition that makes Grappler warn.
        assertion = tf.raw_ops.Assert(condition=fine, data=[_MARK, index, *ends, *of_labels])
        with tf.control_dependencies([assertion]):
            return tf.nest.map_structure(tf.identity, batch)

    return check


def _with_shape(tensor, like):
    """Restores a static shape that a Python function in the pipeline has lost."""
    if tensor.shape.rank is None:
        return tf.ensure_shape(tensor, (None, *like.shape[1:]))
    return tensor


@contextlib.contextmanager
def data_errors(model):
    """In this context a failed check of a batch raises an `InputError` with its reason.

    So does a failure within the data pipeline; other errors pass.
    """
    try:
        with warnings.catch_warnings():
            # Keras warns of every epoch that is resumed in the middle.
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            yield
    except tf.errors.OpError as error:
        after = f"The weights are as they were after step {int(model.iterations.numpy())}."
        found = re.search(rf"\[{_MARK}\]" + 5 * r" \[(\S+)\]", str(error))
        if found is None:
            reason = failures.explained(error)
            if reason is None:
                raise
            raise InputError(f"{reason} {after}") from None
        batch, lowest, highest = int(found[1]), float(found[2]), float(found[3])
        message = checks.not_finite(batch)
        labels = int(found[4]), int(found[5])
        if model.classes and not 0 <= labels[0] <= labels[1] < model.classes:
            message = f"Batch {batch}: " + checks.wrong_label(*labels, model.classes)
        elif np.isfinite([lowest, highest]).all() and lowest <= highest:
            message = f"Batch {batch}: " + checks.outside(lowest, highest, model.data_range)
        raise InputError(f"{message} {after}") from None


def rescaled(dataset, wanted):
    """Returns a dataset of `kgan.data` rescaled to a range; any other dataset unchanged."""
    rescale = _rescaling(getattr(dataset, "info", None), wanted)
    return dataset if rescale is None else dataset.map(rescale, tf.data.AUTOTUNE)


def _rescaling(info, wanted):
    """Returns a function that rescales batches of `kgan.data`; None if nothing is to be done."""
    given = getattr(info, "value_range", None)
    if given is None or wanted is None or tuple(given) == tuple(wanted):
        return None
    scale = (wanted[1] - wanted[0]) / (given[1] - given[0])
    # All parts of pairs, domains and crops are images; labels are not.
    images = len(info.shapes) or 1

    def rescale(*batch):
        batch = batch[0] if len(batch) == 1 else batch
        parts = batch if isinstance(batch, (tuple, list)) else (batch,)
        scaled = [(part - given[0]) * scale + wanted[0] for part in parts[:images]]
        return (*scaled, *parts[images:]) if len(parts) > 1 else scaled[0]

    return rescale
