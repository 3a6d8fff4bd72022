"""`kgan evaluate`: measures a trained run, and records how each figure was measured."""

import json
from typing import Any

import click
import numpy as np

from kgan.cli import reporting
from kgan.data import kinds
from kgan.data.splits import overlap, rest
from kgan.disk import locks
from kgan.errors import InputError
from kgan.runs import RunFolder, card, provenance, trained

# The data sets whose classes an extractor's classifier numbers in their order.
NUMBERED = {"digits": ("digits", "mnist"), "cifar10": ("cifar10",)}


def evaluate(
    run: RunFolder,
    names: tuple[str, ...],
    extractor: str,
    reference,
    split: str | None,
    data: str | None,
    count: int,
    floor: bool,
    as_json: bool = False,
) -> None:
    """Measures a run, prints the figures and adds them to its `evaluations.json`.

    Args:
        run: a trained run.
        names: metrics; empty means the default ones, and mode coverage and class accuracy if
            they suit the data.
        extractor: name of the extractor for all metrics; "auto" lets each metric choose.
        reference: statistics file in place of real samples, for the Fréchet distance.
        split: part of the data to measure against; None means "test" if there is one, else the
            part that was held out, else the part that the run was trained on.
        data: another data set than the run's; None means the run's.
        count: the most samples to generate and to compare with.
        floor: whether to also measure training samples in place of generated ones; where the run
            is measured against these, one half of them against the other.
        as_json: whether to print the record as JSON, and nothing else.

    Raises:
        InputError: if the run, a metric or the data cannot be used; the message says why.
    """
    from kgan.evaluation import wanted
    from kgan.evaluation.comparing import finite
    from kgan.training import workers

    settings = run.config()["settings"]
    # Measuring takes minutes: a file that cannot be added to is found before.
    run.evaluated()
    extractor = None if extractor == "auto" else extractor
    gan = trained(run)
    kind = kinds.of(gan)
    if floor and kind.from_images:
        raise InputError(
            "--floor measures training samples in place of generated ones, which says nothing "
            "about a model that starts from images. Leave it out."
        )
    _check_names(names, reference, kind)
    default = wanted.PAIRED if kind.paired else wanted.DEFAULT
    real, split = real_samples(settings, data, split, gan)
    metrics = [
        wanted.make(name, bool(names), extractor, reference, real.info.modes)
        for name in wanted.checked(names or default)
    ]
    for metric in metrics:
        if getattr(metric, "uses_training", False):
            metric.training, _ = real_samples(settings, None, settings["split"], gan)
    if real.info.modes is not None and not names:
        from kgan.metrics import ModeCoverage

        metrics.append(ModeCoverage(real.info.modes, extractor=extractor or "auto"))
    if not names and classes_match(extractor, gan, settings["data"], real.info):
        from kgan.metrics import ClassifierAccuracy

        metrics.append(ClassifierAccuracy(extractor or "auto"))
    other_data = data is not None and data != settings["data"]
    trained_on_it = not other_data and overlap(split, settings["split"])
    if trained_on_it:
        click.echo(
            f"Warning: measured against {split!r}, and the model was trained on "
            f"{settings['split']!r}: the figures flatter it. Keep some data aside: --split of "
            "`kgan train` takes a part.",
            err=True,
        )
    figures: Any = gan.evaluate(_first(real, count), verbose=0, metrics=metrics)
    reports = {
        figure: metric.report() if hasattr(metric, "report") else {}
        for metric in metrics
        for figure in getattr(metric, "figures", (metric.name,))
    }
    floors = _floor(metrics, real, settings, gan, count, trained_on_it) if floor else {}
    environment = provenance()
    record = {
        "measured": environment["started"],
        "step": gan.steps_taken,
        "data": real.info.name,
        "split": split,
        "trained_on_it": trained_on_it,
        "figures": finite(figures),
        "floor": finite(floors),
        **({"floor_of": _floor_of(trained_on_it)} if floor else {}),
        "rests_on": reports,
        "machine": environment["machine"],
        "versions": environment["versions"],
    }
    # First what took minutes to compute: the file may prove to be damaged, or the disk full.
    if as_json:
        click.echo(json.dumps(record, indent=2))
    else:
        _print(run, record)

    def store(of_first: int | None) -> int:
        if of_first is None:
            # Two evaluations that end together must not lose each other's record.
            with locks.briefly(run.evaluations):
                run.add_evaluation(record)
                card.refresh(run)
        return 0

    if run.is_carried:
        return
    workers.chief_first(gan.distribute_strategy, store)
    if not as_json:
        click.echo(f"\nStored in {run.evaluations}")


