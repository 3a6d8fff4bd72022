"""PSNR and SSIM: how near each generated image comes to its own target.

For paired tasks, such as super-resolution and translation. Images are `(batch, height, width,
channels)` with 1 or 3 channels. They are compared as a file of 8 bits would hold them, on the
scale 0..255, so that figures compare with published ones. Both say little of how natural an
image looks: blurred ones score high (Blau and Michaeli 2018).
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
    """The peak signal-to-noise ratio of each image, 10 log10(255² / MSE), in dB.

    Args:
        real: the targets, `(batch, height, width, channels)` with 1 or 3 channels.
        fake: the generated images, of the same shape.
        value_range: (low, high), black and white of the images; they become 0 and 255.
        color: "y" compares the luma of RGB images, "rgb" all channels alike. The luma is that of
            ITU-R BT.601 in studio range, 16..235, as of MATLAB's `rgb2ycbcr`; its peak is taken
            as 255 all the same, as in the super-resolution literature. Images of one channel are
            taken as they are.
        crop: pixels left out at every side; the literature leaves out the scale, 4 for 4x.
        rounded: round and clip the images to the levels 0..255 first, as saving them does. The
            luma is not rounded again, as in BasicSR. MATLAB does that to uint8 images: about
            0.01 dB less at 28 dB and 0.1 dB less at 40 dB.

    Returns:
        A float64 tensor `(batch,)`; infinite for identical images.

    Raises:
        InputError: for images or settings that do not fit.
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
    """The structural similarity of each image (Wang et al. 2004, equations 13 to 17).

    With the settings of the paper (section III.C) and of its reference code: Gaussian windows
    of 11x11 pixels and σ = 1.5 that lie wholly within the image, K1 = 0.01, K2 = 0.03 and a
    peak of 255. Large images are not reduced beforehand. Channels are compared one by one, then
    averaged.

    Args:
        real: the targets, `(batch, height, width, channels)` with 1 or 3 channels.
        fake: the generated images, of the same shape.
        value_range: as `psnr`.
        color: as `psnr`.
        crop: as `psnr`; 11 pixels or more must remain a side.
        rounded: as `psnr`.

    Returns:
        A float64 tensor `(batch,)`: 1 for identical images, near 0 for unrelated ones, and
        never below -1.

    Raises:
        InputError: for images or settings that do not fit.
    """
    _check_settings(color, crop)
    real, fake = _levels(real, fake, value_range, color, crop, rounded, least=WINDOW)
    # The variances are small differences of large numbers: in float32, bright and nearly flat
    # images came out wrong by 7e-5. And float64 is never cut to TF32.
    moments = _blur(ops.concatenate([real, fake, real**2, fake**2, real * fake], axis=-1))
    mean_real, mean_fake, real_2, fake_2, product = ops.split(moments, 5, axis=-1)
    variances = real_2 - mean_real**2 + fake_2 - mean_fake**2
    covariance = product - mean_real * mean_fake
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    above = (2.0 * mean_real * mean_fake + c1) * (2.0 * covariance + c2)
    below = (mean_real**2 + mean_fake**2 + c1) * (variances + c2)
    return ops.mean(above / below, axis=(1, 2, 3))


def _blur(images):
    """Gaussian means of all windows within the images, one axis after the other."""
    weights = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    weights = (weights / weights.sum()).tolist()
    reach = WINDOW - 1
    # Sums of shifted images: XLA fuses them, on a CPU to a third of a float64 convolution's time.
    for axis in (1, 2):
        before = (slice(None),) * axis
        images = sum(
            weight * images[(*before, slice(shift, shift - reach or None))]
            for shift, weight in enumerate(weights)
        )
    return images


