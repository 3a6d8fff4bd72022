"""`kgan evaluate`: measures a trained run, and records how each figure was measured."""

import inspect
import math

import click

from kgan.data import kinds
from kgan.data.splits import overlap
from kgan.disk import locks
from kgan.errors import InputError
from kgan.runs import RunFolder, provenance, trained

# Metrics that suit both images and points. The others are measured only if named.
DEFAULT = (
    "frechet_distance",
    "kernel_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "diversity",
)

# Metrics that compare each image with its own target, for models trained on pairs.
PAIRED = ("psnr", "ssim")
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
) -> None:
    """Measures a run, prints the figures and adds them to its `evaluations.json`.

    Args:
        run: a trained run.
        names: metrics; empty means the default ones, and mode coverage and class accuracy if
            they suit the data.
        extractor: name of the extractor for all metrics; "auto" lets each metric choose.
        reference: statistics file in place of real samples, for the Fréchet distance.
        split: part of the data to measure against; None means "test" if there is one, else the
            part that the run was trained on.
        data: another data set than the run's; None means the run's.
        count: the most samples to generate and to compare with.
        floor: whether to also measure training samples in place of generated ones.

    Raises:
        InputError: if the run, a metric or the data cannot be used; the message says why.
    """
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
    default = PAIRED if kind.paired else DEFAULT
    wanted = _wanted(names or default, reference)
    real, split = _load(settings, data, split, gan)
    metrics = [_metric(name, bool(names), extractor, reference, real.info.modes) for name in wanted]
    for metric in metrics:
        if getattr(metric, "uses_training", False):
            metric.training, _ = _load(settings, None, settings["split"], gan)
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
    figures = gan.evaluate(_first(real, count), verbose=0, metrics=metrics)
    reports = {
        figure: metric.report() if hasattr(metric, "report") else {}
        for metric in metrics
        for figure in getattr(metric, "figures", (metric.name,))
    }
    floors = {}
    if floor:
        from kgan.metrics import measure

        training, _ = _load(settings, None, settings["split"], gan)
        label_free = [metric for metric in metrics if metric.name != "classifier_accuracy"]
        floors = measure(label_free, real, training, count, gan.data_range)
    environment = provenance()
    record = {
        "measured": environment["started"],
        "step": gan.steps_taken,
        "data": real.info.name,
        "split": split,
        "trained_on_it": trained_on_it,
        "figures": _finite(figures),
        "floor": _finite(floors),
        "rests_on": reports,
        "machine": environment["machine"],
        "versions": environment["versions"],
    }
    # First what took minutes to compute: the file may prove to be damaged, or the disk full.
    _print(run, record)

    def store(of_first: int | None) -> int:
        if of_first is None:
            # Two evaluations that end together must not lose each other's record.
            with locks.briefly(run.evaluations):
                run.add_evaluation(record)
        return 0

    workers.chief_first(gan.distribute_strategy, store)
    click.echo(f"\nStored in {run.evaluations}")


def _wanted(names, reference) -> list[str]:
    """Returns the names of the metrics without repeats, checked before anything is loaded."""
    from kgan.metrics.named import METRICS

    for name in names:
        METRICS.find(name)
    if reference is not None and "frechet_distance" not in names:
        raise InputError("--reference is for the metric frechet_distance; name that too.")
    return list(dict.fromkeys(names))


def _metric(name: str, asked: bool, extractor, reference, modes):
    """Makes a metric with the settings of the command line and of the data.

    Args:
        name: name of the metric.
        asked: whether the user named it.
        extractor: name of the extractor, or None.
        reference: statistics file, or None.
        modes: modes of the data, or None.
    """
    from kgan.metrics.named import METRICS

    make = METRICS.find(name).load()
    known = inspect.signature(make).parameters
    settings = {}
    if extractor is not None and "extractor" in known and (asked or name != "diversity"):
        settings["extractor"] = extractor
    if name == "frechet_distance" and reference is not None:
        settings["reference"] = reference
    if name == "mode_coverage":
        if modes is None:
            raise InputError(
                "mode_coverage counts the modes of data whose modes are known: 'ring', 'grid' and "
                "'stacked_mnist'. Leave it out for other data."
            )
        settings["modes"] = modes
    return make(**settings)


def classes_match(extractor, gan, trained_on: str, info) -> bool:
    """Returns whether the extractor's classifier numbers the classes as the model does."""
    if not gan.classes or not info.classes:
        return False
    from kgan.metrics import extractors

    known = NUMBERED.get(extractors.get(extractor or "auto", gan.sample_shape, True).name, ())
    # TensorFlow Datasets append a version: "mnist:3.0.1" is "mnist".
    return {trained_on.split(":")[0], info.name.split(":")[0]} <= set(known)


def _load(settings, data, split, gan):
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
        return load(settings["split"]), settings["split"]


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
    click.echo(f"{'':22} {'generated':>12}" + (f" {'training':>12}" if floor else ""))
    for name, report in record["rests_on"].items():
        line = f"{name:22} {_number(record['figures'].get(name)):>12}"
        line += f" {_number(floor.get(name)):>12}" if floor else ""
        click.echo(f"{line}   {_basis(report)}".rstrip())
    if floor:
        click.echo("\nUnder 'training': the training samples in place of generated ones.")


def _finite(figures) -> dict[str, float | None]:
    """Returns the figures with None for NaN and infinity, which JSON does not have."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _number(value) -> str:
    return "-" if value is None else f"{value:.4g}"


def _basis(report) -> str:
    """Formats what a figure was measured with, such as "300 generated, 300 real; digits"."""
    parts = [
        f"{report[side]} {word}"
        for side, word in (("fake", "generated"), ("real", "real"))
        if report.get(side) is not None
    ]
    parts = [", ".join(parts), report.get("extractor"), report.get("reference")]
    return "; ".join(part for part in parts if part)
