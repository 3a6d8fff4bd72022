"""Replacing methods of layers while a step is traced."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from kgan import bridge

_lock = threading.Lock()


@contextlib.contextmanager
def swapped(networks, form: Callable[[Any], tuple]) -> Iterator[None]:
    """In this context layers of some networks have another method.

    Args:
        networks: Keras models.
        form: a function of a layer that returns (name of the method, function in its place), or
            (None, None) for a layer that stays as it is.
    """
    layers = {id(la): la for net in networks for la in bridge.layers_within(net)}
    changed = []
    # Another thread may sample while this one traces a training step.
    with _lock:
        for layer in layers.values():
            name, function = form(layer)
            # Set in the instance dictionary, because Keras tracks attributes that are set as usual.
            if function is not None and name not in vars(layer):
                vars(layer)[name] = function
                changed.append((layer, name))
    try:
        yield
    finally:
        with _lock:
            for layer, name in changed:
                del vars(layer)[name]
