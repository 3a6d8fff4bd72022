"""PSNR and SSIM, which compare each generated image with its own target.

For paired tasks, such as super-resolution and translation. Images are `(batch, height, width,
channels)` with 1 or 3 channels. They are compared on the scale 0..255, as an 8-bit file holds
them, so that figures can be compared with published ones. Neither metric measures how natural an
image looks: blurred images score high (Blau and Michaeli 2018).
"""

import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from kgan import arguments
from kgan.errors import InputError
from kgan.typing import ArrayLike, Config, Range, Shape, Tensor, Tensors

PEAK = 255.0
# ITU-R BT.601, Y = 16 + 65.481 R + 128.553 G + 24.966 B with R, G and B in [0, 1].
LUMA, BLACK = (65.481, 128.553, 24.966), 16.0
COLORS = ("rgb", "y")
# Wang et al. 2004, section III.C.
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03


def psnr(
    real: Tensors,
    fake: Tensors,
    value_range: Range = (-1.0, 1.0),
    color: str = "y",
    crop: int = 0,
    rounded: bool = True,
) -> Tensor:
    """Computes the peak signal-to-noise ratio of each image, 10 log10(255² / MSE), in dB.

    Args:
        real: the targets, `(batch, height, width, channels)` with 1 or 3 channels.
        fake: the generated images, of the same shape.
        value_range: (low, high) of the images; they are scaled to 0..255.
        color: "y" compares the luma of RGB images, "rgb" all channels with equal weight. The
            luma is that of ITU-R BT.601 in studio range, 16..235, as in MATLAB's `rgb2ycbcr`.
            Its peak is nevertheless taken as 255, as in the super-resolution literature. Images
            with one channel are compared as they are.
        crop: pixels left out at every side; the literature leaves out the scale, 4 for 4x.
        rounded: whether to round and clip the images to the levels 0..255 first, as saving them
            does. The luma is not rounded again, as in BasicSR. MATLAB rounds it for uint8 images,
            which gives about 0.01 dB less at 28 dB and 0.1 dB less at 40 dB.

    Returns:
        A float64 tensor `(batch,)`; infinite for identical images.

    Raises:
        InputError: if the images differ in shape or cannot be compared, or a setting is invalid.
    """
    _check_settings(color, crop)
    real, fake = _levels(real, fake, value_range, color, crop, rounded, least=1)
    error = ops.mean(ops.square(real - fake), axis=(1, 2, 3))
    return 20.0 * math.log10(PEAK) - 10.0 * ops.log10(error)


def ssim(
    real: Tensors,
    fake: Tensors,
    value_range: Range = (-1.0, 1.0),
    color: str = "y",
    crop: int = 0,
    rounded: bool = True,
) -> Tensor:
    """Computes the structural similarity of each image (Wang et al. 2004, equations 13 to 17).

    The settings are those of the paper (section III.C) and of its reference code: Gaussian
    windows of 11x11 pixels with σ = 1.5 that lie wholly in the image, K1 = 0.01, K2 = 0.03 and a
    peak of 255. Large images are not reduced beforehand. Each channel is compared on its own, and
    the results are averaged.

    Args:
        real: the targets, `(batch, height, width, channels)` with 1 or 3 channels.
        fake: the generated images, of the same shape.
        value_range: as in `psnr`.
        color: as in `psnr`.
        crop: as in `psnr`; height and width must keep 11 pixels or more.
        rounded: as in `psnr`.

    Returns:
        A float64 tensor `(batch,)`: 1 for identical images, near 0 for unrelated ones, and
        never below -1.

    Raises:
        InputError: if the images differ in shape or cannot be compared, or a setting is invalid.
    """
    _check_settings(color, crop)
    real, fake = _levels(real, fake, value_range, color, crop, rounded, least=WINDOW)
    # The variances are small differences of large numbers: in float32, the result for bright and
    # nearly flat images was wrong by 7e-5. Nor does TensorFlow round float64 to TF32.
    moments = _blur(ops.concatenate([real, fake, real**2, fake**2, real * fake], axis=-1))
    mean_real, mean_fake, real_2, fake_2, product = ops.split(moments, 5, axis=-1)
    variances = real_2 - mean_real**2 + fake_2 - mean_fake**2
    covariance = product - mean_real * mean_fake
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    numerator = (2.0 * mean_real * mean_fake + c1) * (2.0 * covariance + c2)
    denominator = (mean_real**2 + mean_fake**2 + c1) * (variances + c2)
    return ops.mean(numerator / denominator, axis=(1, 2, 3))


def _blur(images):
    """Returns the Gaussian means of all windows in the images, computed axis by axis."""
    weights = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    weights = (weights / weights.sum()).tolist()
    reach = WINDOW - 1
    # XLA fuses these sums of shifted images: on a CPU they take a third of the time of a float64
    # convolution.
    for axis in (1, 2):
        before = (slice(None),) * axis
        images = sum(
            weight * images[(*before, slice(shift, shift - reach or None))]
            for shift, weight in enumerate(weights)
        )
    return images


