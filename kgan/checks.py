"""Checks that the networks of a GAN fit each other, their latents, labels and data."""

import keras
import numpy as np
import tensorflow as tf

from kgan import bridge
from kgan import latents as latents_module
from kgan.errors import InputError

# Stands for the label of a row that is not one-hot; no class has this number.
NOT_ONE_HOT = -(2**31)

_SQUASHING = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softmax": (0.0, 1.0)}


def _changes_no_value(layer) -> bool:
    """Returns whether a layer passes values on: a change of shape or precision, or nothing."""
    if isinstance(layer, keras.layers.Activation):
        # As the guide to mixed precision ends networks: Activation("linear", dtype="float32").
        return getattr(layer.activation, "__name__", "") == "linear"
    # `keras.ops.cast(x, ...)` and `keras.ops.reshape(x, ...)` have the function's name as class.
    kinds = (keras.layers.Reshape, keras.layers.Flatten, keras.layers.Identity)
    return isinstance(layer, kinds) or type(layer).__name__ in ("Cast", "Reshape", "Identity")


def _last_activation(network) -> str | None:
    """Returns the name of the activation that a network ends in; None if it is unknown."""
    last = bridge.last_layer(network, passing=_changes_no_value)
    if last is None:
        return None
    if isinstance(last, keras.Model):
        return _last_activation(last)
    # `keras.ops.sigmoid(x)` and `layers.Softmax()` have the activation's name as class name.
    name = type(last).__name__.lower()
    if name in _SQUASHING:
        return name
    return getattr(getattr(last, "activation", None), "__name__", None)


def output_range(generator) -> tuple[float, float] | None:
    """Returns the range (low, high) of a generator's last activation; None if it has no bounds."""
    return _SQUASHING.get(_last_activation(generator))


def find_latents(generator, latents, plain: bool, classes: int = 0):
    """Returns the given latents, or standard normal latents of the generator's input shape.

    Args:
        generator: the network.
        latents: the user's `latents`, or None.
        plain: whether the model calls the generator as `kgan.GAN.forward` does.
        classes: number of classes; with 0 the generator takes latents alone.

    Raises:
        InputError: if the shape of the latents is unknown or differs from the generator's input
            shape, or if the generator takes an unexpected number of inputs.
    """
    shape = getattr(generator, "input_shape", None) if generator.built else None
    if latents is not None and not plain:
        return latents_module.get(latents)
    if classes and generator.built:
        if not isinstance(shape, list) or len(shape) != 2:
            raise InputError(
                f"With classes={classes} the generator takes two inputs, [latents, labels]; its "
                f"input shape is {shape}. Give it a second `keras.Input((), dtype='int32')`."
            )
        shape = shape[0]
    if isinstance(shape, (dict, list)):
        raise InputError(
            f"The generator takes {len(shape)} inputs of shapes {shape}; kgan.GAN passes it one "
            "batch of latents and, with `classes=`, their labels. A subclass that overrides "
            "`forward` may pass it more; it then needs `latents=`, the shape of the noise."
        )
    if latents is None:
        if shape is None:
            raise InputError(
                "The generator has no input shape yet, so its latents are unknown. Start it "
                "with `keras.Input((100,))`, or say `GAN(..., latents=100)`."
            )
        if None in shape[1:]:
            raise InputError(
                f"The generator's input shape {shape} has unknown sizes; say "
                "`GAN(..., latents=...)`."
            )
        return latents_module.Normal(shape[1:])
    latents = latents_module.get(latents)
    if shape is not None and not same_shape(latents.shape, shape[1:]):
        raise InputError(
            f"The latents have shape {latents.shape}, but the generator takes {shape[1:]}. "
            "Give both the same shape: the generator's input is the latent."
        )
    return latents


def labels(given, classes: int):
    """Returns the labels of a batch as int32 of shape `(batch,)`.

    Args:
        given: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        classes: the model's number of classes.

    Returns:
        Class numbers. Rows that are not one-hot become `NOT_ONE_HOT`, and integers beyond int32
        its nearest end, so that a check of the labels' range finds both.

    Raises:
        InputError: if the labels are None, or have another shape or dtype.
    """
    if given is None:
        raise InputError(
            f"The model is conditioned on {classes} classes, but the data has no labels. It takes "
            "batches of (samples, labels)."
        )
    given = tf.convert_to_tensor(given)
    shape = given.shape
    if shape.rank == 2 and shape[1] == classes:
        ones = tf.reduce_all((given == 0) | (given == 1), axis=1)
        one_hot = ones & (tf.math.count_nonzero(given, axis=1) == 1)
        numbers = tf.argmax(tf.cast(given, tf.float32), axis=1, output_type=tf.int32)
        return tf.where(one_hot, numbers, NOT_ONE_HOT)
    if not given.dtype.is_integer or shape.rank not in (1, 2, None) or shape[1:] not in ([], [1]):
        raise InputError(
            f"Labels have shape {tuple(shape)} and dtype {given.dtype.name}; expected integers "
            f"of shape (batch,), or one-hot rows of shape (batch, {classes})."
        )
    # Unsigned integers have no kernel that clips them; beyond int64 they become negative.
    return tf.saturate_cast(tf.cast(tf.reshape(given, [-1]), tf.int64), tf.int32)


