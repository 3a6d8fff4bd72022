"""Frozen layers: which layers of a network are not trained, saved by their position."""

from collections.abc import Iterator, Mapping

import keras

from kgan import bridge


def walk(layer, seen=None) -> Iterator[keras.layers.Layer]:
    """Yields a layer and all layers within it.

    The order is that of computation if it is known, else that of the attributes. It is the same in
    every process that builds the same network.
    """
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield layer
    for part in parts_of(layer):
        yield from walk(part, seen)


def parts_of(layer) -> list[keras.layers.Layer]:
    """Returns the direct sub-layers of a layer, in the order of `walk`."""
    if isinstance(layer, keras.Model):
        return layer.layers
    return bridge.layers_within(layer, recursive=False)


def frozen(networks: Mapping[str, keras.Model]) -> dict[str, list[int]]:
    """Returns the positions in `walk` of the frozen layers of each network, by role.

    Positions, not names, because Keras numbers names differently in every process.
    """
    places = {
        role: [place for place, layer in enumerate(walk(network)) if not layer.trainable]
        for role, network in networks.items()
    }
    return {role: found for role, found in places.items() if found}


def restore(networks: Mapping[str, keras.Model], places: Mapping[str, list[int]]) -> None:
    """Freezes the layers at the positions that `frozen` returned, and unfreezes all others.

    Keras's configs are not enough: a `Sequential` does not save that it was frozen, nor do layers
    that another layer creates, and families build their networks anew.
    """
    for role, network in networks.items():
        frozen_places = set(places.get(role, ()))
        for place, layer in enumerate(walk(network)):
            # Setting `trainable` also sets it in the layers within, which come later in `walk`.
            layer.trainable = place not in frozen_places