def _levels(real, fake, value_range, color, crop, rounded, least):
    """Returns both batches in float64 on 0..255, cropped, and converted to luma for "y"."""
    if not (keras.ops.is_tensor(real) and keras.ops.is_tensor(fake)):
        real, fake = arguments.array("real", real), arguments.array("fake", fake)
    real, fake = ops.convert_to_tensor(real), ops.convert_to_tensor(fake)
    rounded = arguments.flag("rounded", rounded)
    given = tuple(real.shape), tuple(fake.shape)
    if len(given[0]) != len(given[1]) or any(
        None not in sizes and sizes[0] != sizes[1] for sizes in zip(*given, strict=True)
    ):
        raise InputError(
            f"Real and generated images must be of one shape; got {given[0]} and {given[1]}. "
            "Each generated image is compared with its own target."
        )
    if len(given[0]) != 4:
        raise InputError(
            "Expected batches of images, (batch, height, width, channels); got the shape "
            f"{given[0]}. Give a single image as image[None]."
        )
    _check_image(given[0][1:], crop, least)
    low, high = arguments.interval("value_range", value_range)
    for images in (real, fake):
        kind = keras.backend.standardize_dtype(images.dtype)
        if "int" in kind and high - low <= 2:
            raise InputError(
                f"The images are of {kind}, and the value range is {(low, high)}. "
                "Give value_range=(0, 255) for images of 8 bits."
            )
    return tuple(_as_level(images, low, high, color, crop, rounded) for images in (real, fake))


def _as_level(images, low, high, color, crop, rounded):
    if crop:
        images = images[:, crop:-crop, crop:-crop]
    images = (ops.cast(images, "float64") - low) * (PEAK / (high - low))
    if rounded:
        images = ops.clip(ops.round(images), 0.0, PEAK)
    if color == "y" and images.shape[-1] == 3:
        red, green, blue = ops.split(images, 3, axis=-1)
        images = BLACK + (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue) / PEAK
    return images


def _check_settings(color, crop):
    arguments.choice("color", color, COLORS)
    arguments.integer("crop", crop, least=0)


def _check_image(shape, crop, least):
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise InputError(
            "PSNR and SSIM compare images (height, width, channels) of 1 or 3 channels; got the "
            f"shape {tuple(shape)}. Leave these metrics out for other samples."
        )
    if any(size is not None and size - 2 * crop < least for size in shape[:2]):
        raise InputError(
            f"Images of {shape[0]}x{shape[1]} pixels, less {crop} at every side, leave less than "
            f"the {least}x{least} that this metric needs. Use larger images or a smaller crop."
        )


class _Paired(keras.metrics.Metric):
    """The mean over images of a figure that compares each image with its target."""

    _direction = "up"
    _least = 1

    def __init__(
        self,
        value_range: Range | None = None,
        color: str = "y",
        crop: int = 0,
        rounded: bool = True,
        name: str | None = None,
    ):
        if name is not None:
            arguments.text("name", name)
        super().__init__(name=name)
        _check_settings(color, crop)
        if value_range is not None:
            value_range = arguments.interval("value_range", value_range)
        self.value_range = value_range
        self.color, self.crop = color, int(crop)
        self.rounded = arguments.flag("rounded", rounded)
        self._prepared_range: Range | None = None
        # In float64 the sum over many images stays exact.
        self.total = self.add_variable((), "zeros", dtype="float64", name="total")
        self.count = self.add_variable((), "zeros", dtype="float64", name="count")

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        """Checks that the samples can be compared, and sets their range.

        A GAN calls it before its first evaluation; a user need not call it.

        Args:
            sample_shape: shape of one sample, `(height, width, channels)`; an unknown size is
                None.
            value_range: (low, high) of the samples; used if the metric has no `value_range`.
            shared: not used.

        Raises:
            InputError: if the samples are not images with 1 or 3 channels, or are too small.
        """
        _check_image(tuple(sample_shape), self.crop, self._least)
        if value_range is not None:
            self._prepared_range = arguments.interval("value_range", value_range)

    def update_state(self, real: Tensors, fake: Tensors, sample_weight: ArrayLike = None) -> None:
        """Adds a batch.

        Args:
            real: the targets, `(batch, height, width, channels)`.
            fake: the generated images, of the same shape.
            sample_weight: None, or the weight of each image, `(batch,)`.

        Raises:
            InputError: if the images cannot be compared, or the weights have another shape.
        """
        values = self._values(real, fake)
        if sample_weight is None:
            weights = ops.ones_like(values)
        else:
            weights = ops.cast(sample_weight, values.dtype)
            if len(weights.shape) > 1 and math.prod(weights.shape[1:]) != 1:
                raise InputError(
                    f"{self.name} weighs whole images: sample_weight must be of shape (batch,); "
                    f"got {tuple(weights.shape)}."
                )
            if len(weights.shape) > 1:
                weights = ops.reshape(weights, (-1,))
            weights = ops.broadcast_to(weights, ops.shape(values))
            # An infinite value times a weight of 0 would be NaN.
            values = ops.where(weights == 0.0, ops.zeros_like(values), values)
        self.total.assign(self.total + ops.sum(weights * values))
        self.count.assign(self.count + ops.sum(weights))

    def result(self) -> Any:
        """Returns the mean over all images, a scalar; NaN before the first image."""
        # Without images NaN (0 / 0): a callback that looks for the best epoch could take a 0.
        return ops.cast(self.total / self.count, self.dtype)

    def merge_state(self, metrics: Iterable) -> None:
        """Adds the images of other metrics of the same class and settings.

        Raises:
            InputError: if the class or the settings differ; then nothing is added.
        """
        metrics = list(metrics)
        for other in metrics:
            if type(other) is not type(self):
                raise InputError(
                    f"{self.name} is a {type(self).__name__}; a {type(other).__name__} cannot be "
                    "added to it."
                )
            mine, theirs = self.settings(), other.settings()
            different = [key for key in mine if mine[key] != theirs[key]]
            if different:
                raise InputError(
                    f"{other.name} cannot be added to {self.name}: "
                    + ", ".join(f"{key} is {theirs[key]} and {mine[key]}" for key in different)
                    + ". Give both the same settings."
                )
        for other in metrics:
            self.total.assign(self.total + other.total)
            self.count.assign(self.count + other.count)

    def get_config(self) -> Config:
        return {
            "value_range": self.value_range,
            "color": self.color,
            "crop": self.crop,
            "rounded": self.rounded,
            "name": self.name,
        }

    def settings(self) -> dict[str, Any]:
        """Returns the settings that metrics must have in common to be merged."""
        settings = {**self.get_config(), "value_range": self._range()}
        del settings["name"]
        return settings

    def _range(self):
        return self.value_range or self._prepared_range or (-1.0, 1.0)

    def _values(self, real, fake):
        """Returns the figure of each image, float64 `(batch,)`."""
        raise NotImplementedError


