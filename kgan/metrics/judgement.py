"""The verdict on a trained model in four lines: how good, how varied, what is copied, longer?"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics import signs
from kgan.metrics.frechet import frechet_distance
from kgan.metrics.neighbours import manifold
from kgan.metrics.reading import batches, read_features
from kgan.typing import Range, Shape

# Fewer samples of a side say nothing about their distribution.
LEAST = 20
# With fewer held-out samples one half of the training samples is compared with the other instead:
# against 20 photographs the samples of a model came nearer than other photographs.
FEW_HELD_OUT = 100
# Samples of a model are drawn so many times: one draw of 200 moves the distance by half its excess.
DRAWS = 3
# Fréchet distances beyond that of training samples, as shares of the variance of the real ones, up
# to which the words hold. On MNIST noise has 2.7, superpositions of two digits have 0.27. The
# colour features see texture before they see composition (benchmarks/verdict.py): left and right
# halves of two pictures put together have 0.05 to 0.08, shuffled tiles 0.1 to 0.16, superpositions
# 0.1 to 0.5, noise 3 to 5, and real pictures -0.01 to 0.02, by chance.
WORDS = (
    "close to real ones",
    "like real ones, with faults that can be seen",
    "far from real ones",
    "not like real ones",
)
GOOD = {"colour": (0.01, 0.05, 0.2, math.inf)}
GOOD_BY_OTHERS = (0.05, 0.2, 0.5, math.inf)
# Recall, as a share of that of training samples, down to which these words hold.
VARIED = (
    (0.7, "nearly as varied as real ones"),
    (0.3, "less varied than real ones"),
    (0.05, "much less varied than real ones"),
    (-1.0, "not varied in the way of real ones"),
)
# Shares of copies among the samples up to which these words hold; 1 % by chance.
COPIED = (
    (0.05, "no more than by chance"),
    (0.3, "in part"),
    (math.inf, "mostly"),
)
# Samples that stand still under a learning rate below this share of its first say nothing of a
# longer training, whose rate is high for longer.
SLOWED = 0.5


@dataclass(frozen=True)
class Verdict:
    """What `verdict` returns. `str` gives the four lines.

    Attributes:
        good, varied, memorised, longer: a sentence each, with its evidence.
        figures: the figures in them, by name.
    """

    good: str
    varied: str
    memorised: str
    longer: str
    figures: dict[str, float]

    @property
    def lines(self) -> tuple[str, ...]:
        """The four lines."""
        return (
            f"How good:             {self.good}",
            f"How varied:           {self.varied}",
            f"Memorised:            {self.memorised}",
            f"Training longer:      {self.longer}",
        )

    def __str__(self) -> str:
        return "\n".join(self.lines)


def verdict(
    gan: Any,
    train: Any,
    held_out: Any = None,
    distances: Any = (),
    count: int = 500,
    seed: int = 0,
) -> Verdict:
    """Judges a trained model by a few hundred samples, in a few seconds.

    Images are judged by the features of the classifiers that come with kgan, which tell noise from
    images where the values themselves do not; everything else by its values. The words are relative
    to what training samples reach in place of generated ones.

    - good: the Fréchet distance beyond that of training samples, as a share of the variance of the
      real samples; and precision. With fewer than 100 held-out samples the first half of the
      training samples stands in their place, and the second half for the training samples.
    - varied: recall, relative to that of training samples.
    - memorised: the share of copies of training samples, against held-out ones.
    - longer: the trend of the distance to the real samples over the last third of the training.
      It is no evidence where they stood still because a schedule had lowered the learning rate.

    Args:
        gan: a model with `generate`, `sample_shape` and `data_range`.
        train: the training samples: an array, a dataset or an iterable of batches.
        held_out: samples that the model was not trained on; None compares with training samples,
            and does not judge copies.
        distances: pairs (step, distance to the real samples) from the training, as the attribute
            `distances` of `kgan.callbacks.CollapseMonitor`.
        count: the most samples of each kind to use.
        seed: seed of the samples.

    Raises:
        InputError: if the data cannot be read, or `gan` is no such model.

    Example:

    ```python
    print(kgan.metrics.verdict(gan, train, held_out, monitor.distances))
    ```
    """
    count = arguments.integer("count", count, least=2)
    if not hasattr(gan, "generate") or not hasattr(gan, "data_range"):
        raise InputError(
            f"gan must be a model with generate and data_range, as kgan.GAN is; got {gan!r:.200}."
        )
    value_range = gan.data_range
    # For copies among the training samples more of them are needed than for the distance.
    training = _read(train, value_range, max(4 * count, 2000))
    new = None if held_out is None else _read(held_out, value_range, count)
    few = new is not None and len(new) < FEW_HELD_OUT and len(training) >= 2 * len(new)
    on_training = new is None or few
    if on_training:
        half = len(training) // 2
        reference, floor = training[:half][:count], training[half:][:count]
    else:
        reference, floor = new, training[:count]
    draws = [gan.generate(count, seed=seed + place) for place in range(DRAWS)]
    samples = draws[0]
    figures: dict[str, float] = {}
    longer = _longer(distances, figures, _rate_left(gan))
    if not np.isfinite(draws).all():
        said = "the samples are NaN or infinite."
        return Verdict(said, said, said, longer, figures)
    good, varied = _quality(draws, reference, floor, on_training, value_range, figures)
    return Verdict(good, varied, _memorised(samples, training, new, figures), longer, figures)


def extractor_for(sample_shape: Shape) -> str:
    """Returns the name of the offline extractor that suits samples of a shape."""
    if len(sample_shape) != 3:
        return "values"
    return "digits" if sample_shape[-1] < 3 else "colour"


def _read(data, value_range: Range | None, count: int) -> np.ndarray:
    with batches(data, value_range, count) as stream:
        read = list(stream)
    if not sum(map(len, read)):
        raise InputError("There are no samples in the data.")
    return np.concatenate(read)


def _quality(draws, reference, floor, on_training, value_range, figures) -> tuple[str, str]:
    """Returns the first two lines; adds to `figures`. `draws` are sets of samples."""
    count = min(len(draws[0]), len(reference), len(floor))
    if count < LEAST:
        said = f"cannot be told from {count} real samples; {LEAST} are needed."
        return said, said
    name = extractor_for(reference.shape[1:])
    try:
        of_real, of_floor, *of_fakes = (
            read_features(_visible(part[:count], value_range), name, value_range)[0]
            for part in (reference, floor, *draws)
        )
    except InputError as error:
        said = f"was not measured. {error}"
        return said, said
    spread = float(of_real.var(axis=0, ddof=1).sum())
    distance = float(np.mean([_distance(of_real, part) for part in of_fakes]))
    least = _distance(of_real, of_floor)
    share = max(distance - least, 0.0) / spread if spread > 0 else math.inf
    all_found = [manifold(of_real, part, (3,))[3] for part in of_fakes]
    found = {name: float(np.mean([each[name] for each in all_found])) for name in all_found[0]}
    best = manifold(of_real, of_floor, (3,))[3]
    figures |= {
        "frechet_distance": distance,
        "frechet_distance_of_training": least,
        "relative_distance": share,
        "precision": found["precision"],
        "precision_of_training": best["precision"],
        "recall": found["recall"],
        "recall_of_training": best["recall"],
    }
    bounds = GOOD.get(name, GOOD_BY_OTHERS)
    word = next(word for most, word in zip(bounds, WORDS, strict=True) if share <= most)
    against = "training samples" if on_training else "held-out samples"
    features = f"the {name} features of a small network, which sees less than you do"
    good = (
        f"{word}: Fréchet distance {distance:.3g} to {count} {against} ({least:.3g} for training "
        f"samples), {_percent(found['precision'])} lie among real ones "
        f"({_percent(best['precision'])} of training samples do), "
        f"by {'their values' if name == 'values' else features}."
    )
    part = found["recall"] / max(best["recall"], 1e-9)
    word = next(word for least_part, word in VARIED if part >= least_part)
    varied = (
        f"{word}: {_percent(found['recall'])} of the real samples lie among as many generated ones "
        f"({_percent(best['recall'])} among training samples)."
    )
    return good, varied


def _visible(samples, value_range):
    """Returns images as they are seen: those with alpha on the middle of the range."""
    if samples.ndim != 4 or samples.shape[-1] not in (2, 4) or value_range is None:
        return samples
    low, high = value_range
    middle = (low + high) / 2
    alpha = (samples[..., -1:] - low) / (high - low)
    return middle + (samples[..., :-1] - middle) * alpha


def _distance(real, fake) -> float:
    moments = (part.astype("float64") for part in (real, fake))
    (mu, sigma), (mu_2, sigma_2) = ((m.mean(0), np.atleast_2d(np.cov(m.T))) for m in moments)
    return frechet_distance(mu, sigma, mu_2, sigma_2)


def _memorised(samples, training, held_out, figures) -> str:
    if held_out is None:
        return "cannot be told: nothing was held out from training."
    if len(training) < 6 or len(held_out) < LEAST:
        return f"cannot be told from {len(training)} training and {len(held_out)} held-out samples."
    near = signs.Neighbours(training, held_out)
    figures["copied"] = share = near.copied(samples)
    word = next(word for most, word in COPIED if share <= most)
    return (
        f"{word}: {_percent(share)} of the samples look like copies of one of {len(training)} "
        f"training samples, and {_percent(near.copied(held_out))} of held-out samples do."
    )


def _rate_left(gan) -> float:
    """Returns the generator's learning rate as a share of its first."""
    optimizer = getattr(gan, "g_optimizer", None)
    # float16 wraps the optimizer in one that scales the loss.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = optimizer.get_config().get("learning_rate") if optimizer is not None else None
    if not isinstance(schedule, dict):
        return 1.0
    first = float(keras.saving.deserialize_keras_object(schedule)(0))
    return float(optimizer.learning_rate) / first if first > 0 else 1.0


