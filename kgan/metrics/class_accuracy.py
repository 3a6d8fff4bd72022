"""Whether a classifier sees the class that a conditional model was asked for."""

from typing import Any

import keras

from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import ExtractorLike, Range, Tensors


@keras.saving.register_keras_serializable("kgan")
class ClassifierAccuracy(FeatureMetric):
    """Share of generated samples in which a classifier sees the class that was asked for.

    For models that are told a class. 1 at best; a model that ignores its label scores 1 over
    the number of classes. The figure cannot exceed what the classifier itself can do.

    Args:
        extractor: a classifier; "digits" and "cifar10" number their classes as MNIST and
            CIFAR-10 do.
        value_range, name: as in `kgan.metrics.FeatureMetric`.
    """

    keeps = {"fake": "classes", "condition": "labels"}
    _direction = "up"

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        value_range: Range | None = None,
        name: str = "classifier_accuracy",
    ):
        super().__init__(extractor, value_range, name)

    def update_state(self, real: Tensors, fake: Tensors, condition: Tensors = None) -> None:
        """Adds a batch of generated samples with the labels they were asked for.

        Args:
            real: not looked at; may be None.
            fake: samples `(batch, *sample_shape)`.
            condition: labels `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.

        Raises:
            InputError: without labels.
        """
        if condition is None:
            raise InputError(
                f"{self.name} compares with the class that was asked for, and this model is asked "
                "for none. It is for conditional models."
            )
        super().update_state(real, fake, condition)

    def compute(self) -> Any:
        return float((self.kept("fake").all() == self.kept("condition").all()).mean())
