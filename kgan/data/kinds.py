"""The kinds of data that model families read, and how the command line loads each of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgan import data
from kgan.errors import InputError


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of data. It compares equal to its name, and `str` returns the name.

    Attributes:
        name: the name of the kind.
        batch: what a batch holds, in words.
        load: a function that returns the dataset for a `Wanted`.
        command: the command that applies a trained run: "generate", "translate" or "upscale".
        usage: the line that the command line prints after training, with the placeholders RUN
            and LABEL.
        paired: whether each sample has a target of its own, which metrics compare it with.
        directions: whether a model translates both ways.
        two_sources: whether a second source may be given.
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
        """Whether models start from images instead of latents."""
        return self.command != "generate"

    def __eq__(self, other):
        return str(self) == (str(other) if isinstance(other, (str, Kind)) else other)

    def __hash__(self):
        return hash(self.name)

    def __str__(self):
        return self.name


@dataclass(frozen=True)
class Wanted:
    """A request for data, made from the arguments of the command line.

    Attributes:
        family: the class of the model.
        source, source_b: a name or a path; `source_b` is the second domain.
        common: `split`, `batch_size`, `seed` and, if it is known, `value_range`.
        size, channels, data_dir: as in `kgan.data.load`.
        scale: how many times smaller the low-resolution crops are.
        training: whether a model is trained on the data. If not, it is read in order and up to
            the last sample.
        background, balance: as in `kgan.data.load`; None for its defaults.
        mirror: whether half of the images are mirrored left to right, and pairs alike.
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
    background: str | None = None
    balance: str | None = None
    mirror: bool = False


def _samples(wanted: Wanted):
    return data.load(
        wanted.source,
        **wanted.common,
        size=wanted.size,
        channels=wanted.channels,
        data_dir=wanted.data_dir,
        drop_remainder=wanted.training,
        background=wanted.background or "white",
        balance=wanted.balance,
        mirror=wanted.mirror,
    )


def _domains(wanted: Wanted):
    _only_samples(wanted)
    return data.domains(
        wanted.source,
        wanted.source_b,
        **wanted.common,
        size=wanted.size,
        channels=wanted.channels,
        data_dir=wanted.data_dir,
        flip=wanted.mirror,
        shuffle=wanted.training,
        drop_remainder=wanted.training,
    )


def _only_samples(wanted: Wanted) -> None:
    """Raises an `InputError` for settings of data that is read one sample by one."""
    for name in ("background", "balance"):
        if getattr(wanted, name) is not None:
            raise InputError(
                f"--{name} is for models that learn from single images; "
                f"{wanted.family.__name__} takes {wanted.family.takes}. Leave it out."
            )


def _pairs(wanted: Wanted):
    _only_samples(wanted)
    return data.pairs(
        _folder(wanted),
        **wanted.common,
        size=wanted.size,
        channels=wanted.channels,
        flip=wanted.mirror,
        shuffle=wanted.training,
        drop_remainder=wanted.training,
    )


def _crops(wanted: Wanted):
    _only_samples(wanted)
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
    "samples, with labels if there are any",
    _samples,
    command="generate",
    usage="New samples:          kgan generate RUN -n 64 -o grid.png",
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
    """Returns the kind of data that a model, or the class of a family, reads.

    Raises:
        InputError: if its attribute `reads` is neither a `Kind` nor the name of one.
    """
    reads = model.reads
    if isinstance(reads, Kind):
        return reads
    if reads not in KINDS:
        name = getattr(model, "__name__", type(model).__name__)
        raise InputError(f"{name}.reads is one of {', '.join(KINDS)}; got {reads!r}.")
    return KINDS[reads]
