"""Training that begins with the weights of another run, where they fit."""

import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.runs import RunFolder, trained
from kgan.runs.loading import load
from kgan.training.model import AdversarialModel
from kgan.transfer.freezing import first_layers, hold
from kgan.transfer.matching import Pair, Weights, matched, paired, tree
from kgan.typing import PathLike


@dataclass(frozen=True)
class Part:
    """A layer of the model, one of the source, or the two that belong together.

    Attributes:
        network: the role of the network they are in.
        layer, weights: the model's layer and the names and shapes of its weights; None and empty
            where it has none for the source's.
        source, source_weights: the same of the source.
    """

    network: str
    layer: str | None = None
    weights: Weights = ()
    source: str | None = None
    source_weights: Weights = ()

    def __str__(self):
        if self.layer is None:
            return f"{self.source} {_listed(self.source_weights)}"
        if self.source is None:
            return f"{self.layer} {_listed(self.weights)}: the source has none in its place"
        return (
            f"{self.layer} {_listed(self.weights)}: {self.source} of the source has "
            f"{_listed(self.source_weights)}"
        )


@dataclass(frozen=True)
class Transfer:
    """What a warm start did; printed, it is the report.

    Attributes:
        source: what the weights are of.
        iterations: training steps it had taken.
        averaged: whether the generator's weights are those of its average.
        loaded: layers that begin with the source's weights.
        fresh: layers that keep their fresh ones, because the source's do not fit or are not there.
        left_over: layers of the source that the model has no place for.
        frozen: names of the discriminator's layers that stay as they were loaded.
    """

    source: str
    iterations: int
    averaged: bool
    loaded: tuple[Part, ...]
    fresh: tuple[Part, ...]
    left_over: tuple[Part, ...]
    frozen: tuple[str, ...] = ()

    def summary(self, most: int | None = None) -> str:
        """The report, with at most so many layers named of each kind and network."""
        of = ", its averaged generator" if self.averaged else ""
        lines = [f"Weights of {self.source} after {self.iterations} steps{of}:"]
        for role in dict.fromkeys(part.network for part in (*self.loaded, *self.fresh)):
            loaded, fresh, left = (
                [part for part in parts if part.network == role]
                for parts in (self.loaded, self.fresh, self.left_over)
            )
            count, total = _count(loaded), _count(loaded) + _count(fresh)
            lines.append(
                f"  {role}: {len(loaded)} of {len(loaded) + len(fresh)} layers, "
                f"{count:,} of {total:,} values"
            )
            lines += _named("stays fresh:", fresh, most)
            lines += _named("left over in the source:", left, most)
        if self.frozen:
            lines.append(f"  frozen in the discriminator: {', '.join(self.frozen)}")
        return "\n".join(lines)

    def __str__(self):
        return self.summary()

    def record(self) -> dict:
        """The same as JSON can hold it."""
        return asdict(self)


