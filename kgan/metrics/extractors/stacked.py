"""An extractor that recognises the three digits stacked in the channels of an image."""

import keras
from keras import ops

from kgan.errors import InputError
from kgan.metrics.extractors.base import Extractor, Features
from kgan.metrics.extractors.classifiers import Digits
from kgan.metrics.extractors.images import need_images
from kgan.metrics.extractors.plain import KerasModel
from kgan.typing import Config, Range, Self, Shape, Tensor, Tensors


@keras.saving.register_keras_serializable("kgan")
class StackedDigits(Extractor):
    """A classifier of digits, applied to each of the three channels of stacked digits.

    Features `(batch, 3 * width)` are those of the red, the green and the blue channel, one after
    the other. Logits `(batch, 1000)` are joint log-probabilities: that of the digits a, b and c is
    log p(a | red) + log p(b | green) + log p(c | blue), at index 100 a + 10 b + c. This index is
    the label that `kgan.data.load("stacked_mnist")` gives the stack.

    PacGAN counts modes in this way (Lin et al. 2018, section 4.2); the classifier is kgan's own.

    Args:
        classifier: a classifier of single digits in grey images: a `kgan.metrics.Extractor` with
            logits, or a Keras model; None takes `Digits()`. A classifier of k classes gives k^3
            logits.

    Raises:
        InputError: by `prepare`, if samples are not images `(height, width, 3)`, or the
            classifier cannot read one channel; by a call, if it gives no class scores.
    """

    description = "the digit classifier on each of three channels: which of 1,000 stacks it is"

    def __init__(self, classifier: Extractor | None = None):
        if isinstance(classifier, keras.Model):
            classifier = KerasModel(classifier)
        self.classifier = Digits() if classifier is None else classifier
        self.name = f"stacked_{self.classifier.name}"

    def prepare(self, sample_shape: Shape, value_range: Range | None) -> None:
        reads = (
            "it reads digits stacked in three channels (height, width, 3); for grey digits choose "
            "extractor='digits'"
        )
        need_images(self.name, sample_shape, (3,), reads)
        self.classifier.prepare((*sample_shape[:2], 1), value_range)

    def __call__(self, samples: Tensors) -> Features:
        height, width, channels = samples.shape[1:]
        digits = ops.reshape(ops.transpose(samples, (0, 3, 1, 2)), (-1, height, width, 1))
        found = self.classifier(digits)
        if found.logits is None:
            raise InputError(
                f"{self.classifier.name!r} gives no class scores, which stacked digits are "
                "recognised by. Take StackedDigits(), or a classifier of digits."
            )
        features = ops.reshape(found.features, (-1, channels * found.features.shape[-1]))
        classes = found.logits.shape[-1]
        red, green, blue = ops.unstack(
            ops.reshape(ops.log_softmax(found.logits), (-1, channels, classes)), channels, axis=1
        )
        joint = red[:, :, None, None] + green[:, None, :, None] + blue[:, None, None, :]
        return Features(features, ops.reshape(joint, (-1, classes**3)))

    def strangeness(self, found: Features) -> Tensor | None:
        """Returns the mean of the classifier's strangeness over the three channels, `(batch,)`."""
        classes = round(found.logits.shape[-1] ** (1 / 3))
        first = ops.argmax(found.logits, axis=1)
        digits = ops.stack([first // classes**2, first // classes % classes, first % classes], 1)
        features = ops.reshape(found.features, (-1, found.features.shape[-1] // 3))
        one = Features(features, ops.one_hot(ops.reshape(digits, (-1,)), classes))
        strange = self.classifier.strangeness(one)
        return None if strange is None else ops.mean(ops.reshape(strange, (-1, 3)), axis=1)

    def get_config(self) -> Config:
        return {"classifier": keras.saving.serialize_keras_object(self.classifier)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        classifier = config["classifier"]
        if isinstance(classifier, dict):
            classifier = keras.saving.deserialize_keras_object(classifier)
        return cls(classifier)
