"""Samples for the classes that a data set has few of, as far as a classifier recognises them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.labelled import read_labelled
from kgan.metrics.small_classifier import SmallClassifier, copied, plain_augmentation

# A class is given up when fewer of the samples drawn for it are kept than one in so many.
_MOST_DRAWN = 20
# The fewest samples that are drawn at once, and before a class is given up.
_LEAST_DRAWN = 200
# Samples of a class that vary less than this share of what the real ones do are warned of.
_LEAST_VARIETY = 0.5
# Fewer samples of a class tell a classifier too little of it.
_LEAST_REAL = 2


@dataclass(frozen=True, eq=False)
class Balanced:
    """Generated samples for what the classes of a data set lack; `kgan.balance` makes them.

    Attributes:
        samples: the generated samples, float array `(n, *sample_shape)` in the model's range.
        labels: their classes, integers `(n,)`.
        real: the data set's samples and labels, in the same range.
        lacked: what each class lacked, `(classes,)`.
        drawn: how many samples of each class were drawn, `(classes,)`.
    """

    samples: np.ndarray
    labels: np.ndarray
    real: tuple[np.ndarray, np.ndarray]
    lacked: np.ndarray
    drawn: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """The real samples of each class, `(classes,)`."""
        return np.bincount(self.real[1], minlength=len(self.lacked))

    @property
    def rejected(self) -> np.ndarray:
        """How many samples of each class the classifier did not recognise, `(classes,)`."""
        return np.maximum(self.drawn - self.lacked, 0)

    @property
    def variety(self) -> np.ndarray:
        """How much the generated samples of each class vary, relative to the real ones.

        The root of the ratio of their variances, summed over all values of a sample: about 1 for
        good samples, 0 if all are the same, NaN for classes that lacked nothing, `(classes,)`. A
        classifier may recognise samples of which each is like the other.
        """
        found = np.full(len(self.lacked), np.nan)
        for label in np.flatnonzero(self.lacked):
            made, real = self.samples[self.labels == label], self.real[0][self.real[1] == label]
            found[label] = np.sqrt(_variance(made) / max(_variance(real), 1e-12))
        return found

    def with_real(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns (samples, labels) of the real and the generated samples together."""
        return (
            np.concatenate([self.real[0], self.samples]),
            np.concatenate([self.real[1], self.labels]),
        )


