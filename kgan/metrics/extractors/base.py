"""What an extractor of features is."""

from typing import Any, NamedTuple

import keras

from kgan.errors import InputError


class Features(NamedTuple):
    """What an extractor sees in a batch of samples.

    Attributes:
        features: float tensor `(batch, width)`.
        logits: unnormalised log-probabilities of classes, `(batch, classes)`, or None.
    """

    features: Any
    logits: Any = None


class Extractor:
    """From samples in the data's range to features, and to class scores where it has any.

    Attributes:
        name: what results and statistics files record; figures of two names don't compare.
        description: one line for people.
    """

    name = ""
    description = ""

    def prepare(self, sample_shape: tuple, value_range: tuple | None) -> None:
        """Loads what is needed, and checks that such samples fit; may be called again.

        Args:
            sample_shape: of one sample, `(height, width, channels)` for images.
            value_range: (low, high) of the values, or None where unknown.

        Raises:
            InputError: where the extractor cannot read such samples, or cannot be loaded.
        """

    def __call__(self, samples) -> Features:
        """Features of a batch, in inference mode; in a graph or eagerly."""
        raise NotImplementedError

    def strangeness(self, found: Features):
        """How unlike the extractor's own kind of samples these are, `(batch,)`; None if unknown.

        About 1 for samples of its kind. Metrics warn where real samples are far above.
        """
        return None

    def get_config(self) -> dict:
        """The arguments that make an equal extractor."""
        return {}

    @classmethod
    def from_config(cls, config):
        """An extractor by its configuration."""
        return cls(**config)


def need_range(name: str, value_range) -> tuple[float, float]:
    """The range, for an extractor that cannot do without.

    Raises:
        InputError: where it is unknown.
    """
    if value_range is None:
        raise InputError(
            f"The extractor {name!r} must know the range of the images. Give the metric "
            "value_range=(low, high), such as (-1, 1); a GAN whose data_range is set tells it."
        )
    return value_range


def need_images(name: str, sample_shape, channels: tuple[int, ...], reads: str) -> None:
    """Refuses samples that are not images with so many channels.

    Args:
        name: of the extractor.
        sample_shape: of one sample.
        channels: numbers of channels it can read.
        reads: what it does read and what to take instead, for the message.

    Raises:
        InputError: where the shape does not fit.
    """
    if len(sample_shape) != 3 or sample_shape[-1] not in channels:
        raise InputError(
            f"The extractor {name!r} cannot read samples of shape {tuple(sample_shape)}: {reads}."
        )


def to_range(samples, given, wanted):
    """Samples brought from one (low, high) range to another."""
    scale = (wanted[1] - wanted[0]) / (given[1] - given[0])
    return (keras.ops.cast(samples, "float32") - given[0]) * scale + wanted[0]