def _check_names(names, reference, kind) -> None:
    """Checks the names of metrics before anything is loaded.

    Raises:
        InputError: if one is unknown, or compares pairs that the model does not make.
    """
    from kgan.evaluation import wanted

    wanted.checked(names)
    if reference is not None and "frechet_distance" not in names:
        raise InputError("--reference is for the metric frechet_distance; name that too.")
    paired = [name for name in names if name in wanted.PAIRED]
    if paired and not kind.paired:
        raise InputError(
            f"{paired[0]} compares each image with its own target, and what this model makes has "
            "none. It is for models that translate or enlarge images, and for two folders: kgan "
            f"evaluate A B -m {paired[0]}."
        )


def _floor(metrics, real, settings, gan, count, trained_on_it) -> dict[str, float]:
    """Returns the figures of training samples in place of generated ones.

    Where the reference are the training samples themselves, half of it takes the place of what
    was generated.
    """
    from kgan.metrics import measure

    of_labels = ("classifier_accuracy", "usefulness")
    label_free = [metric for metric in metrics if metric.name not in of_labels]
    if not trained_on_it:
        training, _ = real_samples(settings, None, settings["split"], gan)
        return measure(label_free, real, training, count, gan.data_range)
    half = min(real.info.size, count) // 2
    if half < 2:
        raise InputError(
            f"The floor compares two halves of the reference, which has {real.info.size} samples. "
            "Leave --floor out."
        )
    rows = real.unbatch()
    if real.info.classes:
        rows = rows.map(lambda samples, labels: samples)
    # One order for both: the dataset shuffles anew each time that it is read.
    real.position.seek(0)
    kept = list(rows.take(2 * half).batch(real.info.batch_size).as_numpy_iterator())
    kept = np.concatenate(kept)
    return measure(label_free, kept[half:], kept[:half], None, gan.data_range)


def _floor_of(trained_on_it) -> str:
    """Returns what the floor was measured with, as the records name it."""
    return "halves" if trained_on_it else "training"


def classes_match(extractor, gan, trained_on: str, info) -> bool:
    """Returns whether the extractor's classifier numbers the classes as the model does."""
    if not gan.classes or not info.classes:
        return False
    from kgan.metrics import extractors

    known = NUMBERED.get(extractors.get(extractor or "auto", gan.sample_shape, True).name, ())
    # TensorFlow Datasets append a version: "mnist:3.0.1" is "mnist".
    return {trained_on.split(":")[0], info.name.split(":")[0]} <= set(known)


def real_samples(settings, data, split, gan):
    """Returns the real samples and the split that they come from."""
    from kgan.cli import reading

    settings = settings | ({"data": data, "data_b": None} if data else {})
    batch_size = 1 if kinds.of(gan).from_images else 250

    def load(split):
        return reading.load(type(gan), settings, split, batch_size, measuring=gan)

    if split is not None:
        return load(split), split
    try:
        return load("test"), "test"
    except InputError:
        # What was held out, or if nothing was, what the model was trained on.
        split = rest(settings["split"]) or settings["split"]
        return load(split), split


def _first(real, count):
    """Returns the first `count` samples of a dataset, or all if it has fewer."""
    if real.info.size <= count:
        return real
    return real.unbatch().take(count).batch(real.info.batch_size)


def _print(run, record) -> None:
    click.echo(
        f"{run.path} at step {record['step']}, against split {record['split']!r} of "
        f"{record['data']}:\n"
    )
    floor = record["floor"]
    of_halves = record.get("floor_of") == "halves"
    click.echo(
        reporting.table(
            record["figures"],
            floor,
            record["rests_on"],
            ("generated", "half" if of_halves else "training"),
        )
    )
    if of_halves:
        click.echo("\nUnder 'half': one half of the real samples against the other half.")
    elif floor:
        click.echo("\nUnder 'training': the training samples in place of generated ones.")
