"""The accuracy of a classifier on samples of a conditional model."""

from typing import Any

import keras

from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.typing import ExtractorLike, Range, Tensors


@keras.saving.register_keras_serializable("kgan")
class ClassifierAccuracy(FeatureMetric):
    """Share of generated samples that a classifier assigns to the class they should show.

    For models that are conditioned on a class. The figure is between 0 and 1; more is better. A
    model that ignores its label scores about 1 divided by the number of classes. A perfect model
    scores the accuracy of the classifier itself.

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
        """Adds a batch of generated samples with the labels they were conditioned on.

        Args:
            real: not used; may be None.
            fake: samples `(batch, *sample_shape)`.
            condition: labels `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.

        Raises:
            InputError: if `condition` is None.
        """
        if condition is None:
            raise InputError(
                f"{self.name} compares with the class that was asked for, and this model is not "
                "conditioned on a class. Use it with conditional models."
            )
        super().update_state(real, fake, condition)

    def compute(self) -> Any:
        return float((self.kept("fake").all() == self.kept("condition").all()).mean())
