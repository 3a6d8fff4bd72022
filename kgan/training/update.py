"""The update of a player: the only place where training changes variables, all of them or none.

A player's weights, its optimizer's slots, the state of its layers, the average of its weights and
all variables that adapt to the scores (adaptive augmentation, LeCam's averages, BEGAN's k) change
together. If a gradient, the loss or a new state is not finite, none of them changes, in every
precision.
"""

import math

import tensorflow as tf

from kgan import replicas
from kgan.training import guard
from kgan.training.execution import adam
from kgan.training.gradients import TurnResult


def after_updates(game):
    """Returns a context whose operations wait for the updates so far.

    Otherwise TensorFlow generates the samples of several turns at once, and keeps them all.
    """
    return tf.control_dependencies([tf.convert_to_tensor(p.count.value) for p in game.players])


def update(game, player, result: TurnResult) -> None:
    """Applies the gradients and the held-back changes of a player's turn."""
    result.changes = _kept_changes(game, player, result.changes)
    _join(result)
    changes = result.changes
    gradients = [g for g in result.gradients if g is not None]
    if game.log_gradient_norms and gradients:
        _log_norm(game, player, gradients)
    finite = guard.all_finite([*gradients, result.loss, *(value for _, value in changes)])
    if not game.skip_nonfinite:
        finite = None
    for variable, before in result.undo:
        if finite is not None:
            variable.assign(tf.where(finite, variable, before))
    if replicas.under_strategy():
        _apply_on_replicas(game, player, result, changes, finite)
    elif player.loss_scaling:
        _apply_loss_scaled(game, player, result, changes, finite)
    elif finite is None:
        _apply(game, player, result.gradients, changes)
    elif game.execution.in_xla and _can_skip(player, game.accelerate):
        _apply(game, player, result.gradients, changes, where=finite)
        guard.note(game, player, result, changes, finite)
    else:
        tf.cond(
            finite,
            lambda: _apply(game, player, result.gradients, changes),
            lambda: guard.note(game, player, result, changes),
        )


def _kept_changes(game, player, changes):
    """Returns the changes without those of layers of networks that other players train."""
    own = {id(v) for network in player.networks for v in network.variables}
    foreign = {id(v) for network in game.networks.values() for v in network.variables} - own
    return [pair for pair in changes if id(pair[0]) not in foreign]


def _apply(game, player, gradients, changes, where=None) -> None:
    """Applies gradients and changes and counts the update, if the scalar `where` is true.

    The condition is part of the arithmetic: under XLA a branch around an update copies all weights
    and slots.
    """
    if gradients:
        adam.apply(player.optimizer, gradients, player.variables, game.accelerate, where)
    for variable, value in changes:
        if where is not None:
            value = tf.where(where, value, tf.convert_to_tensor(variable.value))
        variable.assign(value)
    if game.average is not None and player.name == "generator":
        game.average.update(game.iterations, where)
    updates = 1 if where is None else tf.cast(where, player.count.dtype)
    player.count.assign_add(updates)


def _can_skip(player, accelerate) -> bool:
    """Returns whether an update can be skipped without a branch."""
    return not player.variables or adam.can_skip(player.optimizer, accelerate)


def _apply_loss_scaled(game, player, result, changes, finite) -> None:
    """Applies an update under loss scaling.

    The optimizer itself skips updates whose gradients are not finite, and adjusts its scale.
    """
    gradients, noted = result.gradients, finite is not None
    if finite is None:
        finite = guard.all_finite([g for g in gradients if g is not None])
    if gradients:
        # The optimizer must also skip if only a loss or a batch statistic is not finite.
        skippable = [
            None if g is None else tf.where(finite, g, tf.cast(math.nan, g.dtype))
            for g in gradients
        ]
        player.optimizer.apply(skippable, player.variables)
    tf.cond(
        finite,
        lambda: _apply(game, player, [], changes),
        lambda: guard.note(game, player, result, changes) if noted else None,
    )


def _join(result) -> None:
    """Replaces what each replica has computed on its samples by what holds for the whole batch.

    Gradients are summed, and the loss, the terms and the state of layers averaged. So clipping and
    the norms in the logs are those of one replica with the whole batch, and all replicas make the
    same update.
    """
    if replicas.count() == 1:
        return
    found = [place for place, g in enumerate(result.gradients) if g is not None]
    # A variable of which all replicas take the first one's value is the same on all.
    averaged = [
        place
        for place, (variable, value) in enumerate(result.changes)
        if variable.aggregation != "only_first_replica"
        and tf.convert_to_tensor(value).dtype.is_floating
    ]
    means = {"loss": result.loss, "values": result.values}
    means |= {"changes": [tf.convert_to_tensor(result.changes[place][1]) for place in averaged]}
    shares = tf.nest.map_structure(lambda value: value / replicas.count(), means)
    # One sum for all: on small networks its latency is most of the time.
    gradients, means = replicas.total(([result.gradients[place] for place in found], shares))
    for place, total in zip(found, gradients, strict=True):
        result.gradients[place] = total
    result.loss, result.values = means["loss"], means["values"]
    for place, value in zip(averaged, means["changes"], strict=True):
        result.changes[place] = (result.changes[place][0], value)


def _apply_on_replicas(game, player, result, changes, finite) -> None:
    """Applies an update under a `tf.distribute` strategy, in which all replicas have the same.

    Variables may not be updated within a condition there. An optimizer that cannot skip is applied
    in any case, and its variables and the weights are restored if the update is skipped.
    """
    gradients = result.gradients
    if finite is not None:
        guard.note(game, player, result, changes, finite)
    if player.loss_scaling and gradients:
        scaled_finite = finite
        if finite is None:
            scaled_finite = guard.all_finite([g for g in gradients if g is not None])
        gradients = [
            None if g is None else tf.where(scaled_finite, g, tf.cast(math.nan, g.dtype))
            for g in gradients
        ]
        player.optimizer.apply(gradients, player.variables)
        _apply(game, player, [], changes, where=scaled_finite)
    elif _can_skip(player, game.accelerate):
        _apply(game, player, gradients, changes, where=finite)
    else:
        held = [*player.variables, *player.optimizer.variables] if finite is not None else []
        before = [tf.identity(tf.convert_to_tensor(variable.value)) for variable in held]
        player.optimizer.apply(gradients, player.variables)
        for variable, value in zip(held, before, strict=True):
            variable.assign(tf.where(finite, variable.value, value))
        _apply(game, player, [], changes, where=finite)


def _log_norm(game, player, gradients) -> None:
    norm = tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in gradients])
    scale = player.optimizer.dynamic_scale if player.loss_scaling else 1.0
    # While loss scaling adjusts its scale, norms may be infinite and the update is skipped.
    finite = tf.math.is_finite(norm)
    name = f"{player.prefix}_gradient_norm"
    game.logs.track(name, tf.where(finite, norm / scale, 0.0), when=finite)
