"""What `CollapseMonitor` finds: each finding is a class that says what it sees, or nothing."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np

from kgan.metrics import signs

from .references import Reference
from .trouble import slope

# Signs of divergence: a mean score beyond this; a loss beyond this many times its median (at least
# 1); samples this many times as far apart as real ones.
MOST_SCORE, MOST_GROWTH, MOST_DIVERSITY = 1e4, 100.0, 10.0
# The losses of so many checks make their median: all of a long training would fill its checkpoints.
MOST_PAST = 1000
# Scores that differ by no more than this share are equal but for rounding.
SAME = 2 * float(np.finfo("float32").eps)
# Samples stand still if they have moved by less than this share of the distance between real ones,
# while their energy distance to the real ones is above the second.
STILL, FAR = 0.01, 0.01
# Fewer steps than these move no samples far.
STILL_STEPS = 100
# Copies: the least probability, the most ratio of distances, the most relative gap to the others.
COPY_PROBABILITY, COPY_RATIO, COPY_ALONE = 0.8, 0.6, 0.8
# r_v of Karras et al. 2020 above which a discriminator overfits: half of the paper's scale.
MOST_OVERFITTING = 0.5
# How many times as much of a pattern as real images have, and how large a share more of clipped
# values.
MOST_PATTERN, MOST_CLIPPED = 10.0, 0.25


@dataclass
class Seen:
    """What a check has to judge.

    Attributes:
        model: the model.
        step: training steps taken.
        logs: means of the players' logs since the last check.
        reference: the real samples; None without data.
        samples, features: the generated samples and their features; None if they are not finite.
        labels: those of the samples; None without classes.
        figures: ratios of distances between samples; see `kgan.metrics.diversity.diversity`.
        scores: the discriminator's scores of the real and of the generated samples, `(n,)` each;
            None if there are none of either.
    """

    model: Any
    step: int
    logs: dict[str, float]
    reference: Reference | None = None
    samples: Any = None
    features: Any = None
    labels: Any = None
    figures: tuple[float, float] = (math.nan, math.nan)

    @cached_property
    def scores(self) -> tuple[np.ndarray, np.ndarray] | None:
        if self.reference is None or self.samples is None:
            return None
        real = _scores(self, *self.reference.training)
        fake = _scores(self, self.samples, self.labels)
        return None if real is None or fake is None else (real, fake)


@dataclass
class Past:
    """What findings remember of earlier checks; saved with a checkpoint.

    Attributes:
        was_diverse: whether both distances were once at twice their thresholds.
        losses: sizes of the losses of earlier checks.
        sketches: (step, sketch of the samples) of earlier checks, the oldest first.
        distances: (step, energy distance to real samples) of the checks up to this one.
    """

    was_diverse: bool = False
    losses: dict[str, list] = field(default_factory=lambda: {"d_loss": [], "g_loss": []})
    sketches: list = field(default_factory=list)
    distances: list = field(default_factory=list)


def percent(share: float) -> str:
    """Returns a share as text with two digits, such as 12 %."""
    return f"{100 * share:.2g} %"


# Each of these returns (evidence, way of the remedy), or None if all is well. `monitor` has the
# thresholds that are arguments of the callback.


def collapse(seen: Seen, past: Past, monitor: Any) -> tuple[str, str] | None:
    """Distances between samples: all alike, or a few drawn over and over."""
    mean, nearest = seen.figures
    past.was_diverse |= bool(mean >= 2 * monitor.diversity and nearest >= 2 * monitor.nearest)
    if not past.was_diverse and seen.step < monitor.warmup:
        return None
    if mean < monitor.diversity:
        what = f"are all alike, on average {percent(mean)} as far apart as real ones"
    elif nearest < monitor.nearest:
        what = (
            "are a few drawn over and over: the distance to the nearest other one is "
            f"{percent(nearest)} of that between real ones"
        )
    else:
        return None
    return f"The generated samples {what}.", "rate"


def discriminator_won(seen: Seen, levels: tuple | None, won: float) -> tuple[str, str] | None:
    """The discriminator's loss near its least value; `levels` as in `trouble.levels`."""
    logs, loss = seen.logs, getattr(seen.model, "loss", None)
    if levels is None or not {"d_loss", "d_real", "d_fake"} <= logs.keys():
        return None
    least, undecided, score = levels
    share = max(
        (logs["d_loss"] / loss.discriminator_weight - least) / (undecided - least),
        0.0,
    )
    if not share < won:
        return None
    part = slope(loss, logs["d_fake"], logs["d_real"])
    part /= slope(loss, score, score) or math.nan
    norm = logs.get("g_gradient_norm")
    norm = "" if norm is None else f" (norm of its gradient: {norm:.2g})"
    learns, way = "learns little from a discriminator so certain", "penalty"
    if part < 0.1:
        learns = (
            f"gets, at their mean score, {percent(part)} of the gradient that an undecided "
            "discriminator would give"
        )
        way = "loss"
    return (
        f"Its loss is {percent(share)} of the way from the least possible ({least:.3f}) to that "
        f"of an undecided one ({undecided:.3f}): it tells all generated samples from real ones. "
        f"The generator {learns}{norm}.",
        way,
    )