def wrong_label(lowest, highest, classes) -> str:
    """Returns the message for labels outside the model's classes."""
    if lowest == NOT_ONE_HOT:
        return (
            f"Rows of labels, (batch, {classes}), must be one-hot: a single 1, the rest 0. Some "
            "are not: they name several classes, or none, or shares of classes. A model is "
            "conditioned on one class; choose it, for instance by `tf.argmax(rows, axis=1)`, if "
            "that is what the rows mean."
        )
    larger = ""
    if lowest >= 0 and highest < 10 * classes + 1000:
        larger = f", or build the model with classes={highest + 1}"
    return (
        f"The labels lie in {lowest}..{highest}; a model of {classes} classes takes "
        f"0..{classes - 1}. Number the classes from 0 without gaps{larger}."
    )


def data_has_labels(model: str, info, classes: int = 0) -> None:
    """Checks that a dataset of `kgan.data` has labels, and no more classes than the model.

    Args:
        model: the model's name in the error message.
        info: the dataset's `info`.
        classes: the model's number of classes; 0 skips that check.

    Raises:
        InputError: if it has no labels, or more classes.
    """
    if not info.classes:
        raise InputError(
            f"{model} is conditioned on the class of each sample, but {info.name!r} has no labels. "
            "Take a folder with a sub-folder for each class, arrays with labels, or a model "
            "without classes."
        )
    if classes and info.classes > classes:
        raise InputError(
            f"{model} was asked for classes={classes}, but {info.name!r} has {info.classes}."
        )


def same_shape(shape, expected) -> bool:
    """Returns whether two shapes agree; None matches any length."""
    return len(shape) == len(expected) and all(
        a is None or b is None or a == b for a, b in zip(shape, expected, strict=True)
    )


def scores_are_raw(discriminator) -> None:
    """Raises an `InputError` if a discriminator has no layers, or ends in a sigmoid or softmax."""
    if isinstance(discriminator, keras.Sequential) and not discriminator.layers:
        raise InputError("The discriminator has no layers; it must score samples.")
    activation = _last_activation(discriminator)
    if activation in ("sigmoid", "softmax"):
        raise InputError(
            f"The discriminator ends in a {activation}, but kgan's losses take raw scores. "
            "Remove that activation (for instance `Dense(1)` in place of "
            "`Dense(1, activation='sigmoid')`): the losses apply the sigmoid themselves, "
            "in a form that does not overflow."
        )


def tensors(what: str, drawn, count: int):
    """Returns tensors `(count, ...)`, or a structure of them.

    Raises:
        InputError: if `drawn` is anything else.
    """
    for part in tf.nest.flatten(drawn):
        if not tf.is_tensor(part) or part.shape.rank == 0 or part.shape[0] not in (count, None):
            raise InputError(
                f"{what} must be tensors (count, ...), as kgan.latents.Latents.sample returns "
                f"them; got {part!r}."
            )
    return drawn


def one_sample_each(fake):
    """Returns a generator's samples; raises an `InputError` if they are not one tensor of floats.

    Args:
        fake: what the generator returned.
    """
    if not tf.is_tensor(fake) or fake.shape.rank in (0, None):
        kind = type(fake).__name__
        raise InputError(
            f"The generator returns a {kind}; expected one tensor of samples (batch, ...). "
            "A generator of several outputs needs a subclass of kgan.GAN whose `forward` returns "
            "one of them."
        )
    if not fake.dtype.is_floating:
        raise InputError(
            f"The generator returns samples of {fake.dtype.name}; expected floating-point ones, "
            "which have a gradient."
        )
    return fake


def one_score_each(scores) -> None:
    """Raises an `InputError` if scores are not `(batch,)`, `(batch, 1)` or `(batch, ..., 1)`."""
    if not hasattr(scores, "shape"):
        raise InputError(
            f"The discriminator returns a {type(scores).__name__}; expected one tensor of scores."
        )
    shape = scores.shape
    if len(shape) > 1 and shape[-1] not in (1, None):
        raise InputError(
            f"The discriminator gives scores of shape {tuple(shape)}; expected one raw score a "
            "sample, (batch, 1), or one a patch, (batch, height, width, 1). "
            "End it in `Dense(1)` or in a convolution with one filter."
        )


