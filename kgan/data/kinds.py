"""What data is made of: the kinds that families read, and how each comes to the command line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgan import data
from kgan.errors import InputError


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of data; it equals its name, and prints as it.

    Attributes:
        name: what it is called.
        batch: what a batch of it holds, in words.
        load: the dataset, by the `Wanted`.
        command: the command of a trained run, "generate", "translate" or "upscale".
        usage: how the command line goes on after training; RUN and LABEL are put in.
        paired: whether each sample has a target of its own, which metrics compare it with.
        directions: whether a model translates both ways.
        two_sources: whether a second place may be named.
    """

    name: str
    batch: str
    load: Callable[["Wanted"], Any] = field(repr=False)
    command: str
    usage: str
    paired: bool = False
    directions: bool = False
    two_sources: bool = False

    @property
    def from_images(self) -> bool:
        """Whether models start from images and not from noise."""
        return self.command != "generate"

    def __eq__(self, other):
        return str(self) == (str(other) if isinstance(other, (str, Kind)) else other)

    def __hash__(self):
        return hash(self.name)

    def __str__(self):
        return self.name


@dataclass(frozen=True)
class Wanted:
    """The data that is to be loaded.

    Attributes:
        family: the class of the model.
        source, source_b: names or places; the second is of a second domain.
        common: `split`, `batch_size`, `seed` and, where it is known, `value_range`.
        size, channels, data_dir: as in `kgan.data.load`.
        scale: how many times smaller the reductions of crops are.
        training: whether it is trained on; else it is read in order and to the last sample.
    """

    family: Any
    source: str
    source_b: str | None
    common: dict[str, Any]
    size: Any
    channels: int | None
    data_dir: str | None
    scale: int
    training: bool


def _samples(wanted: Wanted):
    return data.load(
        wanted.source,
        **wanted.common,
        size=wanted.size,
        channels=wanted.channels,
        data_dir=wanted.data_dir,
        drop_remainder=wanted.training,
    )


def _domains(wanted: Wanted):
    return data.domains(
        wanted.source,
        wanted.source_b,
        **wanted.common,
        size=wanted.size,
        channels=wanted.channels,
        data_dir=wanted.data_dir,
        flip=False,
        shuffle=wanted.training,
        drop_remainder=wanted.training,
    )


def _pairs(wanted: Wanted):
    return data.pairs(
        _folder(wanted),
        **wanted.common,
        size=wanted.size,
        channels=wanted.channels,
        shuffle=wanted.training,
        drop_remainder=wanted.training,
    )


def _crops(wanted: Wanted):
    folder = _folder(wanted)
    if isinstance(wanted.size, (list, tuple)):
        raise InputError("Crops are square: --size takes one number.")
    return data.crops(
        folder,
        **wanted.common,
        scale=wanted.scale,
        size=(wanted.size or 96) if wanted.training else None,
        channels=wanted.channels or 3,
    )


def _folder(wanted: Wanted) -> str:
    if not Path(wanted.source).expanduser().is_dir():
        raise InputError(
            f"{wanted.family.__name__} takes {wanted.family.takes}; --data is a folder that holds "
            f"them, and there is no folder {wanted.source!r}."
        )
    return wanted.source


SAMPLES = Kind(
    "samples",
    "samples, with labels where there are some",
    _samples,
    command="generate",
    usage="New samples:          kgan generate RUN -n 64LABEL -o grid.png",
)
PAIRS = Kind(
    "pairs",
    "images and their targets",
    _pairs,
    command="translate",
    usage="Translated images:    kgan translate RUN FOLDER",
    paired=True,
)
DOMAINS = Kind(
    "domains",
    "images of two domains",
    _domains,
    command="translate",
    usage="Translated images:    kgan translate RUN FOLDER --direction a2b",
    directions=True,
    two_sources=True,
)
CROPS = Kind(
    "crops",
    "images and their reductions",
    _crops,
    command="upscale",
    usage="Larger images:        kgan upscale RUN photo.png",
    paired=True,
)
KINDS = {kind.name: kind for kind in (SAMPLES, PAIRS, DOMAINS, CROPS)}


def of(model) -> Kind:
    """The kind of data that a family or a model of it reads.

    Raises:
        InputError: where its `reads` is none.
    """
    reads = model.reads
    if isinstance(reads, Kind):
        return reads
    if reads not in KINDS:
        name = getattr(model, "__name__", type(model).__name__)
        raise InputError(f"{name}.reads is one of {', '.join(KINDS)}; got {reads!r}.")
    return KINDS[reads]
