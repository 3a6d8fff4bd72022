"""What the discriminator says of real and of generated samples, in training mode."""

import functools

import tensorflow as tf
from keras import ops


def judge_both(game, real, fake, condition):
    """Judges both kinds of samples, in one batch where the game asks for that.

    Returns:
        - (scores, heads) of the real samples, as `game.judge` returns them;
        - the same of the generated ones;
        - the function `slopes` of `kgan.terms.Turn`;
        - the discriminator's regularizers, over all its passes: a scalar.
    """
    if not game.joint_batch:
        of_real, real_slopes = _recorded(game, real, condition)
        active = game.activity_losses("discriminator")
        of_fake, fake_slopes = _recorded(game, fake, condition)
        slopes = {"real": real_slopes, "fake": fake_slopes}
        own = active + game.own_losses("discriminator")
        return of_real, of_fake, lambda kind: slopes[kind](), own
    both = tf.nest.map_structure(
        lambda f, r: ops.concatenate([f, ops.cast(r, f.dtype)]), fake, real
    )
    told_twice = tf.nest.map_structure(
        lambda c: None if c is None else ops.concatenate([c, c]), condition
    )
    judged, joint_slopes = _recorded(game, both, told_twice)
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


def _recorded(game, samples, condition):
    """What `judge` says, and a function that gives the slope of those scores."""
    samples = tf.nest.map_structure(tf.convert_to_tensor, samples)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([part for part in tf.nest.flatten(samples) if part.dtype.is_floating])
        judged = game.judge(samples, condition, training=True)
        # Scores of a sample do not depend on its neighbours (save through batch statistics), so
        # the gradient of the sum holds every sample's own.
        total = sum(ops.sum(scores) for scores in tf.nest.flatten(judged[0]))

    @functools.cache
    def slopes():
        return tape.gradient(total, samples)

    return judged, slopes
