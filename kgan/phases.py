"""A player's turn: its gradients, which change nothing, and their application."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import ops

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
        tape: the recording of how, to be played back in the generator's turn.
    """

    latents: Any
    samples: Any
    tape: tf.GradientTape


def take_turn(gan, phase: Phase, real, condition, generated: Generated | None = None) -> None:
    """Updates a phase's variables once, on `real` of shape `(batch, ...)`.

    With `gan.accumulation_steps` = k the batch is worked through in k slices, one after the
    other, and the update is that of the whole batch (batch statistics apart).
    """
    slices = gan.accumulation_steps
    if slices == 1:
        _apply(gan, phase, _gradients(gan, phase, real, condition, generated))
        return
    total = None
    for index in range(slices):
        part, part_condition = part_of((real, condition), index, slices)
        # Without an order TensorFlow would run the slices side by side, and save no memory.
        with tf.control_dependencies([g for g in total or [] if g is not None]):
            gradients = _gradients(gan, phase, part, part_condition, None)
        gradients = [None if g is None else g / slices for g in gradients]
        total = gradients if total is None else _add(total, gradients)
    _apply(gan, phase, total)


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
            tape.watch(generated.samples)
        loss, turn = phase.play(real, condition, generated)
        objective = loss
        for term in terms:
            if term.every == 1:
                value = _value(gan, term, turn)
                gan.logs.track(term.name, value)
                objective += ops.cast(value, objective.dtype)
        objective = scaled(objective)
    gan.observe(phase, loss, turn)
    if not phase.variables:
        # The player is frozen, and looks on.
        return []
    if borrowed:
        onward, gradients = tape.gradient(objective, (generated.samples, phase.variables))
        gradients = _add(
            gradients,
            generated.tape.gradient(generated.samples, phase.variables, output_gradients=onward),
        )
    else:
        gradients = tape.gradient(objective, phase.variables)
    if all(gradient is None for gradient in gradients):
        raise InputError(
            f"No gradient reaches the {phase.player}: its loss does not depend on its weights. "
            "Look for an operation without a gradient (rounding, casting to integers, NumPy)."
        )
    for every in sorted({term.every for term in terms if term.every > 1}):
        lazy = [term for term in terms if term.every == every]
        gradients = _add(gradients, _lazy_gradients(gan, phase, lazy, real, condition, scaled))
    return gradients


def _value(gan, term, turn):
    value = ops.convert_to_tensor(term(turn))
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
            with gan.state_kept(gan.generator, gan.discriminator):
                _, turn = phase.play(real, condition, None)
            values = [ops.cast(_value(gan, term, turn), "float32") for term in terms]
            objective = scaled(every * tf.add_n(values))
        gradients = tape.gradient(objective, phase.variables)
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
    present = [gradient for gradient in gradients if gradient is not None]
    norm = tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in present])
    scaling = isinstance(phase.optimizer, keras.optimizers.LossScaleOptimizer)
    if gan.log_gradient_norms:
        scale = phase.optimizer.dynamic_scale if scaling else 1.0
        gan.logs.track(f"{phase.prefix}_gradient_norm", norm / scale)
    replicated = tf.distribute.get_strategy().num_replicas_in_sync > 1
    if scaling or replicated or not gan.skip_nonfinite:
        # Loss scaling skips by itself; a condition cannot hold an all-reduce.
        phase.optimizer.apply(gradients, phase.variables)
        return

    def update():
        phase.optimizer.apply(gradients, phase.variables)
        return True

    tf.cond(tf.math.is_finite(norm), update, lambda: False)
