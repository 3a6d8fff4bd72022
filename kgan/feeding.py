"""From what a user hands to `fit` to the stream of real samples a step takes."""

import contextlib
import itertools
import re
import warnings
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import checks, data, execution
from kgan.data import pipeline
from kgan.errors import InputError

_MARK = "kgan-values"


@dataclass
class TrainingData:
    """A prepared dataset and where it stands.

    Attributes:
        dataset: what Keras iterates over; `discriminator_steps` batches an element.
        first_batch: its first element, for checks and compilation.
        steps_per_epoch: what is left for Keras to count: the user's number, or None where the
            dataset ends by itself.
        enter: what points the data at an epoch, where the source has a position.
        steps: training steps of an epoch, where they are known.
        endless: whether the dataset goes on past an epoch, and Keras alone ends it.
    """

    dataset: tf.data.Dataset
    first_batch: Any
    steps_per_epoch: int | None = None
    enter: "EnterEpoch | None" = None
    steps: int | None = None
    endless: bool = False


class EnterEpoch(keras.callbacks.Callback):
    """Points the data at the place that the model's step counter stands in.

    So a run that was saved and loaded sees the samples in the order of the unbroken run.

    Args:
        source: the dataset with `info` and `position`; see `kgan.data`.
        batches_per_step: batches of the source that a training step takes.
        steps: steps in an epoch.
        endless: whether the passes over the source follow each other without a gap, because the
            user says how long an epoch is; else every epoch starts a pass.
    """

    def __init__(self, source, batches_per_step: int, steps: int, endless: bool):
        super().__init__()
        self.source = source
        self.batches_per_step = batches_per_step
        self.steps = steps
        self.endless = endless
        self.left = steps

    def on_epoch_begin(self, epoch, logs=None):
        taken = int(self.model.iterations.numpy())
        # Only a restored state continues within an epoch; a user's next `fit` is a new one.
        inside = taken % self.steps if self.model.resume_within_epoch else 0
        self.model.resume_within_epoch = False
        self.left = self.steps - inside
        if self.endless:
            batches = taken * self.batches_per_step
            place = divmod(batches, self.source.info.steps_per_epoch)
        else:
            place = taken // self.steps, inside * self.batches_per_step
        self.source.position.seek(*place)

    def limit(self, dataset):
        """The steps of one epoch of an endless dataset, counted when its iterator starts."""

        def count(_):
            left = tf.numpy_function(lambda: np.int64(self.left), [], tf.int64)
            left.set_shape(())
            return tf.data.Dataset.range(left)

        counter = tf.data.Dataset.range(1).flat_map(count)
        return tf.data.Dataset.zip(counter, dataset).map(lambda _, batch: batch)


class WatchUpdates(keras.callbacks.Callback):
    """Says when updates are left out because their gradients are not finite.

    A few are no harm, and loss scaling leaves some out by design; a whole epoch of them is a
    run that learns nothing.
    """

    def on_epoch_begin(self, epoch, logs=None):
        # A checkpoint that was restored at the start says how its run was executed.
        execution.follow(self.model)
        self.before = self._counts()

    def on_epoch_end(self, epoch, logs=None):
        steps, updates = self._counts() - self.before
        if steps and not updates:
            raise InputError(
                f"Every update of epoch {epoch} was left out: the gradients hold NaN or Inf. The "
                "weights are as they were before it. Lower the learning rates, clip the gradients "
                "(`global_clipnorm` of the optimizers), or look for a division by zero in a term."
            )
        scaling = isinstance(self.model.g_optimizer, keras.optimizers.LossScaleOptimizer)
        if updates < steps and not scaling:
            warnings.warn(
                f"Epoch {epoch}: {steps - updates} of {steps} updates were left out, for their "
                "gradients held NaN or Inf.",
                stacklevel=2,
            )

    def _counts(self):
        steps = int(self.model.iterations.numpy())
        phases = [phase for phase in self.model.phases() if phase.variables]
        optimizers = {id(phase.optimizer): phase.optimizer for phase in phases}.values()
        updates = sum(int(optimizer.iterations.numpy()) for optimizer in optimizers)
        return np.array([steps * len(phases), updates])


