"""Signs of trouble in samples and scores: figures that `CollapseMonitor` and `verdict` judge."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kgan.metrics.distances import between, with_norms, within
from kgan.metrics.memorisation import nearer
from kgan.typing import Shape

# A value this near to an end of the range, as a share of it, counts as clipped: half a step of
# eight bits.
END = 1 / 510
# The least power of a pattern that is seen, as a share of that of the real images.
LEAST_POWER = 1e-4
# A change of the distance over the last third of a training that counts, and of how many standard
# errors.
CHANGE, CERTAIN = 0.05, 2.0
# Fewer measurements show no trend.
LEAST_MEASUREMENTS = 6
# Rows of a distance matrix in a block.
_BLOCK = 512
# Sides of images that have room for frequencies between those of the doublings.
LEAST_SIDE = 12


def mean_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Computes the mean Euclidean distance between samples of two sets, `(m, d)` and `(n, d)`."""
    parts = [np.sqrt(squares).sum() for _, squares in between(with_norms(one), with_norms(other))]
    return float(sum(parts) / (len(one) * len(other)))


def inner_distance(samples: np.ndarray) -> float:
    """Computes the mean Euclidean distance over all pairs of different samples of a set."""
    parts = [np.sqrt(squares).sum() for _, squares in within(with_norms(samples))]
    return float(sum(parts) / (len(samples) * (len(samples) - 1)))


def energy(real: np.ndarray, fake: np.ndarray, within_real: float | None = None) -> float:
    """Computes how far two sets of samples are apart: 0 for one distribution, at most 1.

    The energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| as a share of 2 E|X - Y| (Székely and
    Rizzo 2013, "Energy statistics", section 3). It is 0 only if the distributions are equal. The
    means over pairs leave out a sample's distance to itself, so that few samples have no bias;
    what falls below 0 by chance is returned as 0.

    Args:
        real, fake: features `(m, width)` and `(n, width)`, of two samples or more.
        within_real: `inner_distance(real)`, if it is known.
    """
    centre = np.mean(real, axis=0, dtype="float64")
    real, fake = real - centre, fake - centre
    across = 2 * mean_distance(real, fake)
    if across == 0:
        return 0.0
    own = inner_distance(real) if within_real is None else within_real
    return max((across - own - inner_distance(fake)) / across, 0.0)


@dataclass(frozen=True)
class Trend:
    """How a distance to real samples went in the last third of a training.

    Attributes:
        begin, end: its means over the first and the second half of that third.
        measurements: how often it was measured there.
        zeros: how many of them were 0, the least that the samples can show.
        certain: whether it moved by more than chance and by more than 5 %.
    """

    begin: float
    end: float
    measurements: int
    zeros: int
    certain: bool

    @property
    def change(self) -> float:
        """The change from begin to end as a share of begin; 0 if most measurements were 0."""
        return 0.0 if self.arrived else (self.end - self.begin) / max(self.begin, 1e-12)

    @property
    def arrived(self) -> bool:
        """Whether most measurements were 0."""
        return 2 * self.zeros > self.measurements

    @property
    def falls(self) -> bool:
        """Whether the samples certainly got nearer to the real ones."""
        return self.certain and self.change < 0


def trend(distances: Iterable) -> Trend | None:
    """Returns how distances went in the last third of a training; None for fewer than six there.

    Args:
        distances: pairs (step, distance), the oldest first; NaN is left out.
    """
    rows = np.array([(step, value) for step, value in distances if math.isfinite(value)])
    if len(rows):
        rows = rows[rows[:, 0] >= rows[-1, 0] * 2 / 3]
    if len(rows) < LEAST_MEASUREMENTS:
        return None
    steps, values = rows.T
    centred = steps - steps.mean()
    slope = (centred @ values) / (centred @ centred)
    rest = values - values.mean() - slope * centred
    error = math.sqrt((rest @ rest) / (len(rows) - 2) / (centred @ centred))
    half = len(rows) // 2
    begin, end = float(values[:half].mean()), float(values[-half:].mean())
    certain = abs(slope) > CERTAIN * error and abs(end - begin) > CHANGE * max(begin, 1e-12)
    return Trend(begin, end, len(rows), int((values == 0).sum()), certain)


