"""Matches the layers of two networks, for a warm start."""

import re
from dataclasses import dataclass

import keras

from kgan.training.frozen import parts_of

# Name and shape of each weight of a layer.
Weights = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, eq=False)
class Node:
    """A layer in the tree of a network's layers.

    Attributes:
        name: path of the layer, with the names of the layers around it.
        own_name: name of the layer without the number that Keras appends.
        kind: class, kernel size and wrapped layer; only layers of one kind are paired.
        weights: the layer's own weights; for a wrapper, also those of the wrapped layer.
        parts: the layers within it that have weights.
        whole: whether its own weights are of no use without those of its parts.
    """

    name: str
    own_name: str
    kind: tuple
    weights: tuple
    parts: tuple["Node", ...]
    whole: bool

    @property
    def described(self) -> Weights:
        """Name, without Keras's number, and shape of each of its own weights."""
        return tuple(
            (re.sub(r"_\d+$", "", weight.name), tuple(weight.shape)) for weight in self.weights
        )


@dataclass(frozen=True)
class Pair:
    """Two layers that correspond, or one that has no counterpart in the other network.

    Attributes:
        ours: the layer of the model, or None.
        theirs: the layer of the source, or None.
        fits: whether the weights of `theirs` can be loaded into `ours`.
    """

    ours: Node | None
    theirs: Node | None
    fits: bool = False


def tree(layer, prefix="", seen=None) -> Node:
    """Returns the tree of a layer or network and the layers within it."""
    seen = set() if seen is None else seen
    wraps = isinstance(layer, keras.layers.Wrapper)
    model = isinstance(layer, keras.Model)
    parts = []
    for part in [] if wraps else parts_of(layer):
        if id(part) not in seen:
            seen.add(id(part))
            parts.append(tree(part, f"{prefix}{part.name}/", seen))
    if wraps:
        # A wrapper's state is of no use without the wrapped weights, as in spectral normalization.
        weights = tuple(layer.weights)
    else:
        within = {id(weight) for part in parts_of(layer) for weight in part.weights}
        weights = tuple(weight for weight in layer.weights if id(weight) not in within)
    return Node(
        name=prefix.rstrip("/"),
        own_name=_without_number(layer),
        kind=_kind(layer),
        weights=weights,
        parts=tuple(part for part in parts if part.weights or part.parts),
        whole=not model,
    )


def _kind(layer) -> tuple:
    wrapped = (_kind(layer.layer),) if isinstance(layer, keras.layers.Wrapper) else ()
    return (type(layer).__name__, getattr(layer, "kernel_size", None), *wrapped)


def _without_number(layer) -> str:
    """Returns a layer's name; if Keras made it, without the number that Keras appends.

    A name such as `block_2` that a user gave keeps its number.
    """
    base = re.sub(r"_\d+$", "", layer.name)
    named_by_keras = base.replace("_", "") == type(layer).__name__.replace("_", "").lower()
    return base if named_by_keras else layer.name


def matched(network, source, from_end: bool) -> list[Pair]:
    """Returns pairs of corresponding layers with weights, and the layers without counterpart.

    Args:
        network: the model's network.
        source: the source's network.
        from_end: whether ties are resolved towards the end of the networks; see `_aligned`.
    """
    ours, theirs = tree(network), tree(source)
    pairs = paired(ours, theirs, lambda node: (node.own_name, node.kind), from_end)
    if any(pair.fits for pair in pairs):
        return pairs
    # No layers fit by name and kind: the network may be the same with other names.
    renamed = paired(ours, theirs, lambda node: node.kind, from_end)
    return renamed if any(pair.fits for pair in renamed) else pairs


def paired(ours: Node | None, theirs: Node | None, key, from_end) -> list[Pair]:
    """Returns the pair of two corresponding layers and the pairs of the layers within them.

    Layers are paired if `key` gives the same for both. The order is that of `ours`; layers that
    only `theirs` has come last.
    """
    mine = ours.parts if ours else ()
    yours = theirs.parts if theirs else ()
    partners = {}
    for group in dict.fromkeys(map(key, mine)):
        same, others = ([p for p in parts if key(p) == group] for parts in (mine, yours))
        partners |= {id(part): other for part, other in _aligned(same, others, key, from_end)}
    taken = {id(other) for other in partners.values()}
    pairs = [pair for part in mine for pair in paired(part, partners.get(id(part)), key, from_end)]
    for part in yours:
        if id(part) not in taken:
            pairs += paired(None, part, key, from_end)
    a, b = (node if node and node.weights else None for node in (ours, theirs))
    if a is None and b is None:
        return pairs
    fits = a is not None and b is not None and a.described == b.described
    if fits and a.whole:
        fits = all(pair.fits for pair in pairs)
    return [Pair(a, b, fits), *pairs]


def _aligned(mine: list, yours: list, key, from_end) -> list[tuple]:
    """Pairs two lists of layers in order; the longer list has a gap of unpaired layers.

    The gap is put where most layers fit. If several places are equally good, the first is taken
    with `from_end` (for a generator) and the last without (for a discriminator), so that the
    layers near the images are paired.
    """
    if len(mine) == len(yours):
        return list(zip(mine, yours, strict=True))
    length = min(len(mine), len(yours))
    starts = list(zip(mine[:length], yours[:length], strict=True))
    ends = list(zip(mine[len(mine) - length :], yours[len(yours) - length :], strict=True))
    fit = [
        [sum(pair.fits for pair in paired(*two, key, from_end)) for two in side]
        for side in (starts, ends)
    ]
    best = max(
        range(length + 1),
        key=lambda cut: (sum(fit[0][:cut]) + sum(fit[1][cut:]), -cut if from_end else cut),
    )
    return starts[:best] + ends[best:]
