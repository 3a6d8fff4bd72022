"""Games whose generators start from an image: what Pix2Pix, CycleGAN and SRGAN share."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, checks, replicas
from kgan.errors import InputError
from kgan.gan import Game
from kgan.inference import exporting
from kgan.inference.sampling import Sampling
from kgan.training import feed
from kgan.typing import ArrayLike, Tensor, Tensors

# Images that a preview shows, and that `fit` therefore keeps.
EXAMPLES = 8


class ImageToImage(Sampling, Game):
    """From images to images: `translate`, `preview` and `export` in place of `generate`.

    A subclass sets `takes`, in words, and writes `_rows`, `translate` and `export`.

    Attributes:
        examples: what previews show, `(parts, ...)` of a few samples as the data yields them.
            `fit` takes the first of its data, validation data first, unless they are set.
        signatures: what the SavedModel of `export` answers to, in words.
        stride: sizes that networks take are multiples of it; `translate` pads others.
    """

    signatures = "serve(images)"
    stride = 1
    examples = None
    latents = None

    def two_parts(self, data: Any) -> tuple[Any, Any]:
        """The two parts of a batch, checked to be two."""
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise InputError(
                f"{type(self).__name__} takes a dataset of batches with two parts: {self.takes}."
            )
        first, second = data
        return first, second

    def draw(self, count: int | Tensor, seed: Tensor, truncation: float | None = None) -> Tensors:
        """None: there is no noise but Dropout's."""
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

    def _rows(self) -> list:
        """What a preview shows side by side: arrays `(samples, height, width, channels)`."""
        raise NotImplementedError

    def preview(self, count: int = 64, seed: int = 0) -> dict[str, np.ndarray]:
        """Pictures for callbacks to draw: in a row what goes in, what comes out, and the truth.

        Args:
            count: at most so many pictures, in full rows.
            seed: has no meaning here.

        Raises:
            InputError: before there are `examples`.
        """
        if self.examples is None:
            raise InputError(
                "There are no images to show yet. `fit` keeps some; or set `gan.examples`, a tuple "
                "of arrays as a batch of the data has them."
            )
        rows = self._rows()
        rows = max(1, min(count // len(rows), len(rows[0]))), rows
        stacked = np.stack([part[: rows[0]] for part in rows[1]], axis=1)
        return {"samples": stacked.reshape(-1, *stacked.shape[2:])}

    def _run(self, network, images, batch_size):
        """A network over images of one size, any, with the averaged weights where there are such.

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
        """`(n, height, width, channels)` images in the data's range, as float32.

        Raises:
            InputError: for another shape, another range, or integers.
        """
        images = np.asarray(images)
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
        """A network over images `(batch, height, width, channels)` whose size it may not take.

        They are mirrored at the lower and the right border up to a multiple of `stride`, and
        what comes out is cut.
        """
        size = tf.shape(images)[1:3]
        more = (-size) % self.stride
        padded = _mirrored(_mirrored(images, 1, more[0]), 2, more[1])
        made = network(padded, training=False)
        scale = tf.shape(made)[1] // tf.shape(padded)[1]
        return self.finished(made[:, : size[0] * scale, : size[1] * scale])

    def _export(self, filepath, endpoints, format, verbose, **kwargs):
        """Writes a SavedModel whose endpoints are networks over images of any size."""
        if format != "tf_saved_model":
            raise InputError(
                f"export of {type(self).__name__} writes a SavedModel; got format={format!r}."
            )
        served = {}
        for name, network in endpoints.items():
            spec = tf.TensorSpec((None, None, None, network.input_shape[-1]), name="images")
            served[name] = (self._served(network), [spec])
        exporting.write_saved_model(
            filepath, served, endpoints.values(), self.average, verbose=bool(verbose), **kwargs
        )

    def _served(self, network):
        return lambda images: self._averaged(network, images)


def _mirrored(images, axis: int, more):
    """Images with so many rows or columns more, mirrored as often as it takes."""
    size = tf.shape(images)[axis]
    places = tf.range(size + more) % (2 * size)
    return tf.gather(images, tf.minimum(places, 2 * size - 1 - places), axis=axis)


def first_samples(dataset):
    """The first samples of a dataset, batches of one size joined, as NumPy arrays."""
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