def training_data(model, x, y, *, batch_size, shuffle, steps_per_epoch) -> TrainingData:
    """What `fit` trains on, checked against the model as far as a first batch tells."""
    if isinstance(x, tf.distribute.DistributedDataset):
        return TrainingData(x, None, steps_per_epoch)
    per_step = model.discriminator_steps
    source = _as_dataset(model, x, y, batch_size, shuffle=shuffle, training=True)
    dataset, first = _checked(model, source, _first_batch(source))
    batch = int(tf.nest.flatten(model.unpack(first)[0])[0].shape[0])
    if batch % model.accumulation_steps:
        raise InputError(
            f"A batch of {batch} does not divide into accumulation_steps="
            f"{model.accumulation_steps} equal slices. Choose a batch size that does."
        )
    batches = int(source.cardinality())
    endless = steps_per_epoch is not None and batches != tf.data.INFINITE_CARDINALITY
    if endless:
        dataset = dataset.repeat()
    rebatched = per_step > 1 or model.accumulation_steps > 1
    if rebatched:
        dataset = dataset.rebatch(per_step * batch, drop_remainder=True)
        first = tf.nest.map_structure(lambda tensor: tf.repeat(tensor, per_step, axis=0), first)
    info = getattr(source, "info", None)
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
    if info is not None and getattr(source, "position", None) is not None:
        enter = EnterEpoch(source, per_step, steps_per_epoch or steps, endless)
        if endless:
            dataset, endless, steps = enter.limit(dataset), False, steps_per_epoch
    dataset = pipeline.prefetched(dataset)
    if batches >= 0 and not endless:
        # Keras reads the length of the progress bar from here; TensorFlow loses it on the way.
        dataset.cardinality = lambda: tf.constant(steps, tf.int64)
    counted = steps_per_epoch or (steps if batches >= 0 else None)
    goes_on = enter is None and steps_per_epoch is not None
    return TrainingData(dataset, first, None if enter else steps_per_epoch, enter, counted, goes_on)


def evaluation_data(model, x, y, batch_size, steps=None) -> tf.data.Dataset:
    """Held-out data for `evaluate`, in order and checked like training data.

    With `steps` it ends after so many batches: executions of several steps would go on.
    """
    if isinstance(x, tf.distribute.DistributedDataset):
        return x
    source = _as_dataset(model, x, y, batch_size, shuffle=False, training=False)
    dataset, _ = _checked(model, source, _first_batch(source))
    if steps is not None:
        dataset = dataset.take(steps)
    batches, position = dataset.cardinality(), getattr(source, "position", None)
    if steps is None:
        batches = source.cardinality()
    dataset = pipeline.prefetched(dataset)
    dataset.cardinality = lambda: batches
    dataset.position = position
    return dataset


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


