"""Layers that keep their weights while the rest of a network trains (FreezeD)."""

from collections.abc import Iterable, Iterator

import keras

from kgan import arguments
from kgan.errors import InputError
from kgan.training.frozen import walk


def freeze(network: keras.Model, layers: int) -> list[str]:
    """Freezes the first layers of a network: FreezeD, where it is a discriminator.

    Mo et al. 2020, Freeze the discriminator: a simple baseline for fine-tuning GANs. The
    discriminator goes on from weights of other data, and its lower layers stay as they are. On
    the generator's turn gradients pass through them as before.

    Only layers with weights count, in the order in which the network computes; of a subclassed
    network, in the order in which it holds them. Models within it are walked; any other layer
    counts as one, whatever it is made of. Batch normalization has weights, and runs with its
    moving statistics where it is frozen.

    Call it before `compile`, whose optimizers are built for what is left to train; `fit` asks
    for another `compile` else. `unfreeze` sets all layers free. `gan.save` remembers what is
    frozen; a script that resumes from a checkpoint freezes again, before it compiles.

    Args:
        network: a built Keras model, such as `gan.discriminator`.
        layers: how many, fewer than the network has.

    Returns:
        Their names.

    Raises:
        InputError: for a count that the network does not have.
    """
    chosen = first_layers(network, layers)
    hold(layer for _, layer in chosen)
    return [name for name, _ in chosen]


def unfreeze(network: keras.Model) -> None:
    """Sets all layers of a network free, those within others too; for the next `compile`.

    `network.trainable = True` does not, where the network is trainable and some layers are not.
    """
    for layer in walk(network):
        layer.trainable = True


def hold(layers: Iterable[keras.layers.Layer]) -> None:
    """Freezes layers, and those within them."""
    for layer in layers:
        for part in walk(layer):
            part.trainable = False


def first_layers(network, count: int) -> list[tuple[str, keras.layers.Layer]]:
    """The layers that `freeze` would freeze, with their names."""
    count = arguments.integer("The number of layers to freeze", count)
    if not isinstance(network, keras.Model):
        raise InputError(f"freeze takes a keras.Model such as gan.discriminator; got {network!r}.")
    found = list(_with_weights(network, set()))
    if not found:
        raise InputError(
            f"The network {network.name!r} has no weights yet. Build it first, by a call or by "
            "`keras.Input` at its start."
        )
    if count >= len(found):
        raise InputError(
            f"freeze was asked for {count} layers, and the network {network.name!r} has "
            f"{len(found)} with weights. Freeze fewer: at least one must be left to train."
        )
    return found[:count]


def _with_weights(model, seen, prefix="") -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in model.layers:
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        if isinstance(layer, keras.Model):
            yield from _with_weights(layer, seen, f"{prefix}{layer.name}/")
        elif layer.weights:
            yield prefix + layer.name, layer