def discriminator_dead(seen: Seen) -> tuple[str, str] | None:
    """One score for all samples, to the last digits of float32."""
    if seen.scores is None:
        return None
    scores = np.concatenate(seen.scores)
    if not np.isfinite(scores).all() or np.ptp(scores) > SAME * np.abs(scores).max():
        return None
    return (
        f"It gives all {len(scores)} samples, real and generated, the same score, {scores[0]:.3g}.",
        "rate",
    )


def divergence(seen: Seen, past: Past, levels: tuple | None) -> tuple[str, str] | None:
    """Losses and scores that grow without end or are not finite."""
    logs = seen.logs
    found = [f"{name} is {value}" for name, value in logs.items() if not math.isfinite(value)]
    for name, before in past.losses.items():
        size = abs(logs.get(name, math.nan))
        usual = max(float(np.median(before)), 1.0) if before else math.inf
        if MOST_GROWTH * usual < size < math.inf:
            found.append(f"{name} is {logs[name]:.3g}, where {usual:.3g} was usual")
        elif math.isfinite(size):
            before.append(size)
            del before[:-MOST_PAST]
    for name in ("d_real", "d_fake"):
        if MOST_SCORE < abs(logs.get(name, 0.0)) < math.inf:
            found.append(f"the mean score {name} is {logs[name]:.3g}")
    if seen.figures[0] > MOST_DIVERSITY:
        found.append(f"samples are {seen.figures[0]:.3g} times as far apart as real ones")
    if not found:
        return None
    return f"In the last check {', '.join(found)}.", "critic" if levels is None else "r1"


def standstill(seen: Seen, past: Past, least_steps: int) -> tuple[str, str] | None:
    """Samples of the same latents that hardly move any more, far from the real ones."""
    if seen.features is None or seen.reference is None:
        return None
    sketch = seen.reference.sketch(seen.features)
    least = max(least_steps, STILL_STEPS)
    # The newest that is old enough, and what may become it; an eighth apart, to save memory.
    while len(past.sketches) > 1 and past.sketches[1][0] <= seen.step - least:
        del past.sketches[0]
    before = past.sketches[0] if past.sketches else None
    if not past.sketches or seen.step - past.sketches[-1][0] >= least / 8:
        past.sketches.append([seen.step, sketch])
    if before is None or before[0] > seen.step - least:
        return None
    moved = seen.reference.moved(sketch, np.asarray(before[1]))
    away = past.distances[-1][1] if past.distances else 0.0
    if not (moved < STILL and away > FAR):
        return None
    return (
        f"In the last {seen.step - before[0]} steps the samples of the same latents have moved by "
        f"{percent(moved)} of the distance between real samples, and are still far from the real "
        f"ones (energy distance {away:.3g}; 0 for real samples).",
        "rate",
    )


