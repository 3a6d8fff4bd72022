"""The base class of families whose generators take images: Pix2Pix, CycleGAN and SRGAN."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, checks, replicas
from kgan.errors import InputError
from kgan.game import Game
from kgan.inference import exporting
from kgan.inference.sampling import Sampling
from kgan.training import feed
from kgan.typing import ArrayLike, Tensor, Tensors

# The number of images that `fit` keeps for previews.
EXAMPLES = 8


class ImageToImage(Sampling, Game):
    """Translates images to images, with `translate` in place of `generate`.

    A subclass sets `takes`, a description of its data for messages, and implements
    `_side_by_side`, `translate` and `export`.

    Attributes:
        examples: the samples that previews show, a tuple of arrays like a batch of the data.
            Unless they are set, `fit` takes the first samples of its validation data, or else of
            its training data.
        signatures: description of the endpoints of the SavedModel that `export` writes.
        stride: networks take sizes that are multiples of this; `translate` pads other sizes.
    """

    signatures = "serve(images)"
    stride = 1
    examples = None
    latents = None

    def two_parts(self, data: Any) -> tuple[Any, Any]:
        """Returns the two parts of a batch.

        Raises:
            InputError: for anything but a pair.
        """
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise InputError(
                f"{type(self).__name__} takes a dataset of batches with two parts: {self.takes}."
            )
        first, second = data
        return first, second

    def draw(self, count: int | Tensor, seed: Tensor, truncation: float | None = None) -> Tensors:
        """Returns None: the only noise is that of Dropout."""
        return None

    def fit(self, x: Any = None, y: ArrayLike = None, **kwargs: Any) -> keras.callbacks.History:
        """As `kgan.GAN.fit`; `x` is a dataset of `kgan.data`, or of batches like its own."""
        if y is not None or not (isinstance(x, tf.data.Dataset) or replicas.is_distributed(x)):
            raise InputError(
                f"{type(self).__name__} takes a dataset of batches with two parts: {self.takes}."
            )
        if self.examples is None and isinstance(x, tf.data.Dataset):
            shown = kwargs.get("validation_data")
            shown = shown if isinstance(shown, tf.data.Dataset) else x
            self.examples = first_samples(feed.rescaled(shown, self.data_range))
        return super().fit(x, **kwargs)

    def _side_by_side(self) -> list:
        """Returns what a preview shows in a row, as arrays `(n, height, width, channels)`."""
        raise NotImplementedError

    def preview(self, count: int = 64, seed: int = 0) -> dict[str, np.ndarray]:
        """Returns pictures for callbacks to draw: a row shows an input, its output and its target.

        Args:
            count: maximum number of pictures; rows are full, and there is at least one.
            seed: ignored.

        Returns:
            {"samples": pictures `(n, height, width, channels)`}, row by row.

        Raises:
            InputError: if `examples` are not set yet.
        """
        if self.examples is None:
            raise InputError(
                "There are no images to show yet. `fit` keeps some; or set `gan.examples`, a tuple "
                "of arrays as a batch of the data has them."
            )
        count, parts = arguments.integer("count", count), self._side_by_side()
        rows = max(1, min(count // len(parts), len(parts[0])))
        stacked = np.stack([part[:rows] for part in parts], axis=1)
        return {"samples": stacked.reshape(-1, *stacked.shape[2:])}

    def _run(self, network, images, batch_size):
        """Applies a network, with its averaged weights if there are any, to images of one size.

        Raises:
            InputError: for images of another number of channels or another range.
        """
        arguments.integer("batch_size", batch_size)
        images = self.checked_images(images, network)
        if self._sampling is None:
            self._sampling = {}
        run = self._sampling.setdefault(
            id(network), tf.function(lambda x: self._averaged(network, x), reduce_retracing=True)
        )
        return np.concatenate(
            [
                run(tf.constant(images[start : start + batch_size])).numpy()
                for start in range(0, len(images), batch_size)
            ]
        )

    def checked_images(self, images: ArrayLike, network: keras.Model) -> np.ndarray:
        """Returns images `(n, height, width, channels)` in the data's range as float32.

        Raises:
            InputError: for another shape, another range, or integers.
        """
        images = arguments.array("images", images)
        channels = network.input_shape[-1]
        if images.ndim != 4 or images.shape[-1] != channels or not images.size:
            raise InputError(
                f"The images have shape {images.shape}; expected (n, height, width, {channels})."
            )
        checks.batch_fits(images, (None, None, channels), self.data_range, "images")
        return images.astype(np.float32)

    def _averaged(self, network, images):
        with self.averaged():
            return self.any_size(network, images)

    def any_size(self, network: keras.Model, images: ArrayLike) -> np.ndarray:
        """Applies a network to images `(batch, height, width, channels)` of any size.

        Images are mirrored at the lower and the right border up to a multiple of `stride`, and
        the output is cropped.
        """
        size = tf.shape(images)[1:3]
        # Of positive numbers alone: runtimes differ in the remainder of negative ones.
        missing = (self.stride - size % self.stride) % self.stride
        padded = _mirrored(_mirrored(images, 1, missing[0]), 2, missing[1])
        outputs = network(padded, training=False)
        scale = tf.shape(outputs)[1] // tf.shape(padded)[1]
        return self.finished(outputs[:, : size[0] * scale, : size[1] * scale])

    def served(self) -> dict[str, keras.Model]:
        """Returns the networks that `export` writes, by the names of their signatures."""
        return {"serve": self.generator}

    def endpoints(
        self,
        weights: Callable[[], contextlib.AbstractContextManager] | None = None,
        drawn: bool = False,
    ) -> dict[str, exporting.Endpoint]:
        """Returns what is served; see `LatentSampling.endpoints`. Nothing is drawn."""
        weights = weights or self.averaged

        def applied(network):
            def serve(images):
                with weights():
                    return self.any_size(network, images)

            return serve

        found: dict[str, exporting.Endpoint] = {}
        for name, network in self.served().items():
            spec = tf.TensorSpec((None, None, None, network.input_shape[-1]), name="images")
            found[name] = (applied(network), [spec], [network])
        return found

    def _export_by_keras(self, filepath, format, **kwargs):
        raise InputError(
            f"export of {type(self).__name__} writes savedmodel, keras, onnx, litert or web; got "
            f"format={format!r}."
        )


def _mirrored(images, axis: int, missing):
    """Adds `missing` rows or columns to images, mirrored as often as needed."""
    size = tf.shape(images)[axis]
    positions = tf.range(size + missing) % (2 * size)
    return tf.gather(images, tf.minimum(positions, 2 * size - 1 - positions), axis=axis)


def first_samples(dataset):
    """Returns the first samples of a dataset of pairs, as a tuple of two NumPy arrays.

    Batches are joined as long as their images have one size. Returns None if the dataset is empty
    or a batch is not a pair.
    """
    parts, count = [], 0
    for batch in dataset:
        if not isinstance(batch, tuple) or len(batch) != 2:
            return None
        if parts and any(a.shape[1:] != b.shape[1:] for a, b in zip(batch, parts[0], strict=True)):
            break
        parts.append(batch)
        count += len(batch[0])
        if count >= EXAMPLES:
            break
    if not parts:
        return None
    return tuple(np.concatenate(part)[:EXAMPLES] for part in zip(*parts, strict=True))
