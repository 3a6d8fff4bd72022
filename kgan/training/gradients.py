"""The gradients of one player on one batch; computing them changes no variable."""

from dataclasses import dataclass, fields
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import replicas
from kgan.augment import Augmentation
from kgan.errors import InputError
from kgan.terms import Turn
from kgan.training import state
from kgan.training.execution import joined


@dataclass
class TurnResult:
    """The gradients of a player and the changes that `update` has to apply.

    Attributes:
        gradients: one for each variable of the player; None if the loss does not depend on it.
        loss: the player's loss without the terms, a scalar.
        turn: the `Turn`.
        changes: pairs (variable, new value) of layer state and of variables of terms and latents.
        undo: pairs (variable, old value) of plain `tf.Variable` objects, which are written
            immediately and must be restored if the update is skipped.
        values: the weighted value of each term, by name.
    """

    gradients: list
    loss: Any
    turn: Turn
    changes: list
    undo: list
    values: dict


def gradients(game, player, real, condition, generated=None, earlier=None) -> TurnResult:
    """Computes the gradients of a player's loss and of the terms that are due, on one batch.

    With `accumulation_steps` = k the batch is processed in k slices, one after the other, and the
    gradients are those of the whole batch (batch statistics apart).

    Args:
        game: the model.
        player: the `Player`.
        real, condition: the batch; see `kgan.GAN.unpack`.
        generated, earlier: see `Player.plays`.
    """
    slices = game.accumulation_steps
    undo = [(v, tf.identity(v)) for v in state.plain_variables(game)]
    total, losses, turns, values = None, [], [], {}
    with state.held_back(game) as changes:
        for place in range(slices):
            slice_real, slice_condition = part_of((real, condition), place, slices)
            # Otherwise TensorFlow runs the slices in parallel, which saves no memory.
            earlier_slices = tf.control_dependencies([g for g in total or [] if g is not None])
            mine = replicas.samples(tf.shape(tf.nest.flatten(slice_real)[0])[0])
            with earlier_slices, mine:
                found, loss, turn = _slice_gradients(
                    game, player, slice_real, slice_condition, generated, earlier or {}, values
                )
            total = _add(total, [None if g is None else g / slices for g in found])
            losses.append(loss)
            turns.append(turn)
        loss, turn = tf.add_n(losses) / slices, _joined(turns)
        game.observe(player, loss, turn)
        if player.name == "discriminator" and isinstance(game.augment, Augmentation):
            for name, figure in game.augment.observe(turn.real_scores).items():
                game.logs.track(name, figure)
    rest = state.advance_seeds(game, changes)
    if generated is not None and player.name == "generator":
        written = {id(variable) for variable, _ in rest}
        rest += [pair for pair in generated.changes if id(pair[0]) not in written]
    return TurnResult(total, loss, turn, rest, undo, values)


def part_of(batch, place, parts: int):
    """Returns part `place` of `parts` equal parts of each tensor of a batch; None stays None.

    `place` is an integer or a scalar int32 tensor.
    """
    if parts == 1:
        return batch

    def cut(tensor):
        size = tf.shape(tensor)[0] // parts if tensor.shape[0] is None else tensor.shape[0] // parts
        if not tf.is_tensor(place):
            return tensor[place * size : (place + 1) * size]
        # The form of which XLA and the layers know the size.
        rest = [-1 if side is None else side for side in tensor.shape[1:]]
        return tf.slice(tensor, [place * size, *(0 for _ in rest)], [size, *rest])

    return tf.nest.map_structure(lambda tensor: None if tensor is None else cut(tensor), batch)


def _joined(turns: list[Turn]) -> Turn:
    """Joins the turns on the slices of a batch to one on the whole batch."""
    if len(turns) == 1:
        return turns[0]
    names = [f.name for f in fields(Turn) if f.name not in ("gan", "slopes", "earlier")]
    parts = [{name: getattr(turn, name) for name in names} for turn in turns]
    # TensorFlow prunes unused parts from the graph.
    whole = tf.nest.map_structure(
        lambda *part: None if part[0] is None else tf.concat(part, 0), *parts
    )
    return Turn(turns[0].gan, **whole, earlier=turns[0].earlier)


def _add(left, right):
    if left is None:
        return right
    return [a if b is None else b if a is None else a + b for a, b in zip(left, right, strict=True)]


