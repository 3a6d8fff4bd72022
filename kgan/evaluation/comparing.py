"""`kgan.compare`: measures one source of samples against another."""

import dataclasses
import math
import warnings
from collections.abc import Iterable
from typing import Any

import keras

from kgan import arguments
from kgan.data.splits import overlap
from kgan.errors import InputError
from kgan.evaluation import pairs, statistics, wanted
from kgan.evaluation.datasets import Data
from kgan.evaluation.features import Side
from kgan.evaluation.generators import Run
from kgan.evaluation.job import Job, place
from kgan.evaluation.samples import Frame, Source
from kgan.evaluation.sources import find
from kgan.metrics import ClassifierAccuracy, FeatureMetric, ModeCoverage, Usefulness, extractors
from kgan.typing import ExtractorLike, PathLike, Range


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The result of `kgan.compare`.

    Attributes:
        a, b: what was measured, and the reference: a dictionary of `name`, `kind`, `split` and
            `samples` of each.
        figures: figures by name.
        rests_on: by figure, what it was computed with: the extractor, the samples of each side,
            and as "caveat" why its features mean little for these samples, where they do.
        floor: the figures of one half of the reference in place of what was measured, against the
            other half; empty without `floor=True`.
        halves: the samples of both halves, (in place of `a`, in place of `b`).
        cached: whether the features of the reference came from the cache.
        trained_on_it: whether a run was trained on the reference, as far as its settings tell.
    """

    a: dict[str, Any]
    b: dict[str, Any]
    figures: dict[str, float]
    rests_on: dict[str, dict]
    floor: dict[str, float] = dataclasses.field(default_factory=dict)
    halves: tuple[int, int] | None = None
    cached: bool = False
    trained_on_it: bool = False

    def record(self) -> dict[str, Any]:
        """Returns all of it as JSON has it: figures that are not finite are None."""
        found = dataclasses.asdict(self)
        for name in ("figures", "floor"):
            found[name] = finite(found[name])
        return found


def finite(figures: dict[str, float]) -> dict[str, float | None]:
    """Returns figures with None for NaN and infinity, which JSON does not have."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def compare(
    a: Any,
    b: Any,
    metrics: Any = None,
    *,
    extractor: ExtractorLike = "auto",
    count: int = 10_000,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    split: str | None = None,
    split_a: str | None = None,
    training: Any = None,
    classes: int | None = None,
    value_range: Range | None = None,
    latents: str = "normal",
    data_dir: PathLike | None = None,
    floor: bool = False,
    seed: int = 0,
    cache: bool = True,
) -> Comparison:
    """Measures samples against a reference; `kgan evaluate A B` does the same.

    ```python
    found = kgan.compare("generated/", "photos/", extractor="cifar10", floor=True)
    found.figures["frechet_distance"], found.floor["frechet_distance"]
    ```

    All samples of both are used, up to `count`; the result says how many. Images are measured in
    [-1, 1], whatever range they come in. The features of a reference that is no generator are
    kept on disk, by the content of its files, so that the next call need not read it; see
    docs/measuring.md.

    Args:
        a: what is measured: a folder of images, a data set by name, an `.npz` or `.npy` file of
            samples, a statistics file (`mu`, `sigma`), the folder of a run, a SavedModel, an
            `.onnx`, `.tflite` or `.keras` file of a generator; an array, a pair (samples, labels),
            a dataset of `kgan.data`, a GAN, a Keras model or `kgan.metrics.Statistics`.
        b: the reference, any of these: real samples, as a rule.
        metrics: metrics, or names of metrics; None takes those that suit the samples.
        extractor: what computes features for named metrics, as in `kgan.metrics.FeatureMetric`.
        count: the most samples of each side.
        size, channels: as in `kgan.data.load`, for both sides. Without them, data that is compared
            with a generator is brought to the shape of what that draws.
        split: the part of `b`. None takes a whole folder, and of other data the part "test", if
            there is one, else "train".
        split_a: the part of `a`. None takes a whole folder, and of other data the part "train".
        training: the samples that a generator was trained on, for metrics that need them: any
            data that `a` may be. None takes those of a run.
        classes: the number of classes of a conditional generator in a file; None takes that of
            the reference.
        value_range: (low, high) of values in a file or an array that do not tell their range.
        latents: "normal" or "uniform", the distribution of the latents of a file that does not
            draw them itself.
        data_dir: the folder of TensorFlow Datasets.
        floor: whether to also measure one half of the reference against the other.
        seed: seed of the order of the samples and of the latents.
        cache: False leaves the features on disk alone.

    Raises:
        InputError: if a source cannot be read, the two do not fit together, or a metric needs what
            neither has; the message says what to change.
    """
    metrics = _listed(metrics)
    extractors.check(extractor)
    count = arguments.integer("count", count)
    seed = arguments.integer("seed", seed, least=0)
    floor, cache = arguments.flag("floor", floor), arguments.flag("cache", cache)
    if value_range is not None:
        value_range = arguments.interval("value_range", value_range, or_else="None")
    if classes is not None:
        classes = arguments.integer("classes", classes, least=2, or_else="None")
    frame = Frame(
        size=size,
        channels=channels,
        seed=seed,
        value_range=value_range,
        latents=latents,
        classes=classes,
        data_dir=data_dir,
    )
    left, right = find(a, reference=False), find(b)
    chosen = None if isinstance(extractor, str) and extractor == "auto" else extractor
    if left.statistics is not None or right.statistics is not None:
        frames = (dataclasses.replace(frame, split=s) for s in (split_a, split))
        return _of_statistics(left, right, metrics, chosen, count, floor, *frames)
    for source, part in ((left, split_a), (right, split)):
        source.check(dataclasses.replace(frame, split=part))
    job = Job(left, right, frame, split_a, split, count)
    trained_on_it = _warn_of_same(left, right, split_a, split)
    made = [
        wanted.make(metric, True, chosen, modes=job.modes) if isinstance(metric, str) else metric
        for metric in metrics or _default(chosen, job)
    ]
    for metric in made:
        if isinstance(metric, Usefulness):
            raise InputError(
                f"{metric.name} trains classifiers on labelled samples of three kinds. Measure a "
                "run by `kgan evaluate RUN -m usefulness`, or use kgan.metrics.usefulness(real, "
                "generated, held_out)."
            )
    features = [metric for metric in made if _takes_features(metric)]
    others = [metric for metric in made if not _takes_features(metric)]
    if others:
        # Before minutes of work on the others.
        pairs.check(others, left, right)
    job.prepare(features, training)
    side_a, side_b = job.read(features, floor, cache)
    figures = _results(features, side_a, side_b)
    rests_on = {name: metric.report() for metric in features for name in metric.figures}
    floors, halves = _floor(features, side_a, side_b) if floor and features else ({}, None)
    if others:
        found, used = pairs.measure(others, left, right, *job.frames(), count)
        figures |= found
        rests_on |= {name: {"real": used, "fake": used} for name in found}
        side_a.count, side_b.count = max(side_a.count, used), max(side_b.count, used)
    return Comparison(
        a=_facts(left, side_a.split, side_a.count),
        b=_facts(right, side_b.split, side_b.count),
        figures=figures,
        rests_on=rests_on,
        floor=floors,
        halves=halves,
        cached=side_b.cached,
        trained_on_it=trained_on_it,
    )