def balance(
    gan: Any,
    data: Any,
    *,
    to: int | None = None,
    confidence: float = 0.5,
    seed: int = 0,
    steps: int = 400,
    class_names: tuple[str, ...] = (),
) -> Balanced:
    """Generates what the rare classes of a labelled data set lack.

    A small classifier is trained on the data, with copies of rare classes and with shifts. Of the
    samples that the model draws for a class, those are kept that the classifier assigns to it.

    ```python
    more = kgan.balance(gan, train)
    samples, labels = more.with_real()
    ```

    What that is worth is measured by `kgan.metrics.usefulness`: copies and shifts of the real
    samples may be worth more.

    Args:
        gan: a model that is conditioned on a class.
        data: labelled samples: a tuple of arrays (samples, labels) in the model's range, a
            dataset of `kgan.data`, or another iterable of batches (samples, labels).
        to: how many samples each class has then; None means as many as the largest. Classes that
            have more keep them.
        confidence: the least probability, from 0 to 1, that the classifier gives the class in a
            sample that is kept; and no other class may have a higher one.
        seed: the same seed gives the same samples, on the same machine.
        steps: training steps of the classifier.
        class_names: names of the classes, for messages.

    Raises:
        InputError: if the model is not conditional, no class lacks anything, a class has fewer
            than two real samples, or the classifier rejects nearly all samples of a class.
    """
    to = None if to is None else arguments.integer("to", to, or_else="None")
    confidence = arguments.number("confidence", confidence, least=0, most=1)
    seed, steps = arguments.integer("seed", seed, least=0), arguments.integer("steps", steps)
    classes = getattr(gan, "classes", 0)
    if not classes:
        raise InputError(
            "This model is not conditioned on a class, so that it cannot draw samples of a rare "
            "one. Train a conditional model: `conditional`, `acgan`, or one of the others with "
            "the option classes=N."
        )
    class_names = tuple(map(str, arguments.listing("class_names", class_names, "names")))
    named = _naming(class_names)
    samples, labels = read_labelled("data", data, gan.data_range, None, gan.sample_shape)
    if labels.max() >= classes:
        raise InputError(
            f"The data has the class {labels.max()}, and the model's are 0..{classes - 1}. Balance "
            "the data that the model was trained on."
        )
    counts = np.bincount(labels, minlength=classes)
    if to is None and class_names:
        # A model may have more classes than the data has names.
        counts = counts[: max(len(class_names), labels.max() + 1)]
    goal = counts.max() if to is None else to
    lacked = np.maximum(goal - counts, 0)
    if not lacked.any():
        raise InputError(
            f"No class lacks anything: each has {counts.min()} samples or more. Ask for more with "
            f"to={2 * counts.max()}."
        )
    few = np.flatnonzero((lacked > 0) & (counts < _LEAST_REAL))
    if len(few):
        raise InputError(
            f"The data has {counts[few[0]]} samples of class {named(few[0])}, from which no "
            f"classifier learns to recognise it. Give {_LEAST_REAL} or more of each class."
        )
    gan.check_count(int(lacked.sum()))

    classifier = SmallClassifier(samples.shape[1:], len(counts), steps)
    rows = copied(labels)
    change = plain_augmentation("auto", samples.shape[1:])
    classifier.fit(samples[rows], labels[rows], seed, change)
    made, drawn = [], np.zeros(len(counts), int)
    for label in np.flatnonzero(lacked):
        kept, drawn[label] = _recognised(
            gan, classifier, int(label), int(lacked[label]), confidence, seed, named
        )
        made.append(kept)
    found = Balanced(
        samples=np.concatenate(made),
        labels=np.repeat(np.arange(len(counts)), lacked),
        real=(samples, labels),
        lacked=lacked,
        drawn=drawn,
    )
    _warn_of_likeness(found, named)
    return found


def _variance(samples) -> float:
    return float(np.var(samples, axis=0, dtype="float64").sum())


def _warn_of_likeness(found, named) -> None:
    """Warns if the samples of a class are much alike: a classifier learns little from them."""
    alike = np.flatnonzero((found.lacked > 1) & (found.variety < _LEAST_VARIETY))
    if len(alike):
        listed = ", ".join(f"{named(each)} ({found.variety[each]:.2f})" for each in alike[:10])
        warnings.warn(
            "The generated samples of some classes vary much less than the real ones, 1 being as "
            f"much: {listed}. The model has collapsed there, and copies of the real samples are "
            "worth more. Train it with more of these classes, or another family.",
            stacklevel=3,
        )


def _recognised(gan, classifier, label, wanted, confidence, seed, named):
    """Draws samples of a class until enough are recognised; returns those and how many it drew."""
    kept: list[np.ndarray] = []
    have = drawn = round_ = 0
    while have < wanted:
        if drawn >= max(_LEAST_DRAWN, _MOST_DRAWN * max(have, 1)):
            raise InputError(
                f"Of {drawn} samples that were drawn for class {named(label)}, a classifier of the "
                f"real data recognises {have} with confidence={confidence:g}: the model does not "
                "draw this class, or not well enough. Train it longer, lower the confidence, or "
                "copy the real samples instead."
            )
        count = max(_LEAST_DRAWN, min(2 * (wanted - have), 2000))
        # Independent numbers for each class and round.
        words = np.random.SeedSequence([seed, label, round_]).generate_state(1)
        samples = gan.generate(labels=np.full(count, label), seed=int(words[0]))
        found = classifier.probabilities(samples)
        fits = (found.argmax(axis=1) == label) & (found[:, label] >= confidence)
        # Not more than are wanted: what comes after the last of them counts as not drawn.
        last = np.flatnonzero(fits)[: wanted - have]
        kept.append(samples[last])
        have += len(last)
        drawn += int(last[-1]) + 1 if have == wanted else count
        round_ += 1
    return np.concatenate(kept), drawn


def _naming(class_names) -> Callable[[int], str]:
    """Returns a function that names a class, for messages."""
    return lambda label: repr(class_names[label]) if label < len(class_names) else str(label)
