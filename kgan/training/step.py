"""One training step, from a batch to new weights: the whole game on a screen.

Every player plays in order, as often as it does in a step, on samples of its own. A turn has two
halves: `gradients` computes and changes nothing; `update` changes everything that the turn is to
change, or, where a number is not finite, nothing. docs/the_step.md walks through it.
"""

import tensorflow as tf
from keras import ops

from kgan.terms import Turn
from kgan.training import state
from kgan.training.gradients import gradients, part_of
from kgan.training.judging import judge_both
from kgan.training.players import Generated
from kgan.training.update import update


def train_step(game, data) -> None:
    """Trains every player of a game on one batch of the dataset, and counts the step."""
    most = max(player.updates for player in game.players)
    batch = game.unpack(data)
    parts = [part_of(batch, place, most) for place in range(most)]
    generated = generate(game, *parts[-1]) if game.shared_forward else None
    earlier = {}
    for player in game.players:
        for real, condition in parts[-player.updates :]:
            found = gradients(game, player, real, condition, generated, earlier)
            update(game, player, found)
            earlier[player.name] = found.turn
    game.iterations.assign_add(1)


def discriminator_plays(game, real, condition, generated, earlier):
    """Tells real samples from generated ones: (its loss, the turn)."""
    if generated is None:
        latents, fake = game.produce(real, condition)
    else:
        latents, fake = generated.latents, generated.samples
    fake = game.shown(tf.nest.map_structure(tf.stop_gradient, fake), condition)
    of_real, of_fake, slopes, own_losses = judge_both(game, real, fake, condition)
    loss = game.discriminator_loss(of_real[0], of_fake[0]) + own_losses
    scores, heads = zip(of_real, of_fake, strict=True)
    return loss, Turn(game, real, fake, latents, condition, *scores, *heads, slopes, earlier)


def generator_plays(game, real, condition, generated, earlier):
    """Makes samples that the discriminator takes for real: (its loss, the turn)."""
    if generated is None:
        latents, fake = game.produce(real, condition)
        own_losses = game.own_losses("generator")
    else:
        latents, (fake, own_losses) = generated.latents, generated.outputs
    of_real, of_fake = (None, None), game.judge(fake, condition, training=True)
    if game.loss.generator_uses_real:
        of_real = game.judge(real, condition, training=True)
    loss = game.generator_loss(of_fake[0], of_real[0]) + own_losses
    scores, heads = zip(of_real, of_fake, strict=True)
    return loss, Turn(game, real, fake, latents, condition, *scores, *heads, None, earlier)


def generate(game, real, condition) -> Generated:
    """One forward pass of the generator for both players, recorded."""
    with state.held_back(game) as changes, tf.GradientTape() as tape:
        latents, samples = game.produce(real, condition)
        own_losses = tf.convert_to_tensor(game.own_losses("generator"))
    return Generated(latents, samples, own_losses, tape, state.seeds_moved(game, changes))


def count(samples):
    """How many samples a batch holds, a scalar tensor."""
    return tf.shape(tf.nest.flatten(samples)[0])[0]


def mean(scores):
    """The mean of scores, over all networks of a player."""
    means = [ops.mean(part) for part in tf.nest.flatten(scores)]
    return sum(means) / len(means)
