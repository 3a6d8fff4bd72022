"""Which layers of two networks belong together: what a warm start goes by."""

import re
from dataclasses import dataclass

import keras

from kgan.training.frozen import parts_of

# Names and shapes.
Weights = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, eq=False)
class Node:
    """A layer with weights somewhere in it.

    Attributes:
        name: with the layers around it.
        own_name: without Keras's number.
        sort: what it is; layers of another sort never stand for it.
        weights: its own; of what wraps a layer, all.
        parts: the layers within it.
        whole: whether its own weights mean nothing without those of its parts.
    """

    name: str
    own_name: str
    sort: tuple
    weights: tuple
    parts: tuple["Node", ...]
    whole: bool

    @property
    def described(self) -> Weights:
        return tuple(
            (re.sub(r"_\d+$", "", weight.name), tuple(weight.shape)) for weight in self.weights
        )


@dataclass(frozen=True)
class Pair:
    """Two layers in the same place, or one whose place the other network lacks."""

    ours: Node | None
    theirs: Node | None
    fits: bool = False


def tree(layer, prefix="", seen=None) -> Node:
    seen = set() if seen is None else seen
    wraps = isinstance(layer, keras.layers.Wrapper)
    model = isinstance(layer, keras.Model)
    parts = []
    for part in [] if wraps else parts_of(layer):
        if id(part) not in seen:
            seen.add(id(part))
            parts.append(tree(part, f"{prefix}{part.name}/", seen))
    if wraps:
        # A spectral norm and its kernel belong together.
        weights = tuple(layer.weights)
    else:
        within = {id(weight) for part in parts_of(layer) for weight in part.weights}
        weights = tuple(weight for weight in layer.weights if id(weight) not in within)
    return Node(
        name=prefix.rstrip("/"),
        own_name=_without_number(layer),
        sort=_sort(layer),
        weights=weights,
        parts=tuple(part for part in parts if part.weights or part.parts),
        whole=not model,
    )


def _sort(layer) -> tuple:
    wrapped = (_sort(layer.layer),) if isinstance(layer, keras.layers.Wrapper) else ()
    return (type(layer).__name__, getattr(layer, "kernel_size", None), *wrapped)


def _without_number(layer) -> str:
    """A layer's name; of one that Keras named, without the number it counts up.

    `block_2` of a user stays: there the number says which it is.
    """
    base = re.sub(r"_\d+$", "", layer.name)
    named_by_keras = base.replace("_", "") == type(layer).__name__.replace("_", "").lower()
    return base if named_by_keras else layer.name


def matched(network, source, from_end: bool) -> list[Pair]:
    """The layers of both networks with weights, those in the same place together."""
    ours, theirs = tree(network), tree(source)
    pairs = paired(ours, theirs, lambda node: (node.own_name, node.sort), from_end)
    if any(pair.fits for pair in pairs):
        return pairs
    # Nothing has the same name: it may be the same network under others.
    renamed = paired(ours, theirs, lambda node: node.sort, from_end)
    return renamed if any(pair.fits for pair in renamed) else pairs


def paired(ours: Node | None, theirs: Node | None, key, from_end) -> list[Pair]:
    """Pairs of what is within two layers that have one place, in our order; what is left last."""
    mine = ours.parts if ours else ()
    yours = theirs.parts if theirs else ()
    partners = {}
    for kind in dict.fromkeys(map(key, mine)):
        alike, others = ([p for p in parts if key(p) == kind] for parts in (mine, yours))
        together = _aligned(alike, others, key, from_end)
        partners |= {id(part): other for part, other in together}
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
    """Pairs of two lists: the first so many counted from the start, the others from the end.

    Where the lists are of one length that is one by one. Else the additional ones are in one
    place, and it is taken where most weights fit. Of several such places the generator's is the
    first and the discriminator's the last: what is near the images stays together.
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
