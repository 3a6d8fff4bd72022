"""What was not finite in an update that was left out: the step, the player and the term.

`note` records the first such update of each player within the traced step, where nothing can be
raised or printed; `take` reads it after the execution.
"""

import warnings
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Fault:
    """An update that was left out because a number was not finite.

    Attributes:
        step: the training step, counted from 1 over the life of the model.
        player: the name of the player.
        what: what was not finite, in words: "its loss", "the term 'r1'", "its gradients".
    """

    step: int
    player: str
    what: str

    def __str__(self) -> str:
        return (
            f"The update of the {self.player} in step {self.step} was left out: {self.what} held "
            "NaN or infinity."
        )


def sources(game, player) -> list[str]:
    """Returns what may be not finite in a player's update, in the order of the search."""
    terms = [f"the term {term.name!r}" for term in game.terms if term.player == player.name]
    return ["its loss", *terms, "its gradients", "the state of its layers"]


def note(game, player, result, changes, finite=None) -> None:
    """Records what was not finite in an update, unless an earlier fault is still recorded.

    Args:
        game: the model.
        player: the `Player`.
        result: its `TurnResult`.
        changes: pairs (variable, new value) of its layers' state.
        finite: a scalar; if it is true, nothing is recorded. None means false.
    """
    terms = [term.name for term in game.terms if term.player == player.name]
    parts = [
        [result.loss],
        *([result.values[name]] if name in result.values else [] for name in terms),
        [gradient for gradient in result.gradients if gradient is not None],
        [value for _, value in changes],
    ]
    bad = tf.stack([tf.cast(~all_finite(part), tf.int32) for part in parts])
    found = tf.stack([tf.cast(game.iterations.value, tf.int64) + 1, tf.argmax(bad)])
    known = tf.convert_to_tensor(player.fault.value)
    keep = known[0] > 0
    if finite is not None:
        keep |= finite
    player.fault.assign(tf.where(keep, known, found))


def all_finite(tensors):
    """Returns whether all floating-point numbers are finite, a scalar."""
    # A sum with a NaN or Inf is not finite: this is the cheapest test of all numbers.
    sums = [
        tf.reduce_sum(tf.cast(tensor, tf.float32))
        for tensor in map(tf.convert_to_tensor, tensors)
        if tensor.dtype.is_floating
    ]
    return tf.math.is_finite(tf.add_n(sums)) if sums else tf.constant(True)


def take(game) -> list[Fault]:
    """Returns the first fault of each player since the last call, in the order of steps.

    A player whose loss scaling searches for its scale is not at fault.
    """
    found = []
    for player in game.players:
        step, place = (int(number) for number in player.fault.numpy())
        if not step:
            continue
        player.fault.assign([0, 0])
        if not (player.loss_scaling and float(player.optimizer.dynamic_scale.numpy()) > 1):
            found.append(Fault(step, player.name, sources(game, player)[place]))
    return sorted(found, key=lambda fault: fault.step)


def stop(game, fault: Fault) -> None:
    """Ends the running `fit` after this execution, and warns why."""
    game.stop_training = True
    warnings.warn(
        f"{fault} Training stops here, with the weights of the updates before it.", stacklevel=3
    )
