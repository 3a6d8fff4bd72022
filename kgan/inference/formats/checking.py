"""A file that was written is run by its own runtime, compared with the model, and priced."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kgan.errors import InputError
from kgan.inference.formats import served as serving
from kgan.inference.formats.served import Served

# float32 differs by the order of additions alone, in parts of half the data's range.
EXACT = 1e-4
# In decibels, against float32. 30 dB are an error of 3 % of the range, 8 of 255 grey levels, at the
# weak end of what JPEG leaves of a photograph. Points have structure finer than that: the modes of
# the ring are 0.5 % of its range wide, and at 36 dB most points leave them, which the Fréchet
# distance does not notice. 50 dB are an error of 0.3 %.
LEAST_OF_IMAGES, LEAST_OF_POINTS = 30.0, 50.0
# Samples compared, and calls timed.
COMPARED, TIMED = 64, 20


@dataclasses.dataclass(frozen=True)
class Price:
    """What a file costs and what it loses.

    Attributes:
        format, precision: what was written; see `kgan.inference.formats.names`.
        path: the file or folder.
        bytes: its size.
        psnr: peak signal-to-noise ratio in dB of its samples against the model's in float32, for
            the same inputs; infinite if they are equal.
        largest: the largest difference of a number, in the data's unit.
        milliseconds: the median time of one sample in its own runtime on this machine.
        frechet: (the model's, the file's) Fréchet distance to test data, from the same latents;
            None where it was not measured.
        extractor: whose features those are of.
    """

    format: str
    precision: str
    path: str
    bytes: int
    psnr: float
    largest: float
    milliseconds: float
    frechet: tuple[float, float] | None = None
    extractor: str | None = None

    def record(self) -> dict[str, Any]:
        """Returns it as JSON has it: an infinite PSNR is None."""
        found = dataclasses.asdict(self)
        return found | {"psnr": self.psnr if math.isfinite(self.psnr) else None}

    def __str__(self) -> str:
        equal = "equal to float32" if math.isinf(self.psnr) else f"PSNR {self.psnr:.1f} dB"
        parts = [
            f"{self.format} {self.precision}: {size_of(self.bytes)}",
            f"{equal} (largest difference {self.largest:.2g})",
            f"{self.milliseconds:.2g} ms a sample",
        ]
        if self.frechet:
            before, after = self.frechet
            parts.append(f"Fréchet distance {before:.3f} -> {after:.3f} ({self.extractor})")
        return ", ".join(parts)


def size_of(count: int) -> str:
    """Returns a number of bytes in words: "348 kB", "12.1 MB"."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"


def bytes_of(path: Path) -> int:
    """Returns the size of a file, or of all in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file())


def psnr(samples: np.ndarray, truth: np.ndarray, value_range: float) -> float:
    """Returns the peak signal-to-noise ratio in dB; infinite for equal samples."""
    error = np.mean((samples.astype(np.float64) - truth.astype(np.float64)) ** 2)
    return 10 * math.log10(value_range**2 / error) if error else math.inf


def priced(
    served: Served,
    run: Callable[..., np.ndarray],
    path: Path,
    format: str,
    precision: str,
    images: Any = None,
) -> Price:
    """Runs a file that was written on what it was not calibrated with, and returns its price.

    Args:
        served: what was written.
        run: from inputs by name to samples, in the file's own runtime.
        path: the file or folder.
        format, precision: as they go into the price.
        images: see `Served.trials`.
    """
    inputs = served.trials(COMPARED, serving.JUDGEMENT, images)
    tried = [inputs]
    if images is not None:
        # Of another size, which is no multiple of the stride.
        gan, channels = served.gan, served.inputs[0].shape[-1]
        noise = serving.smooth_noise(1, channels, gan.data_range, serving.JUDGEMENT)
        tried.insert(0, {"images": noise})
    for each in tried:
        truth = np.asarray(served.call(*(tf.constant(each[spec.name]) for spec in served.inputs)))
        found = run(**each)
        if found.shape != truth.shape:
            raise InputError(
                f"{format} makes samples of shape {found.shape} where the model makes "
                f"{truth.shape}: the generator cannot be written so. Write a SavedModel."
            )
    one = {name: values[:1] for name, values in inputs.items()}
    times = []
    for _ in range(TIMED + 3):
        begun = time.perf_counter()
        run(**one)
        times.append(1e3 * (time.perf_counter() - begun))
    return Price(
        format=format,
        precision=precision,
        path=str(path),
        bytes=bytes_of(path),
        psnr=psnr(found, truth, serving.value_range(served.gan, truth)),
        largest=float(np.abs(found.astype(np.float64) - truth).max()),
        milliseconds=statistics.median(times[3:]),
    )


def check(price: Price, gan: Any, sample_rank: int) -> None:
    """Checks that a file makes the model's samples.

    Raises:
        InputError: if it ruins them: float32 that is not equal, or less PSNR than the bound of
            images or points.
    """
    low, high = gan.data_range or (-1.0, 1.0)
    if price.precision == "float32" and not price.largest <= EXACT * (high - low) / 2:
        raise InputError(
            f"{price.format} makes other samples than the model: they differ by up to "
            f"{price.largest:.2g}, where float32 differs by less than {EXACT:g}. No file was kept; "
            "write a SavedModel, or keep it with force=True, on the command line --force."
        )
    least = LEAST_OF_IMAGES if sample_rank == 3 else LEAST_OF_POINTS
    if not price.psnr >= least:
        what = "images" if sample_rank == 3 else "samples that are no images"
        raise InputError(
            f"{price.format} in {price.precision} ruins the samples: {price.psnr:.1f} dB against "
            f"float32, where {what} need {least:g} dB. No file was kept; take float16, or keep it "
            "with force=True, on the command line --force."
        )