def _listed(metrics) -> list:
    if metrics is None:
        return []
    if isinstance(metrics, (str, keras.metrics.Metric)):
        metrics = [metrics]
    found = arguments.listing("metrics", metrics, "a list of metrics or of their names")
    wanted.checked(each for each in found if isinstance(each, str))
    for each in found:
        arguments.instance("metrics", each, (str, keras.metrics.Metric), "metrics or their names")
    return list(dict.fromkeys(found))


def _default(extractor, job: Job) -> Iterable[Any]:
    found = [wanted.make(name, False, extractor) for name in wanted.DEFAULT]
    if job.modes is not None:
        found.append(ModeCoverage(job.modes, extractor=extractor or "auto"))
    return found


def _takes_features(metric) -> bool:
    """Whether a metric can be given features; one that changes what it is given cannot."""
    own = type(metric).update_state.__module__.startswith("kgan.")
    return isinstance(metric, FeatureMetric) and own


def _results(metrics: list, side_a: Side, side_b: Side) -> dict[str, float]:
    """Returns the figures of metrics over the features of both sides."""
    filled: set[int] = set()
    for metric in metrics:
        if id(metric.record) in filled:
            continue
        filled.add(id(metric.record))
        # `most` is part of a record: metrics with another share none.
        metric.record.reset()
        for side, features in (("fake", side_a), ("real", side_b)):
            if metric.record.kinds(side):
                metric.record.put(side, features.found[place(metric)])
        if metric.record.kinds("condition"):
            metric.record.put("condition", side_a.found[place(metric)])
    figures: dict[str, float] = {}
    for metric in metrics:
        result = metric.result()
        found = result if isinstance(result, dict) else {metric.name: result}
        figures |= {name: float(value) for name, value in found.items()}
    return figures


