"""What generated samples are worth to a classifier, beside flips, crops and copies."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan import augment as augmentations
from kgan.errors import InputError
from kgan.metrics.feature_metric import FeatureMetric
from kgan.metrics.labelled import read_labelled
from kgan.metrics.reading import range_of
from kgan.metrics.small_classifier import BATCH, SmallClassifier, copied, plain_augmentation
from kgan.typing import ArrayLike, Config, Range, Shape, Tensors

# What the classifier is trained on. The first three are what can be done without a generator.
PLAIN = ("real", "copied", "augmented")
WITH_GENERATED = ("both", "both_augmented")
WAYS = (*PLAIN, "generated", *WITH_GENERATED)


@dataclass(frozen=True, eq=False)
class UsefulnessReport:
    """How well held-out real samples are recognised, by what the classifier was trained on.

    Attributes:
        recall: by training set, the share of each class's held-out samples that were recognised,
            float array `(seeds, classes)`; NaN for classes without held-out samples.
        accuracy: by training set, the share of all held-out samples, `(seeds,)`.
        counts: by training set, its samples of each class, `(classes,)`.
        held_out: held-out samples of each class, `(classes,)`.
    """

    recall: dict[str, np.ndarray]
    accuracy: dict[str, np.ndarray]
    counts: dict[str, np.ndarray] = field(repr=False)
    held_out: np.ndarray = field(repr=False)

    def mean_recall(self, training_set: str) -> float:
        """Returns the mean recall over classes and seeds, of 0 to 1; every class counts alike.

        NaN for a training set that there is not, such as "augmented" where samples are no images.
        """
        if training_set not in self.recall:
            return math.nan
        return float(np.nanmean(self.recall[training_set]))

    @property
    def gain(self) -> float:
        """By how much generated samples raise the mean recall above what plain means reach.

        The better of "both" and "both_augmented" minus the best of "real", "copied" and
        "augmented". It is negative where copies, flips and crops are worth more.
        """
        best = [
            max(self.mean_recall(way) for way in ways if way in self.recall)
            for ways in (WITH_GENERATED, PLAIN)
        ]
        return best[0] - best[1]

    @property
    def rarest(self) -> int:
        """The class with the fewest real training samples, of those that are held out."""
        counts = np.where(self.held_out > 0, self.counts["real"], np.inf)
        return int(counts.argmin())

    def spreads(self) -> dict[str, list[list[float | None]]]:
        """Returns, by training set, [mean, standard deviation over the seeds] of each class."""
        return {
            way: [
                [None if np.isnan(value) else round(float(value), 4) for value in pair]
                for pair in zip(found.mean(axis=0), found.std(axis=0), strict=True)
            ]
            for way, found in self.recall.items()
        }

    def __str__(self) -> str:
        rarest = self.rarest
        lines = [
            f"Recall of held-out real samples, mean ± standard deviation over "
            f"{len(self.accuracy['real'])} seeds of the classifier:",
            f"{'trained on':16} {'samples':>8} {'all classes':>15} {f'class {rarest}':>15}",
        ]
        for way, found in self.recall.items():
            mean, rare = np.nanmean(found, axis=1), found[:, rarest]
            cells = [f"{part.mean():.3f} ± {part.std():.3f}" for part in (mean, rare)]
            lines.append(f"{way:16} {self.counts[way].sum():>8} {cells[0]:>15} {cells[1]:>15}")
        return "\n".join(lines)


def usefulness(
    real: Any,
    generated: Any,
    held_out: Any,
    *,
    seeds: int = 3,
    augment: Any = "auto",
    steps: int = 400,
    others: Mapping[str, Any] | None = None,
    value_range: Range | None = None,
) -> UsefulnessReport:
    """Trains a small classifier on real and on generated samples, and tests it on held-out ones.

    ```python
    labels = np.arange(5000) % 10
    report = kgan.metrics.usefulness(train, (gan.generate(labels=labels), labels), test)
    print(report)
    ```

    The idea is that of the classification accuracy score (Ravuri & Vinyals 2019, "Classification
    accuracy score for conditional generative models"), with what a user would do otherwise beside
    it. The training sets are:

    - "real": the real samples;
    - "copied": the same, with samples of rare classes repeated, so that all classes are as large
      as the largest;
    - "augmented": "copied", with shifts and flips;
    - "generated": the generated samples alone;
    - "both": the real and the generated ones;
    - "both_augmented": the same, with shifts and flips.

    On each a new classifier takes the same number of steps. It takes some seconds for each of the
    six and each seed, so that this is nothing for every epoch.

    Args:
        real: the labelled samples that the generator was trained on: a tuple of arrays (samples,
            labels), a dataset of `kgan.data`, or another iterable of batches (samples, labels).
            At most as many are read as the classifier can see in its steps, 64 in each.
        generated: labelled samples of the generator.
        held_out: labelled real samples that neither the generator nor the classifier has seen.
        seeds: how often each training is repeated, with other weights, orders and shifts.
        augment: the augmentation of the plain baseline: what `kgan.augment.get` takes, or None.
            "auto" shifts images by up to an eighth of their side, and flips those that have
            colour.
        steps: training steps of the classifier.
        others: further training sets by name, such as what `kgan.balance` made.
        value_range: (low, high) to which datasets of `kgan.data` are scaled; None takes the range
            of `real`. Arrays must have it already.

    Raises:
        InputError: if one of the data sets has no labels or no samples, or their shapes differ.
    """
    seeds, steps = arguments.integer("seeds", seeds), arguments.integer("steps", steps)
    others = {} if others is None else arguments.instance("others", others, Mapping, "a dictionary")
    if value_range is not None:
        value_range = arguments.interval("value_range", value_range, or_else="None")
    value_range = value_range or range_of(real)
    samples, labels = read_labelled("real", real, value_range, steps * BATCH)
    shape = samples.shape[1:]
    fake = read_labelled("generated", generated, value_range, steps * BATCH, shape)
    tested = read_labelled("held_out", held_out, value_range, sample_shape=shape)
    change = plain_augmentation(augment, shape)

    both = tuple(np.concatenate(pair) for pair in zip((samples, labels), fake, strict=True))
    rows = copied(labels)
    repeated = samples[rows], labels[rows]
    sets: dict[str, tuple] = {
        "real": (samples, labels, None),
        "copied": (*repeated, None),
        "augmented": (*repeated, change),
        "generated": (*fake, None),
        "both": (*both, None),
        "both_augmented": (*both, change),
    }
    if change is None:
        del sets["augmented"], sets["both_augmented"]
    for name, data in others.items():
        if name in sets:
            raise InputError(f"others has a training set {name!r}, which has a meaning already.")
        sets[str(name)] = (*read_labelled(str(name), data, value_range, None, shape), None)
    return compare(sets, tested, seeds, steps)


def compare(
    sets: Mapping[str, tuple], held_out: tuple, seeds: int = 3, steps: int = 400
) -> UsefulnessReport:
    """Trains a small classifier on each of several training sets, and tests it.

    Args:
        sets: by name (samples, labels, augmentation or None).
        held_out: (samples, labels).
        seeds, steps: as in `usefulness`.
    """
    tested, truth = held_out
    numbers = [truth, *(labels for _, labels, _ in sets.values())]
    classes = 1 + max(int(each.max()) for each in numbers)
    if classes < 2:
        raise InputError("All samples are of one class, which leaves nothing to recognise.")
    classifier = SmallClassifier(tested.shape[1:], classes, steps)
    held = np.bincount(truth, minlength=classes)
    recall: dict[str, Any] = {}
    for name, (samples, labels, change) in sets.items():
        recall[name] = np.zeros((seeds, classes))
        for seed in range(seeds):
            classifier.fit(samples, labels, seed, change)
            recall[name][seed] = classifier.recall(tested, truth)
    return UsefulnessReport(
        recall=recall,
        accuracy={name: np.nansum(r * held, axis=1) / held.sum() for name, r in recall.items()},
        counts={
            name: np.bincount(labels, minlength=classes) for name, (_, labels, _) in sets.items()
        },
        held_out=held,
    )


@keras.saving.register_keras_serializable("kgan")
class Usefulness(FeatureMetric):
    """What a conditional model's samples are worth to a classifier, beside plain means.

    A small classifier is trained on the real training samples, on the generated ones and on both,
    and tested on the real samples of the evaluation, which must be held out from training; see
    `kgan.metrics.usefulness`. As many samples are generated as are evaluated, of the same classes.
    Seven figures are logged, of which all but the first are mean recalls over the classes, from 0
    to 1:

    - `NAME`: by how much generated samples raise the mean recall above the best that plain means
      (copies of rare classes, shifts and flips) reach. Negative: the plain means are worth more.
    - `NAME_real`, `NAME_copied`, `NAME_augmented`, `NAME_generated`, `NAME_both`,
      `NAME_both_augmented`: after training on these. Those with augmentation are NaN for samples
      that are no images.

    `last` has the recall of each class. It takes minutes, and is computed in every evaluation: give
    it to `evaluate(metrics=[...])` after training, and not to `compile`.

    Args:
        training: the labelled samples that the model was trained on, as in
            `kgan.metrics.usefulness`. They are read once and stay in memory. They are not saved
            with a model: set the attribute `training` of the loaded model's metric.
        seeds, augment, steps: as in `kgan.metrics.usefulness`.
        value_range, name: as in `kgan.metrics.FeatureMetric`.

    Attributes:
        last: the `kgan.metrics.UsefulnessReport` of the last result; None before.

    Raises:
        InputError: before an evaluation, if there are no labelled training samples, or they have
            another shape than the generated ones; in it, if the model is not conditional.
    """

    keeps = {"real": "features", "fake": "features", "condition": "labels"}
    uses_training = True
    _direction = "up"

    def __init__(
        self,
        training: ArrayLike = None,
        seeds: int = 3,
        augment: Any = "auto",
        steps: int = 400,
        value_range: Range | None = None,
        name: str = "usefulness",
    ):
        super().__init__("values", value_range, name)
        self.seeds = arguments.integer("seeds", seeds)
        self.steps = arguments.integer("steps", steps)
        plain_augmentation(augment, (8, 8, 1))
        self.augment = augment
        # Keras does not track what is set in `__dict__`.
        self.__dict__["_training"] = training
        self.__dict__["_read"] = None
        self.last: UsefulnessReport | None = None

    @property
    def training(self) -> Any:
        """The labelled training samples; None in a metric that was loaded."""
        return self._training

    @training.setter
    def training(self, training):
        self.__dict__["_training"] = training
        self.__dict__["_read"] = None

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        self._samples(tuple(sample_shape), self.value_range or value_range)
        super().prepare(sample_shape, value_range, shared)

    def _samples(self, sample_shape=None, value_range=None):
        """Returns the training samples and their labels."""
        if self.training is None:
            raise InputError(
                f"{self.name} trains on the labelled samples that the model was trained on, and "
                "has none; they are not saved with a model. Use Usefulness(training=dataset), or "
                "set the attribute `training` of this metric."
            )
        key = sample_shape, value_range
        if self._read is None or (sample_shape and self._read[0] != key):
            most = self.steps * BATCH
            found = read_labelled("training", self.training, value_range, most, sample_shape)
            self.__dict__["_read"] = key, found
        return self._read[1]

    def update_state(self, real: Tensors, fake: Tensors, condition: Tensors = None) -> None:
        """Adds a batch of held-out real and of generated samples.

        Args:
            real, fake: `(batch, *sample_shape)`.
            condition: the labels of both, `(batch,)`, `(batch, 1)` or one-hot rows.

        Raises:
            InputError: if `condition` is None.
        """
        if condition is None:
            raise InputError(
                f"{self.name} trains classifiers, and this model is not conditioned on a class, or "
                "there are no labels. Use it with conditional models and labelled data."
            )
        super().update_state(real, fake, condition)

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.name, *(f"{self.name}_{way}" for way in WAYS))

    def compute(self) -> Any:
        samples, labels = self._samples()
        truth = self.kept("condition").all()[:, 0]
        real, fake = (self.kept(side).all() for side in ("real", "fake"))
        seen = {hash(row.tobytes()) for row in samples}
        if all(hash(row.tobytes()) in seen for row in real[:BATCH]):
            warnings.warn(
                f"{self.name}: the real samples of the evaluation are training samples. Evaluate "
                "on samples that are held out from training, such as split='test', or the figures "
                "mean nothing.",
                stacklevel=4,
            )
        shape = samples.shape[1:]
        self.last = usefulness(
            (samples, labels),
            (fake.reshape(-1, *shape), truth),
            (real.reshape(-1, *shape), truth),
            seeds=self.seeds,
            augment=self.augment,
            steps=self.steps,
        )
        recalls = {f"{self.name}_{way}": self.last.mean_recall(way) for way in WAYS}
        return {self.name: self.last.gain, **recalls}

    def report(self) -> dict[str, Any]:
        """Returns what the figures were computed with, and the recall of each class.

        "recall" has, by training set, [mean, standard deviation over the seeds] of each class.
        """
        facts: dict[str, Any] = {"extractor": self.extractor_name}
        facts |= {side: self._record.count(side) for side in ("real", "fake")}
        training = None if self._read is None else len(self._read[1][1])
        facts |= {"training": training, "seeds": self.seeds, "steps": self.steps}
        return facts | ({} if self.last is None else {"recall": self.last.spreads()})

    def get_config(self) -> Config:
        changed = self.augment
        if not isinstance(changed, (str, type(None))):
            changed = keras.saving.serialize_keras_object(augmentations.get(changed))
        return {
            "seeds": self.seeds,
            "augment": changed,
            "steps": self.steps,
            "value_range": self.value_range,
            "name": self.name,
        }