def warm_start(
    gan: AdversarialModel,
    source: AdversarialModel | PathLike,
    average: bool = True,
    freeze: int = 0,
) -> Transfer:
    """Gives a fresh model the weights of a trained one, layer by layer, where they fit.

    For the same networks on other data, and for networks that were changed: other classes,
    another image size, some layers more. A layer takes the weights of the source's layer that has
    its place: the same name and kind within the same parts of the network. Names that Keras
    numbers (`conv2d_7`) are told apart by their order; where the numbers of layers differ, it is
    counted from whichever end more of them fit. All weights of a layer must have the same shapes,
    or it stays fresh; of a layer made of layers, each counts for itself.

    Batch-norm statistics and other state of layers come along. Optimizers, seeds, the state of
    losses and the count of steps start afresh, and so does the model's own average: from the
    weights that were loaded.

    Args:
        gan: a model not trained yet, compiled or not.
        source: a model, a `.keras` file, or a run folder of `kgan train`, of which the newest
            state counts.
        average: where the source has an averaged generator, to start from that. It is what the
            source's samples were made with; the raw weights are one noisy moment of it. False
            takes the raw ones, which the source's discriminator was balanced against.
        freeze: how many of the discriminator's first layers to keep as they are loaded; see
            `freeze`. For a model that is not compiled yet.

    Returns:
        What was loaded, what did not fit, and what was left over.

    Raises:
        InputError: where the source cannot be read, nothing fits, or a layer to be frozen was
            not loaded. The model is then as it was.

    Example:

    ```python
    gan = kgan.GAN(generator, discriminator)
    print(kgan.transfer.warm_start(gan, "runs/faces", freeze=3))
    gan.compile()
    gan.fit(cats, epochs=20)
    ```
    """
    if not isinstance(gan, AdversarialModel):
        raise InputError(f"A warm start takes a GAN to load weights into; got {gan!r}.")
    if int(gan.iterations):
        raise InputError(
            f"The model has been trained for {int(gan.iterations)} steps already, and its "
            "optimizers go by the weights it has. Give other weights to a fresh model."
        )
    if freeze and gan.compiled:
        raise InputError(
            "Layers are frozen before `compile`, whose optimizers are built for the others. Start "
            "from other weights first, and compile then."
        )
    if freeze and "discriminator" not in gan.networks:
        raise InputError(
            f"freeze is for a discriminator; this model's networks are {', '.join(gan.networks)}."
        )
    kept = first_layers(gan.networks["discriminator"], freeze) if freeze else []
    model, name = _opened(source)
    networks = getattr(model, "networks", {})
    pairs = {
        role: matched(network, networks[role], from_end=role.startswith("generator"))
        for role, network in gan.networks.items()
        if role in networks
    }
    averages = {}
    if average and getattr(model, "average", None) is not None:
        averages = {id(weight): mean for weight, mean in model.average.pairs()}
    report = _report(gan, model, pairs, name, bool(averages), tuple(name for name, _ in kept))
    fitting = [pair for found in pairs.values() for pair in found if pair.fits]
    if not fitting:
        raise InputError(
            "No layer's weights fit; the model is unchanged. Take a source with networks alike, "
            f"such as the same family's with the same options.\n{report.summary(3)}"
        )
    _check_kept(kept, fitting)
    moves = [
        (ours, np.asarray(averages.get(id(theirs), theirs)))
        for pair in fitting
        for ours, theirs in zip(pair.ours.weights, pair.theirs.weights, strict=True)
    ]
    if not all(np.isfinite(value).all() for _, value in moves if value.dtype.kind == "f"):
        raise InputError(f"The weights of {name} hold NaN or Inf. Take an earlier state of it.")
    with gan.distribute_strategy.scope():
        for weight, value in moves:
            weight.assign(value)
        # An average made before would still hold the fresh weights.
        for weight, mean in gan.average.pairs() if getattr(gan, "average", None) else ():
            mean.assign(weight.value)
    hold(layer for _, layer in kept)
    return report


def find(source: AdversarialModel | PathLike) -> Path:
    """The path of a `.keras` file or of a run folder that may serve as a source.

    Raises:
        InputError: where there is neither.
    """
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(
            f"Weights come from a GAN, a .keras file or the folder of a run; got {source!r}."
        )
    path = Path(source).expanduser()
    if path.suffix == ".keras" and not path.is_file():
        raise InputError(f"There is no file {str(path)!r} to take weights from.")
    if not path.is_file():
        RunFolder(path).config()
    return path


def _opened(source) -> tuple[Any, str]:
    """The model that a source holds, and what to call it."""
    if isinstance(source, AdversarialModel):
        return source, f"the model {source.name!r}"
    path = find(source)
    if path.is_file():
        return load(path), str(path)
    return trained(RunFolder(path)), str(path)


def _report(gan, model, pairs, name, averaged, frozen) -> Transfer:
    def parts(keep):
        return tuple(
            Part(
                role,
                pair.ours and pair.ours.name,
                pair.ours.described if pair.ours else (),
                pair.theirs and pair.theirs.name,
                pair.theirs.described if pair.theirs else (),
            )
            for role, found in pairs.items()
            for pair in found
            if keep(pair)
        )

    apart = {role: network for role, network in gan.networks.items() if role not in pairs}
    return Transfer(
        source=name,
        iterations=int(model.iterations),
        averaged=averaged,
        loaded=parts(lambda pair: pair.fits),
        fresh=(
            *parts(lambda pair: pair.ours and not pair.fits),
            *(
                Part(role, pair.ours.name, pair.ours.described)
                for role, network in apart.items()
                for pair in paired(tree(network), None, None, False)
            ),
        ),
        left_over=parts(lambda pair: pair.ours is None),
        frozen=frozen,
    )


def _check_kept(kept, fitting: Iterable[Pair]) -> None:
    """Refuses to freeze weights that were drawn at random."""
    loaded = {id(weight) for pair in fitting for weight in pair.ours.weights}
    fresh = [
        name for name, layer in kept if any(id(weight) not in loaded for weight in layer.weights)
    ]
    if fresh:
        raise InputError(
            f"freeze={len(kept)} would keep layers as they were drawn at random, for the source's "
            f"weights do not fit them: {', '.join(fresh)}. Freeze fewer, or none."
        )


def _count(parts: Iterable[Part]) -> int:
    return sum(math.prod(shape) for part in parts for _, shape in part.weights)


def _named(heading: str, parts: list[Part], most: int | None) -> list[str]:
    lines = [f"    {heading} {part}" for part in parts[:most]]
    more = len(parts) - len(lines)
    return lines + ([f"    and {more} more"] if more else [])


def _listed(weights: Weights) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in weights)
