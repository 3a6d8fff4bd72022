"""Terms and helpers of families whose discriminator has further heads beside its score."""

import itertools
import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kgan import arguments, checks
from kgan.errors import InputError
from kgan.latents import Codes
from kgan.terms import Term


@keras.saving.register_keras_serializable("kgan")
class Classification(Term):
    """-L_C, the cross-entropy of the class head (Odena et al. 2017, section 3, equation 3).

    The discriminator's is over real and generated samples, the generator's over generated samples
    only, since real ones do not depend on it.
    """

    def __call__(self, turn):
        entropy = cross_entropy(turn.fake_heads, turn.condition)
        if self.player == "discriminator":
            entropy += cross_entropy(turn.real_heads, turn.condition)
        return entropy


def cross_entropy(logits, labels):
    """Returns -E log P(C = c | x), from logits `(batch, classes)` and labels `(batch,)`."""
    return ops.mean(ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))


@keras.saving.register_keras_serializable("kgan")
class Information(Term):
    """-λ L_I, a lower bound of the mutual information of codes and samples (Chen et al. 2016).

    L_I = E log Q(c | G(z, c)) + H(c) (equation 5), over categorical and continuous codes; each
    kind has its own λ. It is logged as it is added to the loss, with its sign and λ.

    Args:
        categorical, continuous: λ of each kind of code.
        name, player: as in `kgan.Term`.
    """

    def __init__(self, categorical=1.0, continuous=0.1, **kwargs):
        super().__init__(**{"weight": 1.0} | kwargs)
        self.categorical, self.continuous = categorical, continuous

    def __call__(self, turn):
        gan = turn.gan
        # The head is trained, and its batch-norm averages change, in the generator's update only.
        outputs = gan.head(turn.fake_heads, training=True)
        categorical, continuous = information(gan.latents, outputs, turn.latents)
        return -self.categorical * categorical - self.continuous * continuous

    def get_config(self):
        own = {"categorical": self.categorical, "continuous": self.continuous}
        return {**super().get_config(), **own}


def information(codes: Codes, outputs, latents):
    """Returns L_I of the categorical and of the continuous codes, in nats: two scalars.

    For the continuous codes Q is a factored Gaussian of standard deviation 1; the density of
    such a code, uniform in [-1, 1), is 1/2.

    Args:
        codes: the model's latents.
        outputs: the head's outputs, `(batch, n)`.
        latents: the generator's latents, `(batch, n)`.
    """
    _, one_hot, numbers = codes.split(latents)
    logits, means = split(codes, outputs)
    categorical = sum(
        (
            math.log(k) - ops.mean(ops.categorical_crossentropy(chosen, given, from_logits=True))
            for k, chosen, given in zip(codes.categorical, one_hot, logits, strict=True)
        ),
        ops.zeros(()),
    )
    densities = -ops.square(numbers - means) / 2 - math.log(2 * math.pi) / 2
    continuous = ops.mean(ops.sum(densities + math.log(2), axis=1))
    return categorical, continuous


def split(codes: Codes, outputs):
    """Splits a head's outputs into (logits of each categorical code, means of continuous ones)."""
    edges = np.cumsum([0, *codes.categorical, codes.continuous])
    *logits, means = (outputs[:, a:b] for a, b in itertools.pairwise(edges))
    return logits, means


def read(gan, images, function, batch_size: int = 256):
    """Applies a function to the outputs of a discriminator's further heads, in inference mode.

    Args:
        gan: the model.
        images: `(n, *sample_shape)`, in the data's range.
        function: takes what `gan.judge` returns beside the scores, and returns a tensor or a
            structure of tensors.
        batch_size: number of images in a batch.

    Returns:
        NumPy arrays `(n, ...)` in the structure that `function` returns.

    Raises:
        InputError: for images of another shape, or no images.
    """
    return in_batches(gan, images, lambda batch: function(gan.judge(batch)[1]), batch_size)


def in_batches(gan, images, function, batch_size: int = 256):
    """Applies a function to images, batch by batch.

    Args:
        gan: the model.
        images: `(n, *sample_shape)`, in the data's range.
        function: takes a float32 tensor of images, and returns a tensor or a structure of
            tensors.
        batch_size: number of images in a batch.

    Returns:
        NumPy arrays `(n, ...)` in the structure that `function` returns.

    Raises:
        InputError: for images of another shape, or no images.
    """
    arguments.integer("batch_size", batch_size)
    images = arguments.array("images", images)
    if not images.size or not checks.same_shape(images.shape[1:], gan.sample_shape):
        raise InputError(
            f"The images have shape {images.shape}; expected (n, "
            f"{', '.join(map(str, gan.sample_shape))}), with n of 1 or more."
        )
    parts = [
        function(tf.constant(images[start : start + batch_size], tf.float32))
        for start in range(0, len(images), batch_size)
    ]
    return tf.nest.map_structure(lambda *part: np.concatenate(part), *parts)
