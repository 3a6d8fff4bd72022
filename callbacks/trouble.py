"""Helpers of `CollapseMonitor`: how long a condition lasts, and the extremes of a loss."""

import numpy as np
import tensorflow as tf


class Trouble:
    """Counts how long a condition has lasted, and remembers whether a warning was given."""

    def __init__(self):
        self._reset()

    def _reset(self):
        self._checks, self._since, self._warned = 0, None, False

    @property
    def since(self) -> int | None:
        """The step of the check at which the condition was first met; None if it is not met."""
        return self._since

    def get_state(self) -> list:
        """Returns what has been counted and remembered."""
        return [self._checks, self._since, self._warned]

    def set_state(self, state: list) -> None:
        """Restores what `get_state` returned."""
        self._checks, self._since, self._warned = state

    def should_warn(self, message, step, least_checks, least_steps) -> bool:
        """Records a check; returns whether to warn now.

        Args:
            message: What is wrong; empty or None if nothing is.
            step: The training step of the check.
            least_checks: Number of consecutive checks that the condition must last.
            least_steps: Number of training steps that it must last.
        """
        if not message:
            self._reset()
            return False
        self._checks += 1
        self._since = step if self._since is None else self._since
        lasting = self._checks >= least_checks and step - self._since >= least_steps
        warn, self._warned = lasting and not self._warned, self._warned or lasting
        return warn


def levels(loss):
    """Returns the extremes of a discriminator's loss, found by a numerical search.

    Args:
        loss: A loss of `kgan.losses`.

    Returns:
        The least possible loss of the discriminator; the least loss of an undecided one, which
        gives the same score to all samples; and that score. None if there is no least loss.
    """
    if not hasattr(loss, "discriminator"):
        return None

    def value(real, fake):
        scores = (tf.fill((1, 1), tf.cast(score, tf.float32)) for score in (real, fake))
        return float(loss.discriminator(*scores))

    equal = sorted(np.linspace(-1.0, 1.0, 41), key=abs)
    score = min(equal, key=lambda score: value(score, score))
    # Descends by steps that halve, which is enough because losses are convex in the scores.
    place, step = (score, score), 16.0
    while step > 0.01:
        offsets = [(a * step, b * step) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        neighbours = [tuple(np.clip(np.add(place, offset), -50.0, 50.0)) for offset in offsets]
        best = min(neighbours, key=lambda scores: value(*scores))
        if value(*best) < value(*place) - 1e-6:
            place = best
        else:
            step /= 2
    least, undecided = value(*place), value(score, score)
    # A loss that still falls at the edge of the search has no least value.
    endless = max(np.abs(place)) > 40 and value(*np.divide(place, 2)) > least + 0.01
    return None if endless or not undecided > least else (least, undecided, score)


def slope(loss, fake, real):
    """Returns |d generator's loss / d fake score|, at a fake and a real score."""
    fake, real = tf.fill((1, 1), float(fake)), tf.fill((1, 1), float(real))
    with tf.GradientTape() as tape:
        tape.watch(fake)
        value = loss.generator(fake, real)
    gradient = tape.gradient(value, fake, unconnected_gradients="zero")
    return abs(float(gradient[0, 0]))
