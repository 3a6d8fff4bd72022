"""A player's turn: its gradients, which change nothing, and their application."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import optimizers
from kgan.errors import InputError
from kgan.terms import Turn


@dataclass
class Phase:
    """One player's turn.

    Attributes:
        player: "discriminator" or "generator": whose terms join in.
        prefix: what its logs start with, "d" or "g".
        variables: what the turn trains.
        optimizer: what trains them.
        play: `(real, condition, generated) -> (loss, Turn)`, differentiable in `variables`;
            `generated` is a `Generated` pair made beforehand, or None to draw anew.
    """

    player: str
    prefix: str
    variables: list
    optimizer: keras.optimizers.Optimizer
    play: Callable[..., tuple[Any, Turn]]


@dataclass
class Generated:
    """Samples that both players share: one forward pass of the generator a step.

    Attributes:
        latents: what the generator was fed.
        samples: what it made of them.
        own_losses: its regularizers on the way, a scalar.
        tape: the recording of how, to be played back in the generator's turn.
    """

    latents: Any
    samples: Any
    own_losses: Any
    tape: tf.GradientTape

    @property
    def outputs(self):
        return (self.samples, self.own_losses)


def take_turn(gan, phase: Phase, real, condition, generated: Generated | None = None) -> None:
    """Updates a phase's variables once, on `real` of shape `(batch, ...)`.

    With `gan.accumulation_steps` = k the batch is worked through in k slices, one after the
    other, and the update is that of the whole batch (batch statistics apart).
    """
    slices = gan.accumulation_steps
    total, losses, turns = None, [], []
    for index in range(slices):
        part, part_condition = part_of((real, condition), index, slices)
        # Without an order TensorFlow would run the slices side by side, and save no memory.
        with tf.control_dependencies([g for g in total or [] if g is not None]):
            gradients, loss, turn = _gradients(gan, phase, part, part_condition, generated)
        gradients = [None if g is None else g / slices for g in gradients]
        total = gradients if total is None else _add(total, gradients)
        losses.append(loss)
        turns.append(turn)
    gan.observe(phase, tf.add_n(losses) / slices, _joined(turns))
    _apply(gan, phase, total)


def _joined(turns: list[Turn]) -> Turn:
    """The turns on the slices of a batch as one on the whole."""
    if len(turns) == 1:
        return turns[0]
    names = [f.name for f in fields(Turn) if f.name not in ("gan", "slopes")]
    parts = [{name: getattr(turn, name) for name in names} for turn in turns]
    # What nobody reads of this is pruned from the graph.
    whole = tf.nest.map_structure(
        lambda *part: None if part[0] is None else tf.concat(part, 0), *parts
    )
    return Turn(turns[0].gan, **whole)


def part_of(batch, index: int, parts: int):
    """The `index`-th of `parts` equal parts of every tensor of a batch."""

    def cut(tensor):
        size = tf.shape(tensor)[0] // parts if tensor.shape[0] is None else tensor.shape[0] // parts
        return tensor[index * size : (index + 1) * size]

    return tf.nest.map_structure(lambda tensor: None if tensor is None else cut(tensor), batch)


def _add(left, right):
    return [a if b is None else b if a is None else a + b for a, b in zip(left, right, strict=True)]


def _gradients(gan, phase, real, condition, generated):
    """Gradients of a player's loss and of the terms that are due, one per variable."""
    terms = [term for term in gan.terms if term.player == phase.player]
    # Under `tf.distribute` the optimizer sums over the replicas.
    share = 1.0 / tf.distribute.get_strategy().num_replicas_in_sync

    def scaled(objective):
        return phase.optimizer.scale_loss(objective * share)

    borrowed = generated is not None and phase.player == "generator"
    with tf.GradientTape() as tape:
        if borrowed:
            tape.watch(generated.outputs)
        loss, turn = phase.play(real, condition, generated)
        objective = loss
        _check_scalar(loss, f"The {phase.player}'s loss")
        for term in terms:
            if term.every == 1:
                value = _value(gan, term, turn)
                gan.logs.track(term.name, value)
                objective += ops.cast(value, objective.dtype)
        objective = scaled(objective)
    if not phase.variables:
        # The player is frozen, and looks on.
        return [], loss, turn
    if borrowed:
        onward, gradients = tape.gradient(objective, (generated.outputs, phase.variables))
        gradients = _add(
            _dense(gradients),
            _dense(
                generated.tape.gradient(generated.outputs, phase.variables, output_gradients=onward)
            ),
        )
    else:
        gradients = _dense(tape.gradient(objective, phase.variables))
    if all(gradient is None for gradient in gradients):
        raise InputError(
            f"No gradient reaches the {phase.player}: its loss does not depend on its weights. "
            "Look for an operation without a gradient (rounding, casting to integers, NumPy)."
        )
    for every in sorted({term.every for term in terms if term.every > 1}):
        lazy = [term for term in terms if term.every == every]
        gradients = _add(gradients, _lazy_gradients(gan, phase, lazy, real, condition, scaled))
    return gradients, loss, turn


