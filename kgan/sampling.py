"""From a trained generator to samples, in this process or in a SavedModel."""

import contextlib

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kgan import checks
from kgan.errors import InputError


def seed_tensor(seed):
    """The seed of `generate(seed=...)`, an int or a scalar integer tensor, as two int32."""
    if isinstance(seed, (int, np.integer)):
        # Any Python integer is welcome; the high bits go into the second number.
        return tf.constant([_signed(seed), _signed(seed >> 32)], tf.int32)
    seed = tf.cast(seed, tf.int64)
    return tf.stack([_low_bits(seed), _low_bits(tf.bitwise.right_shift(seed, 32))])


def _signed(number):
    number = int(number) & 0xFFFFFFFF
    return number - 2**32 if number >= 2**31 else number


def _low_bits(tensor):
    return tf.bitcast(tensor, tf.int32)[0]


def generate(gan, n, latents, seed, truncation, batch_size) -> np.ndarray:
    """See `GAN.generate`."""
    checks.positive("batch_size", batch_size)
    if latents is None:
        if n is None:
            raise InputError("generate needs a number of samples: `generate(16)`.")
        n = checks.positive("n", n)
        if seed is None:
            seed = ops.cast(gan._sampling_seeds.next(), "int32")
        else:
            seed = seed_tensor(seed)
        latents = gan.draw(n, seed, truncation)
    else:
        latents = ops.convert_to_tensor(latents, "float32")
        if not checks.same_shape(tuple(latents.shape[1:]), gan.latents.shape):
            raise InputError(
                f"latents have shape {tuple(latents.shape)}; expected "
                f"(n, {', '.join(map(str, gan.latents.shape))})."
            )
        if n is not None and n != latents.shape[0]:
            raise InputError(f"n={n} was asked for, but {latents.shape[0]} latents were given.")
        n = int(latents.shape[0])
    sample = gan.sampling_function()
    batches = [
        sample(tf.nest.map_structure(lambda t, start=start: t[start : start + batch_size], latents))
        for start in range(0, n, batch_size)
    ]
    return np.concatenate([batch.numpy() for batch in batches])


@contextlib.contextmanager
def averaged_weights(gan):
    """Puts the averaged weights into the generator for a while, where there are any."""
    pairs = gan.average.pairs() if gan.average is not None else []
    raw = [keras.ops.copy(weight.value) for weight, _ in pairs]
    try:
        for weight, average in pairs:
            weight.assign(average.value)
        yield
    finally:
        for (weight, _), value in zip(pairs, raw, strict=True):
            weight.assign(value)


def export(gan, filepath, format, verbose, **kwargs) -> None:
    """See `GAN.export`."""
    with averaged_weights(gan):
        if format != "tf_saved_model":
            gan.generator.export(filepath, format=format, verbose=verbose, **kwargs)
            return
        archive = keras.export.ExportArchive()
        # The network that is served, and not the whole GAN, with its optimizers.
        archive.track(gan.generator)
        signature = [tf.TensorSpec((None, *gan.latents.shape), tf.float32, name="latents")]
        archive.add_endpoint("serve", lambda latents: gan.forward(latents), signature)
        archive.add_endpoint(
            "sample",
            lambda count, seed: gan.forward(gan.draw(count, seed_tensor(seed))),
            [tf.TensorSpec((), tf.int32, name="count"), tf.TensorSpec((), tf.int64, name="seed")],
        )
        archive.write_out(str(filepath), verbose=bool(verbose), **kwargs)
