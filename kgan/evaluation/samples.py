"""What is measured: a source that says what it is, and the samples that it opens."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.metrics.extractors.images import to_range
from kgan.typing import Range, Shape

# Samples in a batch.
BATCH = 250
# Images are measured in this range, whatever range they come in.
RANGE = (-1.0, 1.0)


@dataclass(frozen=True)
class Frame:
    """How samples are read.

    Attributes:
        size: `(height, width)` or one number to resize images to; None keeps them.
        channels: 1, 3 or 4; None keeps those of the source.
        split: part of a data set; None takes the source's own choice.
        seed: seed of the order of data, and of the latents of generators.
        value_range: (low, high) of samples whose values do not tell it; None looks at them.
        latents: the distribution of the latents of a file that does not tell it.
        classes: classes of a conditional generator in a file that does not tell it; None takes
            those of the reference.
        data_dir: the folder of TensorFlow Datasets.
        ordered: whether data comes in its own order instead of a shuffled one.
    """

    size: Any = None
    channels: int | None = None
    split: str | None = None
    seed: int = 0
    value_range: Range | None = None
    latents: str = "normal"
    classes: int | None = None
    data_dir: Any = None
    ordered: bool = False


@dataclass
class Samples:
    """Samples that are ready to be read.

    Attributes:
        shape: shape of one sample.
        value_range: (low, high) of what `batches` yields; None for values without bounds.
        read: a function that yields `(samples, labels)` batch by batch; it gets the number of
            samples, and labels for a conditional generator. Labels are None without any.
        size: the number of samples; None for a generator, which makes any number.
        split: the part of a data set that was opened; None if there are no parts.
        classes: the number of classes of the labels, or of those a generator is conditioned on.
        conditional: whether a generator needs labels.
        modes: the modes of a known distribution, as in `kgan.data.DataInfo`.
        names: names of the samples in their order, which pairs must share; None without names.
    """

    shape: Shape
    value_range: Range | None
    read: Callable[[int, np.ndarray | None], Iterator[tuple[np.ndarray, Any]]] = field(repr=False)
    size: int | None = None
    split: str | None = None
    classes: int = 0
    conditional: bool = False
    modes: Any = None
    names: list[str] | None = None

    def batches(
        self, count: int, labels: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, Any]]:
        """Yields `(samples, labels)` up to `count` samples."""
        taken = 0
        for samples, given in self.read(count, labels):
            rest = count - taken
            yield samples[:rest], None if given is None else given[:rest]
            taken += len(samples)
            if taken >= count:
                return


class Source:
    """Something that can be measured.

    Attributes:
        name: what the user called it.
        kind: what it is, in words: "folder of images", "run", ...
    """

    name = ""
    kind = ""
    # Whether samples are drawn, as many as are asked for.
    generates = False
    # Whether it holds the mean and covariance of features instead of samples.
    statistics: Any = None

    def open(self, frame: Frame) -> Samples:
        """Returns the samples.

        Raises:
            InputError: if they cannot be read; the message says what to change.
        """
        raise NotImplementedError

    def check(self, frame: Frame) -> None:
        """Checks that there is something to open, before minutes of other work.

        Raises:
            InputError: if there is nothing.
        """

    def digest(self, frame: Frame) -> str | None:
        """Returns a text that changes whenever the samples do; None if nothing is known.

        It is found without decoding the samples.
        """
        return None


def scaled(samples: np.ndarray, given: Range | None) -> np.ndarray:
    """Returns samples as float32, in `RANGE` if their own range is given."""
    if given is None or tuple(given) == RANGE:
        return np.asarray(samples, "float32")
    return np.asarray(to_range(samples, given, RANGE))


def need_same_shape(a: Samples, b_shape: Shape, a_name: str, b_name: str) -> None:
    """Checks that two sources have samples of one shape.

    Raises:
        InputError: if not; the message says which option makes them equal.
    """
    one, other = tuple(a.shape), tuple(b_shape)
    if one == other:
        return
    advice = "Compare samples of one shape."
    if len(one) == len(other) == 3:
        needs = []
        if one[:2] != other[:2]:
            height, width = min(one[:2], other[:2])
            needs.append(f"size={height}" if height == width else f"size=({height}, {width})")
        if one[2] != other[2]:
            needs.append(f"channels={3 if 3 in (one[2], other[2]) else min(one[2], other[2])}")
        advice = f"Give {' and '.join(needs)} to read both alike."
    raise InputError(
        f"The samples of {a_name} have shape {one}, and those of {b_name} {other}. {advice}"
    )
