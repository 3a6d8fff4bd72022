"""One training step, from a batch to new weights.

The players are updated in order, each `Player.updates` times, each time on its own samples. A
player's turn has two parts: `gradients` computes and changes nothing; `update` applies all changes
or, if a number is not finite, none. docs/the_step.md explains it.
"""

import functools

import tensorflow as tf
from keras import ops

from kgan import replicas
from kgan.terms import Turn
from kgan.training import state
from kgan.training.gradients import gradients, part_of
from kgan.training.judging import judge_both
from kgan.training.players import Generated
from kgan.training.repeating import repeat
from kgan.training.update import after_updates, update


def train_step(game, data) -> None:
    """Trains every player on one element of the dataset, and counts the step."""
    slices = max(player.updates for player in game.players)
    batch = game.unpack(data)
    generated = generate(game, *part_of(batch, slices - 1, slices)) if game.shared_forward else None
    earlier = {}

    def play(player, place):
        real, condition = part_of(batch, place, slices)
        with after_updates(game):
            result = gradients(game, player, real, condition, generated, earlier)
        update(game, player, result)
        return result.turn

    for player in game.players:
        last = slices - 1
        repeat(game, functools.partial(play, player), slices - player.updates, last)
        earlier[player.name] = play(player, last)
    game.iterations.assign_add(1)


def discriminator_plays(game, real, condition, generated, earlier):
    """Scores real and generated samples; returns (the discriminator's loss, the turn)."""
    if generated is None:
        latents, fake = game.produce(real, condition)
    else:
        latents, fake = generated.latents, generated.samples
    fake = game.shown(tf.nest.map_structure(tf.stop_gradient, fake), condition)
    real, fake = game.packs(real), game.packs(fake)
    of_real, of_fake, slopes, own_losses = judge_both(game, real, fake, condition)
    loss = game.discriminator_loss(of_real[0], of_fake[0]) + own_losses
    scores, heads = zip(of_real, of_fake, strict=True)
    return loss, Turn(game, real, fake, latents, condition, *scores, *heads, slopes, earlier)


def generator_plays(game, real, condition, generated, earlier):
    """Scores samples of the generator; returns (the generator's loss, the turn)."""
    if generated is None:
        latents, fake = game.produce(real, condition)
        own_losses = game.own_losses("generator")
    else:
        latents, (fake, own_losses) = generated.latents, generated.outputs
    real, fake = game.packs(real), game.packs(fake)
    of_real = (None, None)
    of_fake = game.judge(*game.augmented(fake, condition), training=True)
    if game.loss.generator_uses_real:
        of_real = game.judge(*game.augmented(real, condition), training=True)
    loss = game.generator_loss(of_fake[0], of_real[0]) + own_losses
    scores, heads = zip(of_real, of_fake, strict=True)
    return loss, Turn(game, real, fake, latents, condition, *scores, *heads, None, earlier)


def generate(game, real, condition) -> Generated:
    """Runs and records one forward pass of the generator for both players."""
    mine = replicas.samples(count(real))
    with mine, state.held_back(game) as changes, tf.GradientTape() as tape:
        latents, samples = game.produce(real, condition)
        own_losses = tf.convert_to_tensor(game.own_losses("generator"))
    return Generated(latents, samples, own_losses, tape, state.advance_seeds(game, changes))


def count(samples):
    """Returns the number of samples in a batch, a scalar tensor."""
    return tf.shape(tf.nest.flatten(samples)[0])[0]


def mean(scores):
    """Returns the mean of scores, over all networks of a player."""
    means = [ops.mean(part) for part in tf.nest.flatten(scores)]
    return sum(means) / len(means)
