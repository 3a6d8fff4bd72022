"""Warm starts: loading the weights of another run, layer by layer, as far as they fit."""

import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.runs import RunFolder, trained
from kgan.runs.loading import load
from kgan.training.model import AdversarialModel
from kgan.transfer.freezing import first_layers, freeze_layers
from kgan.transfer.matching import Pair, Weights, matched, paired, tree
from kgan.typing import PathLike


@dataclass(frozen=True)
class Part:
    """A layer of the model and the corresponding layer of the source, or one of them alone.

    Attributes:
        network: role of their network, such as "generator".
        layer: name of the model's layer; None if the source's has no counterpart.
        weights: names and shapes of its weights; empty if `layer` is None.
        source: name of the source's layer; None if the model's has no counterpart.
        source_weights: names and shapes of its weights; empty if `source` is None.
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
    """The report of a warm start, as text when printed.

    Attributes:
        source: the file, run folder or model that the weights come from.
        iterations: training steps that the source had taken.
        averaged: whether the generator's weights are those of the source's averaged generator.
        loaded: layers that start from the source's weights.
        fresh: layers that keep their initial weights, because the source's do not fit or are
            missing.
        left_over: layers of the source without a counterpart in the model.
        frozen: names of the discriminator's layers that were frozen after loading.
    """

    source: str
    iterations: int
    averaged: bool
    loaded: tuple[Part, ...]
    fresh: tuple[Part, ...]
    left_over: tuple[Part, ...]
    frozen: tuple[str, ...] = ()

    def summary(self, most: int | None = None) -> str:
        """Returns the report as text.

        Args:
            most: how many layers to name in each list; None names all.
        """
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
        """Returns the report as a dictionary for JSON."""
        return asdict(self)


def warm_start(
    gan: AdversarialModel,
    source: AdversarialModel | PathLike,
    average: bool = True,
    freeze: int = 0,
) -> Transfer:
    """Loads the weights of a trained model into an untrained one, layer by layer.

    Use it for the same networks on other data, and for networks that were changed: other classes,
    another image size, additional layers. A layer takes the weights of its counterpart in the
    source: the layer with the same name and kind within the same parts of the network. Layers
    that Keras named (`conv2d_7`) are matched by their order; if the networks have different
    numbers of them, they are counted from the start, the end or both, so that most fit. A layer
    whose weights do not all have the same shapes as its counterpart's keeps its initial ones.
    The layers within a layer are matched one by one.

    Batch-norm statistics and other state of layers are loaded too. Optimizers, seeds, the state
    of losses and the count of steps are not. The model's own average starts from the loaded
    weights.

    Args:
        gan: an untrained model, compiled or not.
        source: a model, a `.keras` file, or a run folder of `kgan train`, whose newest state is
            taken.
        average: whether to take the weights of the source's averaged generator, if it has one.
            Its samples were drawn with them, and the raw weights fluctuate around them. False
            takes the raw weights, against which the source's discriminator was trained.
        freeze: how many of the discriminator's first layers to freeze after loading; see
            `freeze`. The model must not be compiled yet.

    Returns:
        The report: which layers were loaded, which were not, and what the source has beyond.

    Raises:
        InputError: if the model is trained or the source cannot be read, if nothing fits, or if
            a layer to be frozen was not loaded. The model is then unchanged.

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
    if gan.steps_taken:
        raise InputError(
            f"The model has been trained for {gan.steps_taken} steps already, and its "
            "optimizers are adapted to its weights. Load other weights into an untrained model."
        )
    average = arguments.flag("average", average)
    freeze = arguments.integer("freeze", freeze, least=0)
    if freeze and gan.compiled:
        raise InputError(
            "Layers are frozen before `compile`, whose optimizers are built for the others. Call "
            "warm_start first, then compile."
        )
    if freeze and "discriminator" not in gan.networks:
        raise InputError(
            f"freeze needs a discriminator; this model's networks are {', '.join(gan.networks)}."
        )
    kept = first_layers(gan.networks["discriminator"], freeze) if freeze else []
    model, name = _load_source(source)
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
            "No layer's weights fit; the model is unchanged. Take a source with similar networks, "
            f"such as the same family with the same options.\n{report.summary(3)}"
        )
    _check_kept(kept, fitting)
    assignments = [
        (ours, np.asarray(averages.get(id(theirs), theirs)))
        for pair in fitting
        for ours, theirs in zip(pair.ours.weights, pair.theirs.weights, strict=True)
    ]
    if not all(np.isfinite(value).all() for _, value in assignments if value.dtype.kind == "f"):
        raise InputError(f"The weights of {name} hold NaN or Inf. Take an earlier state of it.")
    with gan.distribute_strategy.scope():
        for weight, value in assignments:
            weight.assign(value)
        # The average of a compiled model still holds the initial weights.
        for weight, mean in gan.average.pairs() if getattr(gan, "average", None) else ():
            mean.assign(weight.value)
    freeze_layers(layer for _, layer in kept)
    return report


def find(source: AdversarialModel | PathLike) -> Path:
    """Returns the path of a `.keras` file or of a run folder to start from.

    Raises:
        InputError: if there is neither.
    """
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(
            f"Weights come from a GAN, a .keras file or the folder of a run; got {source!r}."
        )
    path = Path(source).expanduser()
    if path.suffix == ".keras" and not path.is_file():
        raise InputError(f"There is no file {str(path)!r} to take weights from.")
    if not path.is_file():
        RunFolder.find(path).config()
    return path


def _load_source(source) -> tuple[Any, str]:
    """Loads the model of a source; returns it with its name for messages."""
    if isinstance(source, AdversarialModel):
        return source, f"the model {source.name!r}"
    path = find(source)
    if path.is_file():
        return load(path), str(path)
    return trained(RunFolder.find(path)), str(path)


def _report(gan, model, pairs, name, averaged, frozen) -> Transfer:
    """Makes the report from the pairs of layers of each network."""

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

    unmatched = {role: network for role, network in gan.networks.items() if role not in pairs}
    return Transfer(
        source=name,
        iterations=model.steps_taken,
        averaged=averaged,
        loaded=parts(lambda pair: pair.fits),
        fresh=(
            *parts(lambda pair: pair.ours and not pair.fits),
            *(
                Part(role, pair.ours.name, pair.ours.described)
                for role, network in unmatched.items()
                for pair in paired(tree(network), None, lambda node: node.kind, False)
            ),
        ),
        left_over=parts(lambda pair: pair.ours is None),
        frozen=frozen,
    )


def _check_kept(kept, fitting: Iterable[Pair]) -> None:
    """Raises if a layer to be frozen still has randomly initialized weights."""
    loaded = {id(weight) for pair in fitting for weight in pair.ours.weights}
    fresh = [
        name for name, layer in kept if any(id(weight) not in loaded for weight in layer.weights)
    ]
    if fresh:
        raise InputError(
            f"freeze={len(kept)} would freeze layers whose weights were drawn at random, because "
            f"the source's do not fit them: {', '.join(fresh)}. Freeze fewer, or none."
        )


def _count(parts: Iterable[Part]) -> int:
    return sum(math.prod(shape) for part in parts for _, shape in part.weights)


def _named(heading: str, parts: list[Part], most: int | None) -> list[str]:
    lines = [f"    {heading} {part}" for part in parts[:most]]
    more = len(parts) - len(lines)
    return lines + ([f"    and {more} more"] if more else [])


def _listed(weights: Weights) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in weights)
