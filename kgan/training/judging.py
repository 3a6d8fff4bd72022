"""The discriminator's scores of real and of generated samples, in training mode."""

import functools

import tensorflow as tf
from keras import ops

from kgan import packs


def judge_both(game, real, fake, condition):
    """Scores real and generated samples, with `joint_batch` in one batch.

    Returns:
        - (scores, heads) of the real samples, as `game.judge` returns them;
        - (scores, heads) of the generated samples;
        - the function `slopes` of `kgan.terms.Turn`;
        - the discriminator's regularization losses over all its passes, a scalar.
    """
    if not game.joint_batch:
        of_real, real_slopes = _judge_recorded(game, real, condition)
        active = game.activity_losses("discriminator")
        of_fake, fake_slopes = _judge_recorded(game, fake, condition)
        slopes = {"real": real_slopes, "fake": fake_slopes}
        own = active + game.own_losses("discriminator")
        return of_real, of_fake, lambda kind: slopes[kind](), own
    both = tf.nest.map_structure(
        lambda f, r: ops.concatenate([f, ops.cast(r, f.dtype)]), fake, real
    )
    both_conditions = tf.nest.map_structure(
        lambda c: None if c is None else ops.concatenate([c, c]), condition
    )
    judged, joint_slopes = _judge_recorded(game, both, both_conditions)
    count = tf.shape(tf.nest.flatten(fake)[0])[0]
    halves = {"real": slice(count, None), "fake": slice(None, count)}

    def half(kind, whole):
        return tf.nest.map_structure(
            lambda part: None if part is None else part[halves[kind]], whole
        )

    return (
        half("real", judged),
        half("fake", judged),
        lambda kind: half(kind, joint_slopes()),
        game.own_losses("discriminator"),
    )


def augmented(game, samples, condition):
    """Returns (samples, condition) as the discriminator sees them in training.

    With `compile(augment=...)` every sample is changed; the images of a sample and of its
    condition, as of a pair, change alike.
    """
    if game.augment is None:
        return samples, condition
    seed = game.joint_seed()
    packed = game.are_packs(samples)
    if packed:
        samples = packs.parted(samples)
    sizes = {_size(part) for part in tf.nest.flatten(samples)}

    def changed(part):
        return part if part is None or _size(part) not in sizes else game.augment(part, seed)

    samples, condition = tf.nest.map_structure(changed, (samples, condition))
    return (game.packs(samples) if packed else samples), condition


def _size(part) -> tuple:
    """Returns (height, width) of images, whose channels may differ, and else the whole shape."""
    shape = tuple(part.shape[1:])
    return shape[:2] if len(shape) == 3 else ("of one sample", *shape)


def _judge_recorded(game, samples, condition):
    """Returns (what `game.judge` returns, a function that returns the gradient of its scores)."""
    samples = tf.nest.map_structure(tf.convert_to_tensor, samples)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([part for part in tf.nest.flatten(samples) if part.dtype.is_floating])
        judged = game.judge(*game.augmented(samples, condition), training=True)
        # A sample's score does not depend on the other samples (batch statistics apart), so the
        # gradient of the sum holds the gradients of all samples.
        total = sum(ops.sum(scores) for scores in tf.nest.flatten(judged[0]))

    @functools.cache
    def slopes():
        return tape.gradient(total, samples)

    return judged, slopes
