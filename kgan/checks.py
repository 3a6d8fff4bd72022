"""What two networks and their data must be to play; each misfit has its message."""

import keras
import numpy as np
import tensorflow as tf

from kgan import bridge
from kgan import latents as latents_module
from kgan.errors import InputError

_SQUASHING = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softmax": (0.0, 1.0)}


def _last_activation(network) -> str | None:
    """The name of the activation a network ends in, or None where that cannot be seen."""
    # Of a subclassed network the layers are known, but not their order.
    last = bridge.last_layer(network, passing=(keras.layers.Reshape, keras.layers.Flatten))
    if last is None:
        return None
    if isinstance(last, keras.Model):
        return _last_activation(last)
    # `keras.ops.sigmoid(x)` and `layers.Softmax()` are named after what they do.
    name = type(last).__name__.lower()
    if name in _SQUASHING:
        return name
    return getattr(getattr(last, "activation", None), "__name__", None)


def output_range(generator) -> tuple[float, float] | None:
    """The range a generator's last activation confines its samples to; None where it doesn't."""
    return _SQUASHING.get(_last_activation(generator))


def find_latents(generator, latents, plain: bool, classes: int = 0):
    """The latents given, or standard normal ones of the generator's input shape.

    Args:
        generator: the network.
        latents: what the user gave, or None.
        plain: whether the generator is called as `kgan.GAN` calls it.
        classes: how many it is told apart; 0 where it is called on the latents alone.

    Raises:
        InputError: where there is no shape to go by, or the generator takes another.
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
            f"The generator takes {len(shape)} inputs of shapes {shape}; kgan.GAN feeds it one "
            "batch of latents, and labels beside them where `classes=` says how many there are. A "
            "subclass that overrides `forward` may feed it more; it says which part is noise by "
            "`latents=`."
        )
    if latents is None:
        if shape is None:
            raise InputError(
                "The generator has no input shape yet, so its latents are unknown. Start it "
                "with `keras.Input((100,))`, or say `GAN(..., latents=100)`."
            )
        if None in shape[1:]:
            raise InputError(
                f"The generator's input shape {shape} is open; say `GAN(..., latents=...)`."
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
    """Labels of a batch as integers `(batch,)`, from any of the forms that data sets use.

    Args:
        given: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        classes: of the model.
    """
    if given is None:
        raise InputError(
            f"The model is told one of {classes} classes, and the data has no labels. It takes "
            "batches of (samples, labels)."
        )
    given = tf.convert_to_tensor(given)
    shape = given.shape
    if shape.rank == 2 and shape[1] == classes:
        return tf.argmax(given, axis=1, output_type=tf.int32)
    if not given.dtype.is_integer or shape.rank not in (1, 2, None) or shape[1:] not in ([], [1]):
        raise InputError(
            f"Labels have shape {tuple(shape)} and dtype {given.dtype.name}; expected integers "
            f"of shape (batch,), or one-hot rows of shape (batch, {classes})."
        )
    return tf.cast(tf.reshape(given, [-1]), tf.int32)


def wrong_label(lowest, highest, classes) -> str:
    """The message for labels that name no class of the model."""
    return (
        f"The labels lie in {lowest}..{highest}; a model of {classes} classes takes "
        f"0..{classes - 1}. Number the classes from 0, or build the model with "
        f"classes={max(highest + 1, 2)}."
    )


def data_has_labels(model: str, info, classes: int = 0) -> None:
    """Refuses a dataset of `kgan.data` that does not say which class a sample is of."""
    if not info.classes:
        raise InputError(
            f"{model} is told the class of each sample, and {info.name!r} has no labels. Take a "
            "folder with a sub-folder for each class, arrays with labels, or a model without "
            "classes."
        )
    if classes and info.classes > classes:
        raise InputError(
            f"{model} was asked for classes={classes}, and {info.name!r} has {info.classes}."
        )


def same_shape(shape, expected) -> bool:
    """Whether shapes agree, None fitting anything."""
    return len(shape) == len(expected) and all(
        a is None or b is None or a == b for a, b in zip(shape, expected, strict=True)
    )


def scores_are_raw(discriminator) -> None:
    """Refuses a discriminator that ends in a squashing activation."""
    activation = _last_activation(discriminator)
    if activation in ("sigmoid", "softmax"):
        raise InputError(
            f"The discriminator ends in a {activation}, but kgan's losses take raw scores. "
            "Remove that activation (for instance `Dense(1)` in place of "
            "`Dense(1, activation='sigmoid')`): the losses apply the sigmoid themselves, "
            "in a form that does not overflow."
        )


def one_score_each(scores) -> None:
    """Refuses scores that are not `(batch,)`, `(batch, 1)` or patches `(batch, ..., 1)`."""
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
    """Refuses a first batch that cannot be trained on: its dtype, shape, values or range.

    Args:
        real: array of shape `(batch, ...)`.
        sample_shape: shape of one sample as the networks take it, None where free.
        data_range: (low, high) or None.
        what: what messages call it.
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
    """The message for a batch that holds NaN or Inf."""
    return (
        f"Batch {batch} of the data holds NaN or Inf. Clean the data (`numpy.isfinite` finds "
        "the places) and start again."
    )


def widened(data_range) -> tuple[float, float]:
    """The data range with room for rounding."""
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
    """The message for values of `what` outside the data range."""
    low, high = data_range
    if lowest >= 0 and 1.5 < highest <= 255:
        hint = "They look like raw images. " + _scaling(data_range)
    elif lowest >= -1.001 and highest <= 1.001 and data_range == (0.0, 1.0):
        hint = "They look like images in [-1, 1]: scale them by `(images + 1) / 2`."
    else:
        hint = "Scale the data to it."
    return (
        f"The {what} lies in [{lowest:.4g}, {highest:.4g}], outside the generator's range "
        f"[{low:g}, {high:g}]; the discriminator would win by that alone. {hint} If the "
        "generator's range is another, say `GAN(..., data_range=(low, high))`; None checks "
        "nothing."
    )


def listed(given) -> list:
    """One thing or several, as a list."""
    return list(given) if isinstance(given, (list, tuple)) else [given]


def metrics(given, taken) -> tuple:
    """Keras metrics for evaluation, checked; `taken` are names that are not theirs to use."""
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
    # Most models are trained without: what stands behind metrics need not be loaded then.
    from kgan.metrics import get

    return get(name)