def _slice_gradients(game, player, real, condition, generated, earlier, term_values):
    """Returns (gradients, loss, turn) on one slice of a batch; adds to the values of its terms."""
    terms = [term for term in game.terms if term.player == player.name]
    # Under `tf.distribute` the update sums the gradients over the replicas.
    share = 1.0 / replicas.count()

    def scaled(objective):
        return player.optimizer.scale_loss(objective * share)

    shares_samples = generated is not None and player.name == "generator"
    with tf.GradientTape() as tape:
        if shares_samples:
            tape.watch(generated.outputs)
        loss, turn = player.plays(real, condition, generated, earlier)
        _must_be_scalar(loss, f"The {player.name}'s loss")
        objective = loss
        for term in terms:
            if term.every == 1:
                value = _weighted(game, term, turn)
                game.logs.track(term.name, value)
                _add_value(term_values, term, value)
                objective += ops.cast(value, objective.dtype)
        objective = scaled(objective)
    if not player.variables:
        # All layers of the player are frozen.
        return [], loss, turn
    if shares_samples:
        upstream, direct = tape.gradient(objective, (generated.outputs, player.variables))
        through_samples = generated.tape.gradient(
            generated.outputs, player.variables, output_gradients=upstream
        )
        found = _add(_dense(direct), _dense(through_samples))
    else:
        found = _dense(tape.gradient(objective, player.variables))
    if all(gradient is None for gradient in found):
        raise InputError(
            f"No gradient reaches the {player.name}: its loss does not depend on its weights. "
            "Look for an operation without a gradient (rounding, casting to integers, NumPy)."
        )
    for every in sorted({term.every for term in terms if term.every > 1}):
        lazy = [term for term in terms if term.every == every]
        added, values = _lazy_gradients(game, player, lazy, real, condition, earlier, scaled)
        found = _add(found, added)
        for term, value in zip(lazy, values, strict=True):
            _add_value(term_values, term, value)
    return found, loss, turn


def _add_value(values, term, value):
    value = tf.cast(value, tf.float32)
    values[term.name] = values[term.name] + value if term.name in values else value


def _dense(found):
    # Embeddings have sparse gradients, which cannot be added or returned from a condition.
    return [None if g is None else tf.convert_to_tensor(g) for g in found]


def _must_be_scalar(value, what):
    # The gradient of a vector is that of its sum, while its log would show the mean.
    if value is None or len(value.shape) > 0:
        given = None if value is None else f"shape {tuple(value.shape)}"
        raise InputError(f"{what} must be a scalar, such as a mean over the batch; got {given}.")


def _weighted(game, term, turn):
    """Returns the value of a term times its weight, a scalar."""
    value = term(turn)
    value = value if value is None else ops.convert_to_tensor(value)
    _must_be_scalar(value, f"The term {term.name!r}")
    value = ops.cast(value, keras.backend.result_type(value.dtype, "float32"))
    return ops.cast(term.weight_at(game.iterations), value.dtype) * value


def _lazy_gradients(game, player, terms, real, condition, earlier, scaled):
    """Returns (k times the gradients of terms with `every` = k at each k-th update, else zeros;
    the values of the terms)."""
    every = terms[0].every
    due = tf.equal(player.count % every, 0)
    written = []

    def compute():
        with state.held_back(game) as changes:
            with tf.GradientTape() as tape:
                # The forward pass is repeated under this tape, so that the whole turn can be
                # differentiated; TensorFlow prunes what the terms do not use.
                with state.dropped(game):
                    _, turn = player.plays(real, condition, None, earlier)
                values = [ops.cast(_weighted(game, term, turn), "float32") for term in terms]
                objective = scaled(every * tf.add_n(values))
            found = _dense(tape.gradient(objective, player.variables))
        pairs = zip(found, zeros(), strict=True)
        written[:] = [variable for variable, _ in changes.pairs]
        kept = [tf.convert_to_tensor(value) for _, value in changes.pairs]
        return values, [zero if gradient is None else gradient for gradient, zero in pairs], kept

    def zeros():
        return [tf.zeros(variable.shape, variable.dtype) for variable in player.variables]

    def nothing():
        # `tf.cond` traces this after `compute`, so that `written` is filled.
        kept = [tf.convert_to_tensor(variable.value) for variable in written]
        return [tf.zeros([]) for _ in terms], zeros(), kept

    if replicas.count() > 1 and (joined.joins(game) or any(t.joins_replicas for t in terms)):
        # A condition cannot contain sums over the replicas.
        computed = compute()
        values, found, kept = tf.nest.map_structure(
            lambda now, otherwise: tf.where(due, now, otherwise), computed, nothing()
        )
    else:
        values, found, kept = tf.cond(due, compute, nothing)
    for variable, value in zip(written, kept, strict=True):
        variable.assign(value)
    for term, value in zip(terms, values, strict=True):
        game.logs.track(term.name, value, when=due)
    return found, values