def overfitting(train: np.ndarray, held_out: np.ndarray, fake: np.ndarray) -> float:
    """Computes r_v from a discriminator's scores: 0 for none, 1 for complete overfitting.

    (E[D_train] - E[D_validation]) / (E[D_train] - E[D_generated]): Karras et al. 2020, "Training
    generative adversarial networks with limited data", section 3, equation 1.

    Args:
        train, held_out, fake: scores of training, held-out and generated samples, one a sample.

    Returns:
        r_v; NaN where the scores of the training samples do not lie above the others by three
        standard errors, so that there is nothing to overfit, or nothing certain.
    """
    apart = train.mean() - fake.mean()
    noise = math.sqrt(train.var() / len(train) + fake.var() / len(fake))
    if not apart > 3 * noise:
        return math.nan
    gap = train.mean() - held_out.mean()
    noise = math.sqrt(train.var() / len(train) + held_out.var() / len(held_out))
    return float(gap / apart) if gap > 3 * noise else 0.0


class Neighbours:
    """Compares generated samples with their nearest training samples, faster than a metric.

    Large images are reduced first, by means over squares of pixels. A copy is nearer to its
    original than new real samples are to any training sample, and much nearer to it than to other
    training samples; the second tells it from a blurred image, which is near to all.

    Args:
        training: training samples `(n, ...)`, six or more.
        held_out: samples that are held out from training `(m, ...)`; None compares with the
            distances of training samples to the nearest other one.
    """

    def __init__(self, training: np.ndarray, held_out: np.ndarray | None = None):
        flat = _reduced(training)
        self._centre = flat.mean(axis=0)
        flat -= self._centre
        self._training = flat, np.einsum("ij,ij->i", flat, flat)
        if held_out is None:
            self._usual = self._nearest(flat, itself=True)
        else:
            self._usual = self._nearest(_reduced(held_out) - self._centre)

    def copies(self, samples: np.ndarray) -> tuple[float, float, float]:
        """Returns three figures that tell copies.

        - The probability that a generated sample lies nearer to the training samples than a new
          one; see `kgan.metrics.Memorisation`.
        - The ratio of the median distances, of generated to new samples; NaN if most new samples
          are training samples.
        - The median ratio of the distances to the nearest and to the fifth nearest training
          sample, relative to that of new samples: 1 for samples that are like new ones, 0 for
          copies.
        """
        first, fifth = self._nearest(_reduced(samples) - self._centre)
        usual, usual_fifth = self._usual
        middle = float(np.median(usual))
        if not middle > 0:
            return nearer(first, usual), math.nan, math.nan
        alone = _median_ratio(first, fifth) / _median_ratio(usual, usual_fifth)
        return nearer(first, usual), float(np.median(first)) / middle, alone

    def copied(self, samples: np.ndarray) -> float:
        """Returns the share of samples that are copies by the measure of new samples.

        A copy is nearer to its original than the median new one to any training sample, and nearer
        to it, relative to the fifth nearest, than 99 % of the new ones. So at most 1 % of new
        samples count as copies.
        """
        first, fifth = self._nearest(_reduced(samples) - self._centre)
        usual, usual_fifth = self._usual
        alone = np.quantile(usual / np.maximum(usual_fifth, 1e-12), 0.01)
        alike = first / np.maximum(fifth, 1e-12) < alone
        return float(np.mean(alike & (first < np.median(usual))))

    def _nearest(self, samples, itself=False):
        """Returns distances to the nearest and to the fifth nearest training sample."""
        training, norms = self._training
        place = int(itself)
        first, fifth = [], []
        for start in range(0, len(samples), _BLOCK):
            rows = samples[start : start + _BLOCK]
            squares = norms + np.einsum("ij,ij->i", rows, rows)[:, None] - 2 * rows @ training.T
            nearest = np.partition(squares, [place, place + 4], axis=1)
            first.append(nearest[:, place])
            fifth.append(nearest[:, place + 4])
        both = (np.concatenate(part) for part in (first, fifth))
        return tuple(np.sqrt(np.maximum(part, 0.0)) for part in both)