def _shape_hint(shape, expected) -> str:
    if len(shape) + 1 == len(expected) and expected[-1] == 1:
        return "Add the channel axis: `images[..., None]`."
    if len(shape) == len(expected) == 3 and shape[:2] == expected[:2]:
        return (
            f"The images have {shape[-1]} channels, the networks {expected[-1]}: "
            "`kgan.data.load(..., channels=...)` converts."
        )
    if len(shape) == len(expected) == 3:
        return (
            "Build the networks for this size, or resize the images: "
            "`kgan.data.load(..., size=...)`."
        )
    return "Build the networks for this shape, or reshape the data."


def batch_fits(real, sample_shape, data_range, what="data") -> None:
    """Checks the dtype, shape and range of the first batch, and that it is finite.

    Args:
        real: array of shape `(batch, *sample_shape)`.
        sample_shape: shape of one sample as the networks take it; None stands for any length.
        data_range: (low, high), or None for any range.
        what: the name of the data in the error message.

    Raises:
        InputError: if the batch cannot be trained on.
    """
    if not np.issubdtype(real.dtype, np.floating):
        raise InputError(
            f"The {what} has dtype {real.dtype}; expected floating-point samples"
            f"{f' in the range {data_range}' if data_range else ''}. {_scaling(data_range)}"
        )
    if real.ndim and real.shape[0] == 0:
        raise InputError(f"The first batch of the {what} is empty.")
    if same_shape(real.shape, sample_shape) and len(sample_shape):
        raise InputError(
            f"The dataset yields single samples of shape {real.shape}; expected batches. "
            "Add `.batch(64)`."
        )
    if not same_shape(real.shape[1:], sample_shape):
        raise InputError(
            f"The {what} has samples of shape {real.shape[1:]}; the networks take "
            f"{tuple(sample_shape)}. {_shape_hint(real.shape[1:], tuple(sample_shape))}"
        )
    values = real.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(not_finite(0))
    if data_range is not None:
        low, high = widened(data_range)
        if values.min() < low or values.max() > high:
            raise InputError(outside(values.min(), values.max(), data_range, what))


def not_finite(batch) -> str:
    """Returns the message for a batch that holds NaN or Inf."""
    return (
        f"Batch {batch} of the data holds NaN or Inf. Clean the data (`numpy.isfinite` finds "
        "the places) and start again."
    )


def widened(data_range) -> tuple[float, float]:
    """Returns the data range, widened by a thousandth of its width for rounding errors."""
    low, high = data_range
    slack = 1e-3 * (high - low)
    return low - slack, high + slack


def _scaling(data_range) -> str:
    low, high = data_range or (-1.0, 1.0)
    formula = f"images / {255 / (high - low):g}" + (f" - {-low:g}" if low < 0 else "")
    return (
        f"Images in 0..255 are scaled by `{formula}`; `kgan.data.load` and "
        "`kgan.data.from_arrays` do it for you."
    )


def outside(lowest, highest, data_range, what="data") -> str:
    """Returns the message for values of `what` outside the data range."""
    low, high = data_range
    if lowest >= 0 and 1.5 < highest <= 255:
        hint = "They look like raw images. " + _scaling(data_range)
    elif lowest >= -1.001 and highest <= 1.001 and data_range == (0.0, 1.0):
        hint = "They look like images in [-1, 1]: scale them by `(images + 1) / 2`."
    else:
        hint = "Scale the data to it."
    if what == "images":
        # Those that a trained model is to translate or enlarge.
        hint = "Clip or scale them to it." if hint.startswith("Scale") else hint
        return (
            f"The images have values in [{lowest:.4g}, {highest:.4g}], outside the generator's "
            f"range [{low:g}, {high:g}]. {hint}"
        )
    return (
        f"The {what} lies in [{lowest:.4g}, {highest:.4g}], outside the generator's range "
        f"[{low:g}, {high:g}]; the discriminator would win by that alone. {hint} If the "
        "generator's range is another, say `GAN(..., data_range=(low, high))`; None checks "
        "nothing."
    )


def listed(given) -> list:
    """Returns a list or tuple as a list, and anything else as a list of one."""
    return list(given) if isinstance(given, (list, tuple)) else [given]


def metrics(given, taken) -> tuple:
    """Returns the metrics of evaluation as Keras metrics.

    Args:
        given: metrics, or their names in `kgan.metrics`.
        taken: names that a metric must not have, such as those of the logs.

    Raises:
        InputError: for an unknown name, something that is not a metric, or a name that is taken.
    """
    names = set(taken)
    given = [_named_metric(metric) if isinstance(metric, str) else metric for metric in given]
    for metric in given:
        if not isinstance(metric, keras.metrics.Metric):
            raise InputError(
                "metrics takes names of kgan.metrics, or keras.metrics.Metric objects whose "
                f"update_state gets (real, fake); got {metric!r}."
            )
        if metric.name in names:
            raise InputError(
                f"A metric is named {metric.name!r}, which is taken. Give it another: `name=...`."
            )
        names.add(metric.name)
    return tuple(given)


def _named_metric(name):
    # Imported here, because most models are trained without metrics.
    from kgan.metrics import get

    return get(name)