def _longer(distances, figures, rate_left: float = 1.0) -> str:
    """Returns the last line, from the trend over the last third of the training."""
    found = signs.trend(distances)
    if found is None:
        return (
            "cannot be told: the distance to real samples was measured fewer than six times in "
            "the last third of the training."
        )
    figures["distance_change"] = found.change
    if found.arrived:
        return (
            "hardly helps: in the last third of the training the distance of the samples to real "
            f"ones was 0 in {found.zeros} of {found.measurements} measurements (energy distance), "
            "the least that so few samples can show."
        )
    change = _percent(abs(found.change))
    if found.falls:
        word, moved = "probably helps", f"fell by {change}"
    elif found.certain:
        word, moved = "does not help", f"rose by {change}"
    else:
        word, moved = "hardly helps", f"changed by {change} only"
    still = not found.certain and rate_left < SLOWED
    return (
        f"{'cannot be told' if still else word}: in the last third of the training the distance of "
        f"the samples to real ones {moved}, from {found.begin:.3g} to {found.end:.3g} (energy "
        f"distance, {found.measurements} measurements)"
        + (
            f", but the learning rate had fallen to {_percent(rate_left)} of its first. A training "
            "that is given more steps from the start keeps it high for longer."
            if still
            else "."
        )
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share < 0.0995 else f"{100 * share:.0f} %"