def with_callback(callbacks, callback):
    """The callbacks with one more at the front."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.append(callback)
        return callbacks
    if callbacks is None:
        callbacks = []
    elif not isinstance(callbacks, (list, tuple)):
        callbacks = [callbacks]
    return [callback, *callbacks]


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


def _as_dataset(model, x, y, batch_size, *, shuffle, training) -> tf.data.Dataset:
    if isinstance(x, tf.data.Dataset):
        for name, value in (("y", y), ("batch_size", batch_size)):
            if value is not None and training:
                raise InputError(f"A dataset brings its own {name}; leave {name}= out.")
        return x
    if isinstance(x, keras.utils.PyDataset):
        return _from_sequence(x)
    if hasattr(x, "__next__"):
        return _from_stream(x)
    if x is None or not hasattr(x, "__len__"):
        raise InputError(
            "The data must be a tf.data.Dataset, an array, a keras.utils.PyDataset or a "
            f"generator of batches; got {type(x).__name__}."
        )
    x = x if isinstance(x, np.memmap) else np.asarray(x)
    if len(x) == 0:
        raise InputError("The data is empty: it holds no samples.")
    checks.batch_fits(x[:1], model.sample_shape, model.data_range)
    batch_size = checks.positive("batch_size", batch_size or model.batch_size)
    if training and len(x) < batch_size:
        raise InputError(
            f"The data has {len(x)} samples, fewer than one batch of {batch_size}. "
            f"Choose batch_size={len(x)} or less, or bring more data."
        )
    return data.from_arrays(
        x, y, batch_size=batch_size, seed=model.seed, shuffle=shuffle, drop_remainder=training
    )


def _from_sequence(sequence):
    count = sequence.num_batches

    def batches():
        for index in itertools.count() if count is None else range(count):
            yield sequence[index]
        sequence.on_epoch_end()

    if count == 0:
        raise InputError("The data is empty: the PyDataset has no batches.")
    dataset = tf.data.Dataset.from_generator(batches, output_signature=_signature(sequence[0]))
    length = tf.data.INFINITE_CARDINALITY if count is None else count
    return dataset.apply(tf.data.experimental.assert_cardinality(length))


def _signature(batch):
    return tf.nest.map_structure(
        lambda array: tf.TensorSpec((None, *np.shape(array)[1:]), np.asarray(array).dtype), batch
    )


def _from_stream(stream):
    """A generator can be run through once only, so its first batch is put back."""
    kept = []

    def batches():
        while True:
            if kept:
                yield kept.pop()
                continue
            batch = next(stream, None)
            if batch is None:
                return
            yield batch

    first = next(stream, None)
    if first is None:
        raise InputError("The data is empty: the generator yields no batches.")
    kept.append(first)
    dataset = tf.data.Dataset.from_generator(batches, output_signature=_signature(first))
    dataset.first_batch = tf.nest.map_structure(tf.convert_to_tensor, first)
    return dataset


def _first_batch(source):
    if hasattr(source, "first_batch"):
        return source.first_batch
    for batch in source.take(1):
        return batch
    raise InputError(
        "The dataset is empty: it yields no batches. With drop_remainder=True a dataset "
        "smaller than one batch yields none."
    )


def _checked(model, source, first):
    """The source brought to the model's range, with every batch checked as it passes."""
    rescale = _rescaling(getattr(source, "info", None), model.data_range)
    if rescale is not None:
        first, source_mapped = rescale(first), source.map(rescale, tf.data.AUTOTUNE)
    else:
        source_mapped = source
    real, condition = model.unpack(first)
    for name, values, shape in model.examined(real, condition):
        if not hasattr(values, "shape"):
            raise InputError(
                f"The dataset yields {type(first).__name__}; expected batches of samples."
            )
        checks.batch_fits(np.asarray(values), shape, model.data_range, name)
    classes = model.classes
    labels = model.labels_of(condition)
    if labels is not None and not 0 <= np.min(labels) <= np.max(labels) < classes:
        raise InputError(checks.wrong_label(np.min(labels), np.max(labels), classes))
    bounds = checks.widened(model.data_range) if model.data_range else None

    def check(index, batch):
        tf.nest.map_structure(_take_shape, batch, first)
        real, condition = model.unpack(batch)
        lowest, highest, fine = [], [], True
        for _, values, shape in model.examined(real, condition):
            values.set_shape((None, *shape))
            # One NaN or Inf among them, and the sum is none that is finite.
            fine &= tf.math.is_finite(tf.reduce_sum(values))
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

    return source_mapped.enumerate().map(check, tf.data.AUTOTUNE), first


def _take_shape(tensor, like):
    """Gives back the shape that a Python function in the pipeline lost; the networks need it."""
    if tensor.shape.rank is None:
        tensor.set_shape((None, *like.shape[1:]))


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