def memorised(seen: Seen) -> tuple[str, str] | None:
    """Samples much nearer to a training picture than new pictures are."""
    reference = seen.reference
    if reference is None or reference.neighbours is None or seen.samples is None:
        return None
    probability, ratio, alone = reference.neighbours.copies(seen.samples)
    if not (probability > COPY_PROBABILITY and ratio < COPY_RATIO and alone < COPY_ALONE):
        return None
    new = "held-out pictures" if reference.held_out is not None else "other training pictures"
    return (
        f"The nearest training picture of a sample is {percent(ratio)} as far away as that of "
        f"{new} (medians), and {percent(probability)} of the samples are nearer to one than those.",
        _without_augmentation(seen),
    )


def _without_augmentation(seen):
    return "augment" if getattr(seen.model, "augment", None) is None else "shorter"


def overfitting(seen: Seen, past: Past) -> tuple[str, str] | None:
    """Scores of held-out pictures like those of generated ones, and samples that stay as far."""
    reference = seen.reference
    if reference is None or reference.held_out is None or not reference.images:
        return None
    # Small data sets are soon known by heart, and samples go on getting better for long.
    course = signs.trend(past.distances)
    if course is None or course.falls or course.arrived:
        return None
    held_out = _scores(seen, *reference.held_out)
    if held_out is None or seen.scores is None:
        return None
    train, fake = seen.scores
    r_v = signs.overfitting(train, held_out, fake)
    if not r_v > MOST_OVERFITTING:
        return None
    return (
        f"Its mean scores are {train.mean():.3g} on training pictures, {held_out.mean():.3g} on "
        f"held-out ones and {fake.mean():.3g} on generated ones: r_v is {r_v:.2g} (0 without "
        "overfitting, 1 where held-out pictures count as generated; Karras et al. 2020). In the "
        "last third of the training the samples did not get nearer to real ones (energy distance "
        f"{course.begin:.3g}, then {course.end:.3g}).",
        _without_augmentation(seen),
    )


def _scores(seen, samples, labels) -> np.ndarray | None:
    """Returns the mean score of each sample `(n,)`; None if the model scores something else."""
    model = seen.model
    classes = getattr(model, "classes", 0)
    if not hasattr(model, "score") or (classes and labels is None):
        return None
    if getattr(model, "sample_shape", None) != samples.shape[1:]:
        return None
    samples = keras.ops.convert_to_tensor(samples.astype("float32"))
    real, condition = model.unpack((samples, np.asarray(labels, "int32")) if classes else samples)
    if isinstance(real, (tuple, list, dict)):
        # The family scores pyramids or pairs, of which generated samples are no part.
        return None
    scores = np.asarray(seen.reference.scoring(model)(real, condition))
    return scores.reshape(len(scores), -1).mean(axis=1)


def checkerboard(seen: Seen, warmup: int) -> tuple[str, str] | None:
    """A pattern of two or four pixels in the spectrum, which real images do not have."""
    reference = seen.reference
    if reference is None or reference.peaks is None or seen.samples is None or seen.step < warmup:
        return None
    more = signs.checkerboard(reference.peaks, signs.peaks(seen.samples), reference.power)
    if not more > MOST_PATTERN:
        return None
    return (
        f"At the frequencies of 2 and 4 pixels the spectrum of the samples has a peak {more:.3g} "
        "times as high as that of real images.",
        "upsample",
    )


def clipping(seen: Seen, warmup: int) -> tuple[str, str] | None:
    """Many more values at the ends of the range than real images have."""
    reference = seen.reference
    if reference is None or reference.clipped is None or seen.samples is None or seen.step < warmup:
        return None
    share = signs.clipped(seen.samples, reference.value_range)
    if not share > reference.clipped + MOST_CLIPPED * (1 - reference.clipped):
        return None
    return (
        f"{percent(share)} of the samples' values are at the ends of the range, and "
        f"{percent(reference.clipped)} of those of real images.",
        "rate",
    )
