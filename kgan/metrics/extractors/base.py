"""The base class of extractors, and what they return."""

from typing import Any, NamedTuple

import numpy as np

from kgan.typing import Config, Range, Self, Shape, Tensor, Tensors


class Features(NamedTuple):
    """The result of an extractor for a batch of samples.

    Attributes:
        features: float tensor `(batch, width)`.
        logits: unnormalised log-probabilities of classes, `(batch, classes)`; None if the
            extractor has no classes.
    """

    features: Any
    logits: Any = None


class Extractor:
    """Computes features of samples in the data's range, and class scores if it is a classifier.

    Attributes:
        name: the name that results and statistics files record. Figures over extractors of
            different names cannot be compared.
        description: one line that tells users what the extractor is.
    """

    name = ""
    description = ""

    def prepare(self, sample_shape: Shape, value_range: Range | None) -> None:
        """Loads what the extractor needs, and checks that it can read the samples.

        It may be called several times.

        Args:
            sample_shape: shape of one sample, `(height, width, channels)` for images.
            value_range: (low, high) of the values; None if unknown.

        Raises:
            InputError: if the extractor cannot read the samples, or cannot be loaded.
        """

    def __call__(self, samples: Tensors) -> Features:
        """Returns the features of a batch, in inference mode. Works in a graph and eagerly.

        Args:
            samples: `(batch, *sample_shape)`, in the range that `prepare` was given.
        """
        raise NotImplementedError

    def trial(self, sample_shape: Shape, value_range: Range | None) -> Features:
        """Returns the features of two constant samples, which tell the widths of the outputs."""
        low, high = value_range or (0.0, 1.0)
        return self(np.full((2, *sample_shape), (low + high) / 2, "float32"))

    def strangeness(self, found: Features) -> Tensor | None:
        """Returns how unlike the extractor's training data samples are, `(batch,)`.

        About 1 for samples like its training data; None if unknown. Metrics warn if the mean over
        the real samples is far above 1.

        Args:
            found: the result of the extractor for these samples.
        """
        return None

    def get_config(self) -> dict:
        """Returns the arguments that create an equal extractor."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Creates an extractor from its configuration."""
        return cls(**config)