@keras.saving.register_keras_serializable("kgan")
class PSNR(_Paired):
    """The peak signal-to-noise ratio in dB, 10 log10(255² / MSE), averaged over images.

    The mean is taken over the PSNR of the images, as in the super-resolution literature, not over
    their squared errors. More is better.

    Args:
        value_range: (low, high) of the images. None takes the range that `prepare` is given, else
            (-1, 1).
        color: "y" compares the luma of RGB images (ITU-R BT.601, 16..235, as in MATLAB's
            `rgb2ycbcr`; the peak stays 255, as in the literature), "rgb" all channels with equal
            weight. Images with one channel are compared as they are.
        crop: pixels left out at every side; the literature leaves out the scale, 4 for 4x.
        rounded: whether to round and clip the images to the levels 0..255 first, as saving them
            does; see `kgan.metrics.psnr`.
        ceiling: the highest value that an image can contribute, in dB. Identical images have an
            infinite PSNR, and one such pair would make the mean infinite. 100 dB is a mean squared
            error of 6.5e-6 levels²; only nearly identical images have a smaller one. None sets no
            ceiling.
        name: the name in the logs.

    Raises:
        InputError: if a setting is invalid.
    """

    def __init__(
        self,
        value_range: Range | None = None,
        color: str = "y",
        crop: int = 0,
        rounded: bool = True,
        ceiling: float | None = 100.0,
        name: str = "psnr",
    ):
        super().__init__(value_range, color, crop, rounded, name="psnr" if name is None else name)
        if ceiling is not None:
            ceiling = arguments.number("ceiling", ceiling, above=0, or_else="None")
        self.ceiling = ceiling

    def _values(self, real, fake):
        values = psnr(real, fake, self._range(), self.color, self.crop, self.rounded)
        return values if self.ceiling is None else ops.minimum(values, float(self.ceiling))

    def get_config(self) -> Config:
        return {**super().get_config(), "ceiling": self.ceiling}


@keras.saving.register_keras_serializable("kgan")
class SSIM(_Paired):
    """The structural similarity (Wang et al. 2004), averaged over images; 1 if all are identical.

    Gaussian windows of 11x11 pixels and σ = 1.5, K1 = 0.01, K2 = 0.03, peak 255; see
    `kgan.metrics.ssim`.

    Args:
        value_range: as in `PSNR`.
        color: as in `PSNR`; with "rgb" the values of the channels are averaged.
        crop: as in `PSNR`; height and width must keep 11 pixels or more.
        rounded: as in `PSNR`.
        name: the name in the logs.

    Raises:
        InputError: if a setting is invalid.
    """

    _least = WINDOW

    def __init__(
        self,
        value_range: Range | None = None,
        color: str = "y",
        crop: int = 0,
        rounded: bool = True,
        name: str = "ssim",
    ):
        super().__init__(value_range, color, crop, rounded, name="ssim" if name is None else name)

    def _values(self, real, fake):
        return ssim(real, fake, self._range(), self.color, self.crop, self.rounded)
