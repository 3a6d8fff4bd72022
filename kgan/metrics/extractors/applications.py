"""Extractors over the networks of `keras.applications`."""

import hashlib
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kgan.errors import InputError, unknown
from kgan.metrics.extractors.base import Extractor, Features
from kgan.metrics.extractors.images import (
    ALTERNATIVES,
    READS,
    isolated,
    keras_home,
    need_images,
    need_range,
    propagate_nan,
    to_range,
)
from kgan.online import online
from kgan.typing import Config, Range, Shape, Tensors


class Network(NamedTuple):
    """A network of `keras.applications`.

    Attributes:
        function: the function of `keras.applications` that builds it.
        module: the module of `keras.applications` with its `preprocess_input`.
        size: height and width of the images it was trained on.
        files: pattern of the file names of Keras's weights without the classifier.
    """

    function: str
    module: str
    size: int
    files: str


# EfficientNet of 2019 is missing: Keras scales its input differently if it is built for weights
# from a file.
NETWORKS = {
    "convnext_base": Network("ConvNeXtBase", "convnext", 224, "convnext_base_notop.h5"),
    "convnext_tiny": Network("ConvNeXtTiny", "convnext", 224, "convnext_tiny_notop.h5"),
    "densenet121": Network("DenseNet121", "densenet", 224, "densenet121_*_notop.h5"),
    "efficientnet_v2_b0": Network(
        "EfficientNetV2B0", "efficientnet_v2", 224, "efficientnetv2-b0_notop.h5"
    ),
    "efficientnet_v2_s": Network(
        "EfficientNetV2S", "efficientnet_v2", 384, "efficientnetv2-s_notop.h5"
    ),
    "keras_inception_v3": Network("InceptionV3", "inception_v3", 299, "inception_v3_*_notop.h5"),
    "mobilenet": Network("MobileNet", "mobilenet", 224, "mobilenet_1_0_*_no_top.h5"),
    "mobilenet_v2": Network("MobileNetV2", "mobilenet_v2", 224, "mobilenet_v2_*_1.0_*_no_top.h5"),
    "mobilenet_v3_large": Network(
        "MobileNetV3Large", "mobilenet_v3", 224, "weights_mobilenet_v3_large_*_no_top_v2.h5"
    ),
    "mobilenet_v3_small": Network(
        "MobileNetV3Small", "mobilenet_v3", 224, "weights_mobilenet_v3_small_*_no_top_v2.h5"
    ),
    "resnet50": Network("ResNet50", "resnet", 224, "resnet50_*_notop.h5"),
    "resnet50_v2": Network("ResNet50V2", "resnet_v2", 224, "resnet50v2_*_notop.h5"),
    "vgg16": Network("VGG16", "vgg16", 224, "vgg16_*_notop.h5"),
    "vgg19": Network("VGG19", "vgg19", 224, "vgg19_*_notop.h5"),
    "xception": Network("Xception", "xception", 299, "xception_*_notop.h5"),
}