def _dense(gradients):
    # Embeddings have sparse gradients, which neither add nor go through a condition.
    return [None if g is None else tf.convert_to_tensor(g) for g in gradients]


def _check_scalar(value, what):
    # A vector would be summed where its log shows the mean.
    if value is None or len(value.shape) > 0:
        given = None if value is None else f"shape {tuple(value.shape)}"
        raise InputError(f"{what} must be a scalar, such as a mean over the batch; got {given}.")


def _value(gan, term, turn):
    value = term(turn)
    value = value if value is None else ops.convert_to_tensor(value)
    _check_scalar(value, f"The term {term.name!r}")
    value = ops.cast(value, keras.backend.result_type(value.dtype, "float32"))
    return ops.cast(term.weight_at(gan.iterations), value.dtype) * value


def _lazy_gradients(gan, phase, terms, real, condition, scaled):
    """Gradients of terms that are due every k-th update, k times as strong; else zeros."""
    every = terms[0].every
    due = tf.equal(phase.optimizer.iterations % every, 0)

    def compute():
        with tf.GradientTape() as tape:
            # Played anew under this tape, so that everything in the turn is differentiable;
            # what the terms do not use is pruned from the graph.
            with gan.state_kept():
                _, turn = phase.play(real, condition, None)
            values = [ops.cast(_value(gan, term, turn), "float32") for term in terms]
            objective = scaled(every * tf.add_n(values))
        gradients = _dense(tape.gradient(objective, phase.variables))
        pairs = zip(gradients, zeros(), strict=True)
        return values, [zero if gradient is None else gradient for gradient, zero in pairs]

    def zeros():
        return [tf.zeros(variable.shape, variable.dtype) for variable in phase.variables]

    def nothing():
        return [tf.zeros([]) for _ in terms], zeros()

    values, gradients = tf.cond(due, compute, nothing)
    for term, value in zip(terms, values, strict=True):
        gan.logs.track(term.name, value, when=due)
    return gradients


def _apply(gan, phase, gradients) -> None:
    """The one place where weights change."""
    if not gradients:
        return
    present = [tf.cast(gradient, tf.float32) for gradient in gradients if gradient is not None]
    optimizer = phase.optimizer
    scaling = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if gan.log_gradient_norms:
        norm = tf.linalg.global_norm(present)
        scale = optimizer.dynamic_scale if scaling else 1.0
        # While loss scaling looks for its scale, norms are infinite and the update is left out.
        finite = tf.math.is_finite(norm)
        gan.logs.track(
            f"{phase.prefix}_gradient_norm", tf.where(finite, norm / scale, 0.0), when=finite
        )
    replicated = tf.distribute.get_strategy().num_replicas_in_sync > 1
    if scaling or replicated or not gan.skip_nonfinite:
        # Loss scaling skips by itself; a condition cannot hold an all-reduce.
        optimizers.apply(optimizer, gradients, phase.variables)
        return
    # One NaN or Inf among them, and the sum is none that is finite: the cheapest look at all.
    finite = tf.math.is_finite(tf.add_n([tf.reduce_sum(gradient) for gradient in present]))
    if gan.execution.in_xla and optimizers.can_stand_still(optimizer):
        optimizers.apply_where(finite, optimizer, gradients, phase.variables)
        return

    def update():
        optimizers.apply(optimizer, gradients, phase.variables)
        return True

    tf.cond(finite, update, lambda: False)
