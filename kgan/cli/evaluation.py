"""`kgan evaluate`: what a trained run scores, and what the figures rest on."""

import inspect
import json
import math

import click

from kgan.data import kinds
from kgan.data.splits import overlap
from kgan.errors import InputError
from kgan.runs import RunFolder, provenance, trained
from kgan.runs.files import replace

# What says most of images and of points alike; the rest is asked for by name.
DEFAULT = (
    "frechet_distance",
    "kernel_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "diversity",
)


# How near each image comes to its own target.
PAIRED = ("psnr", "ssim")
# Whose classes an extractor numbers.
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
        names: of metrics; empty means the default ones, and those that the data asks for.
        extractor: name of the extractor for all of them.
        reference: statistics file in place of real samples, for the Fréchet distance.
        split: part of the data to measure against; None means "test" where there is one.
        data: another data set than the run's.
        count: samples at most.
        floor: whether to measure the training images in place of generated ones too.
    """
    settings = run.config()["settings"]
    extractor = None if extractor == "auto" else extractor
    gan = trained(run)
    kind = kinds.of(gan)
    if floor and kind.from_images:
        raise InputError(
            "--floor puts training samples in the place of generated ones; of a model that starts "
            "from images it says nothing. Leave it out."
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
    if not names and tells_classes(extractor, gan, settings["data"], real.info):
        from kgan.metrics import ClassifierAccuracy

        metrics.append(ClassifierAccuracy(extractor or "auto"))
    elsewhere = data is not None and data != settings["data"]
    seen = not elsewhere and overlap(split, settings["split"])
    if seen:
        click.echo(
            f"Warning: measured against {split!r}, and the model was trained on "
            f"{settings['split']!r}: the figures flatter it. Keep some data aside: --split of "
            "`kgan train` takes a part.",
            err=True,
        )
    figures = gan.evaluate(_first(real, count), verbose=0, metrics=metrics)
    rests = {
        figure: metric.report() if hasattr(metric, "report") else {}
        for metric in metrics
        for figure in getattr(metric, "figures", (metric.name,))
    }
    floors = {}
    if floor:
        from kgan.metrics import measure

        training, _ = _load(settings, None, settings["split"], gan)
        alike = [metric for metric in metrics if metric.name != "classifier_accuracy"]
        floors = measure(alike, real, training, count, gan.data_range)
    here = provenance()
    record = {
        "measured": here["started"],
        "step": int(gan.iterations.numpy()),
        "data": real.info.name,
        "split": split,
        "trained_on_it": seen,
        "figures": _finite(figures),
        "floor": _finite(floors),
        "rests_on": rests,
        "machine": here["machine"],
        "versions": here["versions"],
    }
    _store(run, record)
    _print(run, record)


def _wanted(names, reference) -> list[str]:
    """The names of metrics, each once, checked before anything is loaded."""
    from kgan.metrics.named import METRICS

    for name in names:
        METRICS.find(name)
    if reference is not None and "frechet_distance" not in names:
        raise InputError("--reference is for the metric frechet_distance; name that too.")
    return list(dict.fromkeys(names))


def _metric(name: str, asked: bool, extractor, reference, modes):
    """The metric of that name, told what the command line and the data say.

    Args:
        name: of the metric.
        asked: whether the user named it.
        extractor: name of the extractor, or None.
        reference: statistics file, or None.
        modes: of the data, or None.
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


def tells_classes(extractor, gan, trained_on: str, info) -> bool:
    """Whether an extractor gives the model's classes the numbers that the model gives them."""
    if not gan.classes or not info.classes:
        return False
    from kgan.metrics import extractors

    known = NUMBERED.get(extractors.get(extractor or "auto", gan.sample_shape).name, ())
    # TensorFlow Datasets: "mnist:3.0.1" is "mnist".
    return {trained_on.split(":")[0], info.name.split(":")[0]} <= set(known)


def _load(settings, data, split, gan):
    """The real samples, and the split they are of."""
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
    """So many samples, or all there are, in a mixed order."""
    if real.info.size <= count:
        return real
    return real.unbatch().take(count).batch(real.info.batch_size)


def _store(run, record) -> None:
    text = json.dumps([*run.evaluated(), record], indent=2) + "\n"
    replace(run.evaluations, lambda part: part.write_text(text, encoding="utf-8"))


def _print(run, record) -> None:
    click.echo(
        f"{run.path} at step {record['step']}, against split {record['split']!r} of "
        f"{record['data']}:\n"
    )
    floor = record["floor"]
    click.echo(f"{'':22} {'generated':>12}" + (f" {'training':>12}" if floor else ""))
    for name, rests in record["rests_on"].items():
        line = f"{name:22} {_number(record['figures'].get(name)):>12}"
        line += f" {_number(floor.get(name)):>12}" if floor else ""
        click.echo(f"{line}   {_rests(rests)}".rstrip())
    if floor:
        click.echo("\nUnder 'training': the training samples in place of generated ones.")
    click.echo(f"\nStored in {run.evaluations}")


def _finite(figures) -> dict[str, float | None]:
    """The figures as JSON can hold them, which knows no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _number(value) -> str:
    return "-" if value is None else f"{value:.4g}"


def _rests(rests) -> str:
    parts = [
        f"{rests[side]} {word}"
        for side, word in (("fake", "generated"), ("real", "real"))
        if rests.get(side) is not None
    ]
    parts = [", ".join(parts), rests.get("extractor"), rests.get("reference")]
    return "; ".join(part for part in parts if part)
