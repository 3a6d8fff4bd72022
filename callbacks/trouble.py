"""What tells that a training is in trouble: how long, and where a loss can still go."""

import numpy as np
import tensorflow as tf


class Trouble:
    """How long something has been wrong, and whether that was said."""

    def __init__(self):
        self._forget()

    def _forget(self):
        self._checks, self._since, self._said = 0, None, False

    def to_say(self, message, step, least_checks, least_steps) -> bool:
        """Whether to speak up, told at each check what is wrong, if anything."""
        if not message:
            self._forget()
            return False
        self._checks += 1
        self._since = step if self._since is None else self._since
        lasting = self._checks >= least_checks and step - self._since >= least_steps
        to_say, self._said = lasting and not self._said, self._said or lasting
        return to_say


def levels(loss):
    """(least loss of a discriminator, that of an undecided one, the score it gives to all).

    None where there is no least loss.
    """
    if not hasattr(loss, "discriminator"):
        return None

    def value(real, fake):
        scores = (tf.fill((1, 1), tf.cast(score, tf.float32)) for score in (real, fake))
        return float(loss.discriminator(*scores))

    equal = sorted(np.linspace(-1.0, 1.0, 41), key=abs)
    score = min(equal, key=lambda score: value(score, score))
    # Downhill in steps that halve; losses are convex in the scores.
    place, step = (score, score), 16.0
    while step > 0.01:
        moves = [(a * step, b * step) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        around = [tuple(np.clip(np.add(place, move), -50.0, 50.0)) for move in moves]
        best = min(around, key=lambda scores: value(*scores))
        if value(*best) < value(*place) - 1e-6:
            place = best
        else:
            step /= 2
    least, undecided = value(*place), value(score, score)
    # One that goes on falling has no least value.
    endless = max(np.abs(place)) > 40 and value(*np.divide(place, 2)) > least + 0.01
    return None if endless or not undecided > least else (least, undecided, score)


def slope(loss, fake, real):
    """|d generator's loss / d score| at a score of generated samples."""
    fake, real = tf.fill((1, 1), float(fake)), tf.fill((1, 1), float(real))
    with tf.GradientTape() as tape:
        tape.watch(fake)
        value = loss.generator(fake, real)
    gradient = tape.gradient(value, fake, unconnected_gradients="zero")
    return abs(float(gradient[0, 0]))
