"""The one place where a turn changes anything, and it changes all of it or nothing.

A player's weights, its optimizer's slots, the state of its own layers, its average and whatever
learned from the turn (adaptive augmentation, LeCam's averages, BEGAN's k) move together. Where a
gradient, the loss or a new state is not finite, none of them moves, in every precision.
"""

import math

import tensorflow as tf

from kgan import replicas
from kgan.training.execution import adam
from kgan.training.gradients import Found


def update(game, player, found: Found) -> None:
    """Carries out a turn: the gradients it found and the changes that it holds back."""
    changes = _own(game, player, found.changes)
    gradients = [g for g in found.gradients if g is not None]
    if game.log_gradient_norms and gradients:
        _log_norm(game, player, gradients)
    finite = _all_finite([*gradients, found.loss, *(value for _, value in changes)])
    if not game.skip_nonfinite:
        finite = None
    for variable, before in found.undo:
        if finite is not None:
            variable.assign(tf.where(finite, variable, before))
    if replicas.count() > 1:
        _on_replicas(game, player, found.gradients, changes, finite)
    elif player.loss_scaling:
        _loss_scaled(game, player, found.gradients, changes, finite)
    elif finite is None:
        _move(game, player, found.gradients, changes)
    elif game.execution.in_xla and _stands_still(player, game.accelerate):
        _move(game, player, found.gradients, changes, where=finite)
    else:
        tf.cond(finite, lambda: _move(game, player, found.gradients, changes), lambda: None)


def _own(game, player, changes):
    """What a turn may keep: nothing of the layers of networks that others train."""
    own = {id(v) for network in player.networks for v in network.variables}
    foreign = {id(v) for network in game.networks.values() for v in network.variables} - own
    return [pair for pair in changes if id(pair[0]) not in foreign]


def _all_finite(tensors):
    """Whether all numbers of all floating-point tensors are finite, a scalar."""
    # One NaN or Inf among them, and the sum is none that is finite: the cheapest look at all.
    sums = [
        tf.reduce_sum(tf.cast(tensor, tf.float32))
        for tensor in map(tf.convert_to_tensor, tensors)
        if tensor.dtype.is_floating
    ]
    return tf.math.is_finite(tf.add_n(sums))


def _move(game, player, gradients, changes, where=None) -> None:
    """Moves all of a turn, where a condition holds; by numbers in place of a branch around it.

    Under XLA a branch around an update copies all weights and slots.
    """
    if gradients:
        adam.apply(player.optimizer, gradients, player.variables, game.accelerate, where)
    for variable, value in changes:
        if where is not None:
            value = tf.where(where, value, tf.convert_to_tensor(variable.value))
        variable.assign(value)
    if game.average is not None and player.name == "generator":
        game.average.update(game.iterations, where)
    moved = 1 if where is None else tf.cast(where, player.count.dtype)
    player.count.assign_add(moved)


def _stands_still(player, accelerate) -> bool:
    """Whether an update can be left out by numbers alone."""
    return not player.variables or adam.can_stand_still(player.optimizer, accelerate)


def _loss_scaled(game, player, gradients, changes, finite) -> None:
    """Under loss scaling the optimizer itself leaves updates out, and looks for another scale."""
    if finite is None:
        finite = _all_finite([g for g in gradients if g is not None])
    if gradients:
        # Gradients may be fine where a loss or a batch statistic is not.
        spoilt = [
            None if g is None else tf.where(finite, g, tf.cast(math.nan, g.dtype))
            for g in gradients
        ]
        player.optimizer.apply(spoilt, player.variables)
    tf.cond(finite, lambda: _move(game, player, [], changes), lambda: None)


def _on_replicas(game, player, gradients, changes, finite) -> None:
    """On several replicas the optimizer adds up gradients, which no branch may hold."""
    if gradients:
        player.optimizer.apply(gradients, player.variables)
    where = None if finite is None else replicas.all_true(finite)
    _move(game, player, [], changes, where)


def _log_norm(game, player, gradients) -> None:
    norm = tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in gradients])
    scale = player.optimizer.dynamic_scale if player.loss_scaling else 1.0
    # While loss scaling looks for its scale, norms are infinite and the update is left out.
    finite = tf.math.is_finite(norm)
    name = f"{player.prefix}_gradient_norm"
    game.logs.track(name, tf.where(finite, norm / scale, 0.0), when=finite)