def _median_ratio(one, other):
    return float(np.median(one / np.maximum(other, 1e-12)))


def _reduced(samples):
    """Returns samples in rows, float32; images with at most 16 to 31 pixels a side."""
    samples = np.asarray(samples, "float32")
    if samples.ndim == 4:
        factor = max(1, min(samples.shape[1:3]) // 16)
        height, width = (side // factor for side in samples.shape[1:3])
        samples = samples[:, : height * factor, : width * factor]
        shape = (len(samples), height, factor, width, factor, samples.shape[3])
        samples = samples.reshape(shape).mean(axis=(2, 4))
    return samples.reshape(len(samples), -1)


def clipped(samples: np.ndarray, value_range: tuple[float, float]) -> float:
    """Computes the share of values that lie at an end of the range, within half of 1/255."""
    low, high = value_range
    margin = END * (high - low)
    return float(np.mean((samples <= low + margin) | (samples >= high - margin)))


def has_spectrum(shape: Shape) -> bool:
    """Returns whether samples of a shape are images in which `checkerboard` finds a pattern."""
    return len(shape) == 3 and all(side >= LEAST_SIDE and side % 2 == 0 for side in shape[:2])


def peaks(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the mean power of images at the frequencies of a pixel pattern, and around them.

    Layers that double the sides of feature maps can draw a pattern with a period of two pixels,
    or of four if two of them do (Odena et al. 2016, "Deconvolution and checkerboard artifacts").
    In the mean power spectrum it is a peak at the frequencies 1/2 and 1/4 of a pixel, along one
    side or both.

    Args:
        images: `(batch, height, width, channels)`.

    Returns:
        The power at each of these frequencies, and the median power around each.
    """
    spectrum = _spectrum(images)
    height, width = spectrum.shape
    at, around = [], []
    for part in (2, 4):
        if height % part or width % part or min(height, width) < LEAST_SIDE * part / 2:
            continue
        for y, x in ((height // part, 0), (0, width // part), (height // part, width // part)):
            # The window spreads a peak over its neighbours: those after next are compared with.
            offsets = [(a, b) for a in (-3, 0, 3) for b in (-3, 0, 3) if (a, b) != (0, 0)]
            at.append(spectrum[y, x])
            around.append(
                np.median([spectrum[(y + a) % height, (x + b) % width] for a, b in offsets])
            )
    return np.array(at), np.array(around)


def power(images: np.ndarray) -> float:
    """Computes the power of all frequencies in `images`, in the unit of `peaks`."""
    return float(_spectrum(images).sum())


def _spectrum(images):
    """Returns the mean power spectrum of images about their own means, `(height, width)`."""
    grey = images.mean(axis=3, dtype="float64")
    grey = grey - grey.mean(axis=(1, 2), keepdims=True)
    # A window, because the borders of an image do not continue each other.
    tapers = [np.hanning(side + 2)[1:-1] for side in grey.shape[1:]]
    return np.mean(np.abs(np.fft.fft2(grey * np.outer(*tapers))) ** 2, axis=0)


def checkerboard(real: tuple, fake: tuple, visible: float) -> float:
    """Computes how much more of a pixel pattern generated images have than real ones.

    Args:
        real, fake: what `peaks` returns for both.
        visible: `power(real images)`.

    Returns:
        The largest, over the frequencies, of the factors by which both the power there, and its
        ratio to the power around, exceed those of real images. About 1 for real images.
    """
    (real_at, real_around), (fake_at, fake_around) = real, fake
    # A weaker pattern is not seen: it moves the values by less than a hundredth of their spread.
    floor = LEAST_POWER * visible + 1e-30
    more = (fake_at + floor) / (real_at + floor)
    rise = (fake_at + floor) / (fake_around + floor) * (real_around + floor) / (real_at + floor)
    return float(np.minimum(more, rise).max())
