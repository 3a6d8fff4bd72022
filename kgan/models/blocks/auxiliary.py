"""What families share whose discriminator says more of a sample than its score."""

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

    The discriminator's is over real and generated samples; the generator's over generated ones,
    on which alone it has a say.
    """

    def __call__(self, turn):
        entropy = cross_entropy(turn.fake_heads, turn.condition)
        if self.player == "discriminator":
            entropy += cross_entropy(turn.real_heads, turn.condition)
        return entropy


def cross_entropy(logits, labels):
    """-E log P(C = c | x), from logits `(batch, classes)` and labels `(batch,)`."""
    return ops.mean(ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))


@keras.saving.register_keras_serializable("kgan")
class Information(Term):
    """-λ L_I: the lower bound of the mutual information of codes and samples (equation 5).

    L_I = E log Q(c | G(z, c)) + H(c), for the categorical codes and the continuous ones together;
    each kind has a λ of its own. It is logged with its sign and λ, as it is added to the loss.

    Args:
        categorical, continuous: λ of either kind.
        name, player: as in `kgan.Term`.
    """

    def __init__(self, categorical=1.0, continuous=0.1, **kwargs):
        super().__init__(**{"weight": 1.0} | kwargs)
        self.categorical, self.continuous = categorical, continuous

    def __call__(self, turn):
        gan = turn.gan
        # The generator's turn trains the head, and alone moves its batch-norm averages.
        said = gan.head(turn.fake_heads, training=True)
        categorical, continuous = information(gan.latents, said, turn.latents)
        return -self.categorical * categorical - self.continuous * continuous

    def get_config(self):
        own = {"categorical": self.categorical, "continuous": self.continuous}
        return {**super().get_config(), **own}


def information(codes: Codes, said, latents):
    """L_I of the categorical and of the continuous codes, in nats: two scalars.

    Q is a factored Gaussian of deviation 1 for the continuous codes, whose own density is 1/2.

    Args:
        codes: what latents the model has.
        said: the head's output, `(batch, n)`.
        latents: what the generator was fed.
    """
    _, one_hot, numbers = codes.split(latents)
    logits, means = split(codes, said)
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


def split(codes: Codes, said):
    """(logits of each categorical code, means of the continuous ones), of what the head says."""
    edges = np.cumsum([0, *codes.categorical, codes.continuous])
    *logits, means = (said[:, a:b] for a, b in itertools.pairwise(edges))
    return logits, means


def read(gan, images, said, batch_size: int = 256):
    """What the further heads of a GAN's discriminator say of images, in inference mode.

    Args:
        gan: the model.
        images: `(n, *sample_shape)`, in the data's range.
        said: from what `gan.judge` returns beside the scores to a tensor, or a structure of such.
        batch_size: images looked at in one go.

    Returns:
        NumPy arrays `(n, ...)` in the structure that `said` makes.

    Raises:
        InputError: for images of another shape, or none.
    """
    return in_batches(gan, images, lambda batch: said(gan.judge(batch)[1]), batch_size)


def in_batches(gan, images, function, batch_size: int = 256):
    """What a function makes of images, some at a time.

    Args:
        gan: the model.
        images: `(n, *sample_shape)`, in the data's range.
        function: from a float32 tensor of images to a tensor, or a structure of such.
        batch_size: images in one go.

    Returns:
        NumPy arrays `(n, ...)` in the structure that the function makes.

    Raises:
        InputError: for images of another shape, or none.
    """
    arguments.integer("batch_size", batch_size)
    images = np.asarray(images)
    if not len(images) or not checks.same_shape(images.shape[1:], gan.sample_shape):
        raise InputError(
            f"The images have shape {images.shape}; expected (n, "
            f"{', '.join(map(str, gan.sample_shape))}), with n of 1 or more."
        )
    parts = [
        function(tf.constant(images[start : start + batch_size], tf.float32))
        for start in range(0, len(images), batch_size)
    ]
    return tf.nest.map_structure(lambda *part: np.concatenate(part), *parts)
