"""Both sides of a comparison: how each is read, and the features that metrics need of them."""

import dataclasses
from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.evaluation import wanted
from kgan.evaluation.datasets import Arrays, Data
from kgan.evaluation.features import Side, Want, of_reference, read
from kgan.evaluation.generators import Run
from kgan.evaluation.samples import Frame, Samples, Source, need_same_shape
from kgan.evaluation.sources import find
from kgan.metrics import ClassifierAccuracy

# Named data sets whose modes are known.
_WITH_MODES = ("ring", "grid", "stacked_mnist")


class Job:
    """Both sources, opened as far as it takes.

    Args:
        left, right: what is measured, and the reference.
        frame: how both are read.
        split_a, split: the part of each.
        count: the most samples of each.

    Attributes:
        modes: the modes of the reference, if they are known.
    """

    def __init__(self, left: Source, right: Source, frame: Frame, split_a, split, count: int):
        self.left, self.right, self.count = left, right, count
        self._frame, self._splits = frame, (split_a, split)
        self._opened: dict[str, Samples] = {}
        self.modes = None
        if isinstance(right, Arrays) or (isinstance(right, Data) and right.name in _WITH_MODES):
            self.modes = self.samples("b").modes

    def frames(self) -> tuple[Frame, Frame]:
        """Returns how each side is read: data in the shape of a generator beside it."""
        found = []
        for own, other, split in (
            (self.left, "b", self._splits[0]),
            (self.right, "a", self._splits[1]),
        ):
            frame = dataclasses.replace(self._frame, split=split)
            beside = self.right if other == "b" else self.left
            if beside.generates and not own.generates:
                shape = self.samples(other).shape
                if len(shape) == 3:
                    frame = dataclasses.replace(
                        frame,
                        size=frame.size or tuple(shape[:2]),
                        channels=frame.channels or shape[2],
                    )
            found.append(frame)
        return found[0], found[1]

    def samples(self, which: str) -> Samples:
        """Returns the samples of side "a" or "b", opened once."""
        if which not in self._opened:
            source = self.left if which == "a" else self.right
            if source.generates:
                frame = self._frame
            else:
                frame = self.frames()[0 if which == "a" else 1]
            self._opened[which] = source.open(frame)
        return self._opened[which]

    def prepare(self, metrics: list, training: Any) -> None:
        """Lets metrics load their extractors, and gives them the training data."""
        left = self.samples("a")
        shared: dict = {}
        for metric in metrics:
            if metric.value_range not in (None, left.value_range):
                raise InputError(
                    f"{metric.name} has value_range={metric.value_range}, and images are compared "
                    f"in {left.value_range}. Leave its value_range out."
                )
            if metric.uses_training and metric.training is None:
                metric.training = self._training(metric, training)
            try:
                metric.prepare(left.shape, left.value_range, shared)
            except InputError as error:
                if metric.extractor != "auto" or "Inception" not in str(error):
                    raise
                raise InputError(
                    f"{error} Without a network: extractor=cifar10 for colour images, "
                    "extractor=digits for grey ones."
                ) from error
            metric.reset_state()
            if isinstance(metric, ClassifierAccuracy):
                self._check_labels(metric)

    def training(self, given: Any) -> tuple[Source, Samples] | None:
        """Returns the training data that is given, or that a run tells; None without any."""
        if given is not None:
            source = find(given)
        elif isinstance(self.left, Run):
            source = self.left.training()
        else:
            return None
        left = self.samples("a")
        frame = dataclasses.replace(self._frame, ordered=True)
        if len(left.shape) == 3:
            frame = dataclasses.replace(frame, size=tuple(left.shape[:2]), channels=left.shape[2])
        samples = source.open(frame)
        need_same_shape(left, samples.shape, self.left.name, f"the training data {source.name}")
        if samples.size is None:
            raise InputError(f"Training data are samples, and {source.name} draws any number.")
        return source, samples

    def _training(self, metric, given):
        found = self.training(given)
        if found is None:
            raise wanted.need_training(metric)
        return [batch for batch, _ in found[1].batches(found[1].size)]

    def _check_labels(self, metric):
        left = self.samples("a")
        known = metric.record.extractor.trial(left.shape, left.value_range).logits.shape[1]
        if left.classes == known or (left.conditional and not left.classes):
            return
        what = f"labels of {left.classes} classes" if left.classes else "no labels"
        raise InputError(
            f"{metric.name} compares with the class that each sample should show: it needs samples "
            f"with labels of the {known} classes of {metric.extractor_name!r}, and "
            f"{self.left.name} has {what}. Labels are sub-folders, an array 'labels' beside "
            "'samples', or those that a conditional generator is asked for."
        )

    def read(self, metrics: list, floor: bool, cache: bool) -> tuple[Side, Side]:
        """Returns the features of both sides."""
        left = self.samples("a")
        wants_a = _wants(metrics, ("fake",))
        wants_b = _wants(metrics, ("real", "fake") if floor else ("real",))
        frame_b = self.frames()[1]
        if self.right.generates:
            right = self.samples("b")
            need_same_shape(left, right.shape, self.left.name, self.right.name)
            number = min(self.count, left.size or self.count)
            drawn = self._labels(right, number, left.classes, None) if wants_b else None
            side_b = read(right, wants_b, number, drawn) if wants_b else Side({}, 0)
        elif wants_b:
            side_b = of_reference(
                self.right, frame_b, wants_b, self.count, left, self.left.name, cache
            )
        else:
            side_b = Side({}, 0)
        number = self.count
        if self.left.generates and side_b.count:
            number = min(number, side_b.count)
        drawn = self._labels(left, number, side_b.classes, side_b.labels())
        side_a = read(left, wants_a, number, drawn) if wants_a else Side({}, 0, left.split)
        if wants_a and not side_a.count:
            raise InputError(f"There are no samples in {self.left.name}.")
        return side_a, side_b

    def _labels(self, samples: Samples, number: int, classes: int, given) -> np.ndarray | None:
        """Returns the labels to draw samples for: in the shares that the other side has."""
        if not samples.conditional:
            return None
        own = samples.classes or classes
        if not own:
            raise InputError(
                "The generator is conditional, and neither its file nor the reference tells how "
                "many classes there are. Give classes=N."
            )
        if given is not None and len(given) and classes == own:
            shares = np.bincount(given[:, 0], minlength=own) / len(given)
            return np.random.default_rng(self._frame.seed).choice(own, number, p=shares)
        return np.arange(number) % own


def place(metric: Any) -> tuple[str, int | None]:
    """Returns the `Want.place` of a metric."""
    return metric.record.extractor.name, metric.most


def _wants(metrics, sides) -> list[Want]:
    found: dict[tuple, Want] = {}
    for metric in metrics:
        kept = {kind for side, kind in metric.sides().items() if side in sides}
        kinds = {"features" if kind == "moments" else kind for kind in kept}
        if kinds:
            want = Want(metric.record.extractor, set(), metric.most)
            found.setdefault(want.place, want).kinds.update(kinds)
    return list(found.values())
