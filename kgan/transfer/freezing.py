"""Freezing layers, which keep their weights while the rest of a network trains (FreezeD)."""

from collections.abc import Iterable, Iterator

import keras

from kgan import arguments
from kgan.errors import InputError
from kgan.training.frozen import walk


def freeze(network: keras.Model, layers: int) -> list[str]:
    """Freezes the first layers of a network. For a discriminator this is FreezeD.

    Mo et al. 2020, Freeze the discriminator: a simple baseline for fine-tuning GANs. The
    discriminator starts from weights learned on other data, and its lower layers keep them. In
    the generator's update, gradients pass through frozen layers as usual.

    Only layers with weights count, in the order in which a functional network computes them; in
    a subclassed network, in the order of its `layers`. The layers of a nested model count one by
    one; any other layer counts as one, even if it contains others. Batch normalization counts,
    and uses its moving statistics while it is frozen.

    Call it before `compile`, whose optimizers are built for the trainable weights; otherwise
    `fit` asks for another `compile`. `unfreeze` unfreezes all layers. `gan.save` stores what is
    frozen; a script that resumes from a checkpoint has to freeze again before it compiles.

    Args:
        network: a built Keras model, such as `gan.discriminator`.
        layers: how many layers to freeze, fewer than the network has.

    Returns:
        The names of the frozen layers.

    Raises:
        InputError: if `network` is no built Keras model, or has no more than `layers` layers
            with weights.
    """
    chosen = first_layers(network, layers)
    freeze_layers(layer for _, layer in chosen)
    return [name for name, _ in chosen]


def unfreeze(network: keras.Model) -> None:
    """Unfreezes all layers of a network, nested ones too. Call `compile` again afterwards.

    `network.trainable = True` does not suffice: it changes nothing if only some of the layers
    are frozen.

    Args:
        network: a Keras model.
    """
    if not isinstance(network, keras.Model):
        raise InputError(f"unfreeze takes a keras.Model, such as gan.generator; got {network!r}.")
    for layer in walk(network):
        layer.trainable = True


def freeze_layers(layers: Iterable[keras.layers.Layer]) -> None:
    """Freezes layers, and the layers within them."""
    for layer in layers:
        for part in walk(layer):
            part.trainable = False


def first_layers(network, count: int) -> list[tuple[str, keras.layers.Layer]]:
    """Returns the layers that `freeze` would freeze, with their names.

    Raises:
        InputError: as `freeze` does.
    """
    count = arguments.integer("The number of layers to freeze", count)
    if not isinstance(network, keras.Model):
        raise InputError(f"freeze takes a keras.Model such as gan.discriminator; got {network!r}.")
    found = list(_with_weights(network, set()))
    if not found:
        raise InputError(
            f"The network {network.name!r} has no weights yet. Build it first, by calling it or "
            "with a `keras.Input` at its start."
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