def _levels(real, fake, value_range, color, crop, rounded, least):
    """Both batches in float64 on 0..255, cropped, and as luma where that is asked."""
    real, fake = ops.convert_to_tensor(real), ops.convert_to_tensor(fake)
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
    # Super-resolution crops the scale, 4 for 4x.
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
    """The mean over images of a figure that compares each with its target."""

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
        super().__init__(name=name)
        _check_settings(color, crop)
        if value_range is not None:
            value_range = arguments.interval("value_range", value_range)
        self.value_range = value_range
        self.color, self.crop, self.rounded = color, int(crop), bool(rounded)
        self._told_range: Range | None = None
        # In float64 a sum over many images keeps its last digits.
        self.total = self.add_variable((), "zeros", dtype="float64", name="total")
        self.count = self.add_variable((), "zeros", dtype="float64", name="count")

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        """Checks that such samples can be compared, and takes up their range.

        A GAN calls it before its first evaluation. Called by hand it is not needed.

        Args:
            sample_shape: of one sample, `(height, width, channels)`; None where a size is open.
            value_range: (low, high) of the samples, where the metric was not told.
            shared: not used.

        Raises:
            InputError: for samples that are no images of 1 or 3 channels, or too small ones.
        """
        _check_image(tuple(sample_shape), self.crop, self._least)
        if value_range is not None:
            self._told_range = arguments.interval("value_range", value_range)

    def update_state(self, real: Tensors, fake: Tensors, sample_weight: ArrayLike = None) -> None:
        """Adds a batch.

        Args:
            real: the targets, `(batch, height, width, channels)`.
            fake: the generated images, of the same shape.
            sample_weight: None, or how much each image counts, `(batch,)`.

        Raises:
            InputError: for images that do not fit.
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
            # An image without weight must not count, not even where its value is infinite.
            values = ops.where(weights == 0.0, ops.zeros_like(values), values)
        self.total.assign(self.total + ops.sum(weights * values))
        self.count.assign(self.count + ops.sum(weights))

    def result(self) -> Any:
        """The mean over all images, a scalar; NaN while none was seen."""
        # NaN is no best epoch to anyone who watches; 0 would be.
        return ops.cast(self.total / self.count, self.dtype)

    def merge_state(self, metrics: Iterable) -> None:
        """Adds what other metrics of the same class and settings have seen.

        Raises:
            InputError: where class or settings differ; then nothing is added.
        """
        metrics = list(metrics)
        for other in metrics:
            if type(other) is not type(self):
                raise InputError(
                    f"{self.name} is a {type(self).__name__}; a {type(other).__name__} cannot be "
                    "added to it."
                )
            mine, theirs = self.settings(), other.settings()
            apart = [key for key in mine if mine[key] != theirs[key]]
            if apart:
                raise InputError(
                    f"{other.name} cannot be added to {self.name}: "
                    + ", ".join(f"{key} is {theirs[key]} and {mine[key]}" for key in apart)
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
        """What figures must have in common to be added up."""
        settings = {**self.get_config(), "value_range": self._range()}
        del settings["name"]
        return settings

    def _range(self):
        return self.value_range or self._told_range or (-1.0, 1.0)

    def _values(self, real, fake):
        raise NotImplementedError


@keras.saving.register_keras_serializable("kgan")
class PSNR(_Paired):
    """The peak signal-to-noise ratio in dB, 10 log10(255² / MSE), averaged over images.

    The mean is taken over the images' values, as in the super-resolution literature, not over
    their squared errors.

    Args:
        value_range: (low, high), black and white of the images. None takes what `prepare` says,
            else (-1, 1).
        color: "y" compares the luma of RGB images (ITU-R BT.601, 16..235, as of MATLAB's
            `rgb2ycbcr`; the peak stays 255, as in the literature), "rgb" all channels alike.
            Images of one channel are taken as they are.
        crop: pixels left out at every side; the literature leaves out the scale, 4 for 4x.
        rounded: round and clip the images to the levels 0..255 first, as saving them does; see
            `kgan.metrics.psnr`.
        ceiling: the most that an image can count, in dB. Identical images have an infinite PSNR,
            and one such pair would hide all others. 100 dB is a mean squared error of 6.5e-6
            levels², which only identical and all but identical images go below. None keeps to
            the definition; then the mean can be infinite.
        name: in the logs.

    Raises:
        InputError: for settings that do not fit.
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
        super().__init__(value_range, color, crop, rounded, name=name or "psnr")
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
    """The structural similarity (Wang et al. 2004), averaged over images; 1 where identical.

    Gaussian windows of 11x11 pixels and σ = 1.5, K1 = 0.01, K2 = 0.03, peak 255; see
    `kgan.metrics.ssim`.

    Args:
        value_range: as `PSNR`.
        color: as `PSNR`; of "rgb" the channels' values are averaged.
        crop: as `PSNR`; 11 pixels or more must remain a side.
        rounded: as `PSNR`.
        name: in the logs.

    Raises:
        InputError: for settings that do not fit.
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
        super().__init__(value_range, color, crop, rounded, name=name or "ssim")

    def _values(self, real, fake):
        return ssim(real, fake, self._range(), self.color, self.crop, self.rounded)
