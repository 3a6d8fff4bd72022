"""What an extractor of features is."""

from typing import Any, NamedTuple

import numpy as np

from kgan.typing import Config, Range, Self, Shape, Tensor, Tensors


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

    def prepare(self, sample_shape: Shape, value_range: Range | None) -> None:
        """Loads what is needed, and checks that such samples fit; may be called again.

        Args:
            sample_shape: of one sample, `(height, width, channels)` for images.
            value_range: (low, high) of the values, or None where unknown.

        Raises:
            InputError: where the extractor cannot read such samples, or cannot be loaded.
        """

    def __call__(self, samples: Tensors) -> Features:
        """Features of a batch, in inference mode; in a graph or eagerly."""
        raise NotImplementedError

    def trial(self, sample_shape: Shape, value_range: Range | None) -> Features:
        """What two samples in the middle of the range give, to learn the widths from."""
        low, high = value_range or (0.0, 1.0)
        return self(np.full((2, *sample_shape), (low + high) / 2, "float32"))

    def strangeness(self, found: Features) -> Tensor | None:
        """How unlike the extractor's own kind of samples these are, `(batch,)`; None if unknown.

        About 1 for samples of its kind. Metrics warn where real samples are far above.
        """
        return None

    def get_config(self) -> dict:
        """The arguments that make an equal extractor."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """An extractor by its configuration."""
        return cls(**config)
