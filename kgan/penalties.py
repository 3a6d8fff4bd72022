"""Gradient penalties: terms that keep the discriminator smooth.

Each penalises the gradient of the scores with respect to the samples. The squared norm is
summed over all axes of a sample and averaged over the batch.
"""

import keras
import tensorflow as tf
from keras import ops

from kgan.errors import InputError, unknown
from kgan.terms import Term, Turn
from kgan.terms import get as get_term


def squared_gradient_norm(turn: Turn, samples) -> tf.Tensor:
    """‖∇D(x)‖² of each sample, shape `(batch,)`, at least float32; differentiable once more."""
    samples = tf.convert_to_tensor(samples)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(samples)
        # A sample's scores do not depend on its neighbours' (save through batch statistics),
        # so the gradient of the sum holds every sample's own.
        total = ops.sum(turn.score(samples))
    gradients = tape.gradient(total, samples)
    # Squares overflow in float16; float64 stays what it is.
    gradients = ops.cast(gradients, keras.backend.result_type(gradients.dtype, "float32"))
    return ops.sum(ops.square(gradients), axis=tuple(range(1, len(gradients.shape))))


def _strength(name, value):
    if isinstance(value, (int, float)) and value < 0:
        raise InputError(f"{name} must not be negative; got {value}: it would reward steep scores.")
    return value


@keras.saving.register_keras_serializable("kgan")
class R1(Term):
    """R1, γ/2 E‖∇D(x)‖² on real samples (Mescheder et al. 2018, equation 9).

    Args:
        gamma: γ, a number or a schedule of the training step.
        every: 16 is the lazy R1 of Karras et al. 2020, section 3.1; see `kgan.Term`.
    """

    def __init__(self, gamma=10.0, every: int = 1, name: str | None = None, **kwargs):
        super().__init__(weight=_strength("gamma", gamma), every=every, name=name, **kwargs)

    def samples(self, turn):
        return turn.real

    def __call__(self, turn):
        return 0.5 * ops.mean(squared_gradient_norm(turn, self.samples(turn)))

    def get_config(self):
        config = super().get_config()
        return {"gamma": config.pop("weight"), **config}


@keras.saving.register_keras_serializable("kgan")
class R2(R1):
    """R2, γ/2 E‖∇D(x̂)‖² on generated samples (Mescheder et al. 2018, equation 10).

    Args:
        gamma: γ, a number or a schedule of the training step.
        every: see `kgan.Term`.
    """

    def samples(self, turn):
        return turn.fake


@keras.saving.register_keras_serializable("kgan")
class GradientPenalty(Term):
    """The gradient penalty of WGAN-GP (Gulrajani et al. 2017, equation 3).

    λ E(‖∇D(x̃)‖ - 1)², where x̃ lies at a uniform random place on the line between a real and a
    generated sample. It asks for a slope of 1 along those lines. Do not use it with batch
    normalization in the critic (section 4 there): then a score depends on the whole batch.

    Args:
        weight: λ, 10 in the paper; a number or a schedule.
        every: see `kgan.Term`.
    """

    def __init__(self, weight=10.0, every: int = 1, name: str | None = None, **kwargs):
        super().__init__(weight=_strength("weight", weight), every=every, name=name, **kwargs)

    def __call__(self, turn):
        batch = tf.shape(turn.real)[0]
        shape = tf.concat([[batch], tf.ones([len(turn.real.shape) - 1], tf.int32)], 0)
        mix = tf.random.stateless_uniform(shape, turn.gan.next_seed())
        mix = tf.cast(mix, turn.real.dtype)
        between = turn.real + mix * (ops.cast(turn.fake, turn.real.dtype) - turn.real)
        # The square root's slope is infinite at 0, where a dead critic starts.
        norm = ops.sqrt(squared_gradient_norm(turn, between) + 1e-12)
        return ops.mean(ops.square(norm - 1.0))


BUILT_IN = {"r1": R1, "r2": R2, "gradient_penalty": GradientPenalty}


def get(penalty: "str | dict | Term") -> Term:
    """The penalty with that name at its paper's strength, or the object itself."""
    if isinstance(penalty, str):
        if penalty not in BUILT_IN:
            raise unknown("penalty", penalty, BUILT_IN)
        return BUILT_IN[penalty]()
    return get_term(penalty)
