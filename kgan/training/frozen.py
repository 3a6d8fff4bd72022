"""Which layers keep their weights while the rest of a network trains."""

from collections.abc import Iterator, Mapping

import keras

from kgan import bridge


def walk(layer, seen=None) -> Iterator[keras.layers.Layer]:
    """Every layer within a layer, itself first.

    In the order of computation where that can be seen, else in that of the attributes; it is the
    same in every process that builds the same network.
    """
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield layer
    for part in parts_of(layer):
        yield from walk(part, seen)


def parts_of(layer) -> list[keras.layers.Layer]:
    """The layers that a layer holds itself, in the order of `walk`."""
    if isinstance(layer, keras.Model):
        return layer.layers
    return bridge.layers_within(layer, recursive=False)


def frozen(networks: Mapping[str, keras.Model]) -> dict[str, list[int]]:
    """Which layers of networks are frozen, by role and by their place in `walk`.

    Places and not names, for names are numbered afresh in every process.
    """
    places = {
        role: [place for place, layer in enumerate(walk(network)) if not layer.trainable]
        for role, network in networks.items()
    }
    return {role: found for role, found in places.items() if found}


def restore(networks: Mapping[str, keras.Model], places: Mapping[str, list[int]]) -> None:
    """Freezes and frees the layers of networks, as `frozen` found them in their like.

    Keras's own configurations do not tell: a `Sequential` forgets that it was frozen, so do the
    layers that another layer makes, and families build their networks anew.
    """
    for role, network in networks.items():
        still = set(places.get(role, ()))
        for place, layer in enumerate(walk(network)):
            # Setting another value goes down to the layers within, which come later.
            layer.trainable = place not in still
