"""One player's turn on one batch: its gradients, which change nothing."""

from dataclasses import dataclass, fields
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import replicas
from kgan.errors import InputError
from kgan.terms import Turn
from kgan.training import state


@dataclass
class Found:
    """What a turn came to, before anything is changed by it.

    Attributes:
        gradients: one a variable of the player; None where the loss does not depend on it.
        loss: the player's, without the terms: a scalar.
        turn: what was generated and said.
        changes: pairs of a variable and its new value: what layers, terms and latents would keep.
        undo: pairs of a plain `tf.Variable`, which was written at once, and its value before.
    """

    gradients: list
    loss: Any
    turn: Turn
    changes: list
    undo: list


def gradients(game, player, real, condition, generated=None, earlier=None) -> Found:
    """The gradients of a player's loss and of the terms that are due, on one batch.

    With `accumulation_steps` = k the batch is worked through in k slices, one after the other,
    and the gradients are those of the whole batch (batch statistics apart).

    Args:
        game: the model.
        player: whose turn it is.
        real, condition: of the batch; see `kgan.GAN.unpack`.
        generated, earlier: see `Player.plays`.
    """
    slices = game.accumulation_steps
    undo = [(v, tf.identity(v)) for v in state.plain_variables(game)]
    total, losses, turns = None, [], []
    with state.held_back(game) as changes:
        for place in range(slices):
            some, told = part_of((real, condition), place, slices)
            # Without an order TensorFlow would run the slices side by side, and save no memory.
            with tf.control_dependencies([g for g in total or [] if g is not None]):
                found, loss, turn = _of_slice(game, player, some, told, generated, earlier or {})
            total = _add(total, [None if g is None else g / slices for g in found])
            losses.append(loss)
            turns.append(turn)
        loss, turn = tf.add_n(losses) / slices, _joined(turns)
        game.observe(player, loss, turn)
    rest = state.seeds_moved(game, changes)
    if generated is not None and player.name == "generator":
        written = {id(variable) for variable, _ in rest}
        rest += [pair for pair in generated.changes if id(pair[0]) not in written]
    return Found(total, loss, turn, rest, undo)


def part_of(batch, place: int, parts: int):
    """One of so many equal parts of every tensor of a batch; None stays None."""
    if parts == 1:
        return batch

    def cut(tensor):
        size = tf.shape(tensor)[0] // parts if tensor.shape[0] is None else tensor.shape[0] // parts
        return tensor[place * size : (place + 1) * size]

    return tf.nest.map_structure(lambda tensor: None if tensor is None else cut(tensor), batch)


def _joined(turns: list[Turn]) -> Turn:
    """The turns on the slices of a batch as one on the whole."""
    if len(turns) == 1:
        return turns[0]
    names = [f.name for f in fields(Turn) if f.name not in ("gan", "slopes", "earlier")]
    parts = [{name: getattr(turn, name) for name in names} for turn in turns]
    # What nobody reads of this is pruned from the graph.
    whole = tf.nest.map_structure(
        lambda *part: None if part[0] is None else tf.concat(part, 0), *parts
    )
    return Turn(turns[0].gan, **whole, earlier=turns[0].earlier)


def _add(left, right):
    if left is None:
        return right
    return [a if b is None else b if a is None else a + b for a, b in zip(left, right, strict=True)]


def _of_slice(game, player, real, condition, generated, earlier):
    """(gradients, loss, turn) on one slice of a batch."""
    terms = [term for term in game.terms if term.player == player.name]
    # Under `tf.distribute` the optimizer sums over the replicas.
    share = 1.0 / replicas.count()

    def scaled(objective):
        return player.optimizer.scale_loss(objective * share)

    borrowed = generated is not None and player.name == "generator"
    with tf.GradientTape() as tape:
        if borrowed:
            tape.watch(generated.outputs)
        loss, turn = player.plays(real, condition, generated, earlier)
        _must_be_scalar(loss, f"The {player.name}'s loss")
        objective = loss
        for term in terms:
            if term.every == 1:
                value = _value(game, term, turn)
                game.logs.track(term.name, value)
                objective += ops.cast(value, objective.dtype)
        objective = scaled(objective)
    if not player.variables:
        # The player is frozen, and looks on.
        return [], loss, turn
    if borrowed:
        onward, own = tape.gradient(objective, (generated.outputs, player.variables))
        through = generated.tape.gradient(
            generated.outputs, player.variables, output_gradients=onward
        )
        found = _add(_dense(own), _dense(through))
    else:
        found = _dense(tape.gradient(objective, player.variables))
    if all(gradient is None for gradient in found):
        raise InputError(
            f"No gradient reaches the {player.name}: its loss does not depend on its weights. "
            "Look for an operation without a gradient (rounding, casting to integers, NumPy)."
        )
    for every in sorted({term.every for term in terms if term.every > 1}):
        lazy = [term for term in terms if term.every == every]
        found = _add(found, _of_lazy(game, player, lazy, real, condition, earlier, scaled))
    return found, loss, turn


def _dense(found):
    # Embeddings have sparse gradients, which neither add nor go through a condition.
    return [None if g is None else tf.convert_to_tensor(g) for g in found]


def _must_be_scalar(value, what):
    # A vector would be summed where its log shows the mean.
    if value is None or len(value.shape) > 0:
        given = None if value is None else f"shape {tuple(value.shape)}"
        raise InputError(f"{what} must be a scalar, such as a mean over the batch; got {given}.")


def _value(game, term, turn):
    value = term(turn)
    value = value if value is None else ops.convert_to_tensor(value)
    _must_be_scalar(value, f"The term {term.name!r}")
    value = ops.cast(value, keras.backend.result_type(value.dtype, "float32"))
    return ops.cast(term.weight_at(game.iterations), value.dtype) * value


def _of_lazy(game, player, terms, real, condition, earlier, scaled):
    """Gradients of terms that are due every k-th update, k times as strong; else zeros."""
    every = terms[0].every
    due = tf.equal(player.count % every, 0)
    written = []

    def compute():
        with state.held_back(game) as changes:
            with tf.GradientTape() as tape:
                # Played anew under this tape, so that everything in the turn is differentiable;
                # what the terms do not use is pruned from the graph.
                with state.dropped(game):
                    _, turn = player.plays(real, condition, None, earlier)
                values = [ops.cast(_value(game, term, turn), "float32") for term in terms]
                objective = scaled(every * tf.add_n(values))
            found = _dense(tape.gradient(objective, player.variables))
        pairs = zip(found, zeros(), strict=True)
        written[:] = [variable for variable, _ in changes.pairs]
        kept = [tf.convert_to_tensor(value) for _, value in changes.pairs]
        return values, [zero if gradient is None else gradient for gradient, zero in pairs], kept

    def zeros():
        return [tf.zeros(variable.shape, variable.dtype) for variable in player.variables]

    def nothing():
        # Traced after `compute`, which has said by then what it writes.
        kept = [tf.convert_to_tensor(variable.value) for variable in written]
        return [tf.zeros([]) for _ in terms], zeros(), kept

    values, found, kept = tf.cond(due, compute, nothing)
    for variable, value in zip(written, kept, strict=True):
        variable.assign(value)
    for term, value in zip(terms, values, strict=True):
        game.logs.track(term.name, value, when=due)
    return found