@keras.saving.register_keras_serializable("kgan")
class Application(Extractor):
    """A network of `keras.applications`: the spatial mean of its last feature maps.

    Features `(batch, width)` and no class scores, so weights without the classifier suffice, and
    images may have any size. Images with 1 or 3 channels are scaled to 0..255, resized (bilinear,
    antialiased if they shrink), and passed through the network's own `preprocess_input`.

    The name tells network, size and weights: "mobilenet_v2" has the ImageNet weights of Keras and
    the network's own size, "mobilenet_v2@96" the size 96x96, and "mobilenet_v2-1a2b3c4d" other
    weights, with the first digits of their SHA-256, which is known after `prepare`.

    "keras_inception_v3" is another training of Inception, for Keras. The canonical FID needs
    `Inception`.

    Args:
        network: a name of `NETWORKS`.
        weights: "imagenet", which Keras downloads, or a file: `.weights.h5`, or `.h5` as Keras
            downloads them.
        size: height and width to which images are resized; None takes the network's own.

    Raises:
        InputError: for an unknown network, or weights None; by `prepare`, if the weights cannot
            be loaded or do not fit, the size is too small, the samples are not images with 1 or 3
            channels, or their range is unknown.

    Source: https://keras.io/api/applications.
    """

    def __init__(
        self, network: str, weights: str | os.PathLike = "imagenet", size: int | None = None
    ):
        if network not in NETWORKS:
            raise unknown("network of keras.applications", network, NETWORKS)
        self.network = network
        if weights is None:
            raise InputError(
                "weights=None would be random ones, whose features hardly tell images apart: most "
                "of these networks normalise by statistics of data they have not seen. For random "
                "features give a keras.Model of your own as the extractor."
            )
        self.weights = os.fspath(weights)
        self.size = size or NETWORKS[network].size
        self.description = f"keras.applications.{NETWORKS[network].function} at {self.size} pixels"
        if network == "keras_inception_v3":
            self.description += "; not the network of the canonical FID"
        self.name = self._name_with("" if weights == "imagenet" else "-unread")
        self._range: tuple[float, float] | None = None
        self._model: Any = None

    def prepare(self, sample_shape: Shape, value_range: Range | None) -> None:
        need_images(self.name, sample_shape, (1, 3), READS)
        self._range = need_range(self.name, value_range)
        if self._model is None:
            self._model = self._build()
            if self.weights != "imagenet":
                self.name = self._name_with(f"-{_digest(self._model)}")

    def __call__(self, samples: Tensors) -> Features:
        images = given = to_range(samples, self._range, (0.0, 255.0))
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        if tuple(images.shape[1:3]) != (self.size, self.size):
            images = ops.image.resize(
                images, (self.size, self.size), antialias=True, data_format="channels_last"
            )
        module = getattr(keras.applications, NETWORKS[self.network].module)
        features = self._model(module.preprocess_input(images), training=False)
        return Features(propagate_nan(given, features))

    def get_config(self) -> Config:
        return {"network": self.network, "weights": self.weights, "size": self.size}

    def _name_with(self, suffix):
        own_size = self.size == NETWORKS[self.network].size
        return f"{self.network}{'' if own_size else f'@{self.size}'}{suffix}"

    def _build(self):
        """Returns the network with its weights; raises an `InputError` that says what to do."""
        network = NETWORKS[self.network]
        imagenet = self.weights == "imagenet"
        if imagenet:
            self._check_available()
        elif not Path(self.weights).is_file():
            raise InputError(
                f"There is no file {self.weights!r} with weights of {self.network!r}. Leave "
                "weights out for Keras's own of ImageNet."
            )
        # The first batch of a metric may be traced inside a tf.function.
        with tf.init_scope(), isolated():
            try:
                model = getattr(keras.applications, network.function)(
                    weights="imagenet" if imagenet else None,
                    include_top=False,
                    pooling="avg",
                    input_shape=(self.size, self.size, 3),
                )
            except ValueError as error:
                raise InputError(
                    f"{self.network!r} cannot be built for {self.size}x{self.size} pixels: {error}"
                ) from error
            except Exception as error:
                # Keras raises a plain `Exception` if a download fails.
                if type(error) is not Exception and not isinstance(error, OSError):
                    raise
                raise self._missing_weights(f"downloading them failed: {error}") from error
            try:
                if not imagenet:
                    with warnings.catch_warnings():
                        # With this warning Keras leaves some layers without the weights.
                        warnings.filterwarnings("error", "Skipping")
                        model.load_weights(self.weights)
            except (OSError, LookupError, ValueError, UserWarning) as error:
                raise InputError(
                    f"{self.weights} does not hold weights of {self.network!r} without its "
                    f"classifier: {error}"
                ) from error
        model.trainable = False
        return model

    def _check_available(self):
        """Raises an `InputError` at once; without it Keras would try to download for minutes."""
        kept = (keras_home() / "models").glob(NETWORKS[self.network].files)
        if not any(kept) and not online():
            raise self._missing_weights("there is no network to download them")

    def _missing_weights(self, why):
        return InputError(
            f"The ImageNet weights of {self.network!r} are not on this machine (looked for "
            f"{NETWORKS[self.network].files} in {keras_home() / 'models'}), and {why}. Put such a "
            f"file there, or name one: Application({self.network!r}, weights=...). {ALTERNATIVES}"
        )


def _digest(model) -> str:
    """Returns the first 8 digits of the SHA-256 of a model's weights."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:8]