def _floor(metrics: list, side_a: Side, side_b: Side) -> tuple[dict[str, float], tuple[int, int]]:
    """Returns the figures of one half of the reference against the other, and their sizes."""
    half = side_b.count // 2
    if half < 2:
        raise InputError(
            f"The floor compares two halves of the reference, which has {side_b.count} samples. "
            "Give a larger one."
        )
    # No more than were measured, where that many are there: few samples change most figures.
    first = min(half, side_a.count) or half
    halves = (Side({}, first), Side({}, half))
    for at, features in side_b.found.items():
        # A metric may use only the first samples, whose halves are smaller.
        own = features.count // 2
        halves[0].found[at] = features.part(slice(0, min(own, first)))
        halves[1].found[at] = features.part(slice(own, 2 * own))
    labelled = side_b.labels() is not None
    measured = [m for m in metrics if labelled or not isinstance(m, ClassifierAccuracy)]
    with warnings.catch_warnings():
        # What is to be said of few samples was said of the figures themselves.
        warnings.simplefilter("ignore")
        return _results(measured, *halves), (first, half)


def _of_statistics(left, right, metrics, extractor, count, floor, frame_a, frame_b) -> Comparison:
    names = [each if isinstance(each, str) else each.name for each in metrics]
    if set(names) - {"frechet_distance"} or any(not isinstance(each, str) for each in metrics):
        unfit = next(name for name in [*names, ""] if name != "frechet_distance")
        raise InputError(
            f"{unfit or 'A metric object'} needs samples of both sides, and a statistics file "
            "holds none: only frechet_distance can be computed from it. Give the samples "
            "themselves, or leave the metrics out."
        )
    figure, report, counts, splits = statistics.measure(
        left, right, extractor, count, floor, frame_a, frame_b
    )
    return Comparison(
        a=_facts(left, splits[0], counts[0]),
        b=_facts(right, splits[1], counts[1]),
        figures={"frechet_distance": figure},
        rests_on={"frechet_distance": report},
    )


def _facts(source: Source, split: str | None, count: int | None) -> dict[str, Any]:
    return {"name": source.name, "kind": source.kind, "split": split, "samples": count}


def _warn_of_same(left, right, split_a, split) -> bool:
    """Warns where the reference is what was measured, or what a run was trained on.

    Returns:
        Whether a run was trained on the reference.
    """
    if not isinstance(right, Data):
        return False
    if isinstance(left, Data):
        folder = left.path is not None and left.path.is_dir()
        parts = (
            (split_a or "all", split or "all") if folder else (split_a or "train", split or "test")
        )
        if _same(left, right) and overlap(*parts):
            warnings.warn(
                f"{left.name} is compared with samples of its own: the figures say nothing. Take "
                "apart by split_a and split, such as train[:50%] and train[50%:], or give floor.",
                stacklevel=3,
            )
    elif isinstance(left, Run):
        folder = right.path is not None and right.path.is_dir()
        of = left.settings["split"]
        if _same(Data(left.settings["data"]), right) and (
            overlap(split or "test", of) or (folder and split is None)
        ):
            warnings.warn(
                f"Measured against {right.name}, and the model was trained on its {of!r}: the "
                "figures flatter it. Keep some data aside, and measure against that.",
                stacklevel=3,
            )
            return True
    return False


def _same(one: Data, other: Data) -> bool:
    if one.path is not None and other.path is not None:
        return one.path.resolve() == other.path.resolve()
    return one.path is other.path is None and one.name == other.name
