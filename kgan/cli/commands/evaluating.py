"""`kgan evaluate`: its options."""

from pathlib import Path

import click

from kgan.cli import early, scaling
from kgan.cli.parameters import COUNT, SEED, Size, on_several
from kgan.disk import marks
from kgan.errors import InputError
from kgan.runs import RunFolder

# For two sources; a run that is measured on its own data takes them from its settings.
_OF_TWO = ("size", "channels", "seed", "split_a", "classes", "source_range", "latents", "no_cache")
# For a run alone; B stands in their place.
_OF_ONE = {"data": "the second argument", "reference": "the second argument"}


@click.command()
@click.argument("run", type=click.Path(), metavar="A")
@click.argument("other", type=click.Path(), metavar="[B]", required=False)
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Such as frechet_distance. May be repeated. Default: the ones that suit the data.",
)
@click.option(
    "--extractor",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="What computes the features: values, digits, cifar10, colour, inception, or a network of "
    "keras.applications. 'auto' needs no download: digits for handwritten digits, colour for other "
    "images, values for anything else.",
)
@click.option(
    "--split",
    metavar="NAME",
    help="Part of the data to measure against. Default: test, if there is one.",
)
@click.option("--split-a", metavar="NAME", help="Part of A, if A is data. Default: train.")
@click.option(
    "--data",
    metavar="NAME|FOLDER|FILE.npz",
    help="Measure against other data than the run's.",
)
@click.option("--size", type=Size(), metavar="N|HxW", help="Crop and resize images to this size.")
@click.option("--channels", type=click.Choice(["1", "3"]), help="Make images grey (1) or RGB (3).")
@click.option(
    "--training",
    metavar="SOURCE",
    help="What A was trained on, for memorisation and --neighbours. Default: the run's data.",
)
@click.option(
    "-n",
    "--count",
    type=COUNT,
    metavar="N",
    default=10_000,
    show_default=True,
    help="Generated and real samples, each at most this many.",
)
@click.option(
    "--seed",
    type=SEED,
    metavar="N",
    default=0,
    show_default=True,
    help="Of the samples that are generated, and of the choice of real ones.",
)
@click.option(
    "--reference",
    type=click.Path(),
    metavar="FILE.npz",
    help="Stored statistics (mu, sigma) in place of real samples, for frechet_distance.",
)
@click.option(
    "--floor",
    is_flag=True,
    help="Also measure training samples in place of generated ones; with B, its halves.",
)
@click.option(
    "--neighbours",
    type=click.Path(),
    metavar="FILE.png",
    help="Draw the samples that lie nearest to training images, beside these.",
)
@click.option(
    "--classes",
    type=click.IntRange(min=2),
    metavar="N",
    help="Of a conditional generator in a file.",
)
@click.option(
    "--latents",
    type=click.Choice(["normal", "uniform"]),
    default="normal",
    show_default=True,
    help="Latents of an ONNX or Keras file.",
)
@click.option(
    "--range",
    "source_range",
    type=float,
    nargs=2,
    metavar="LOW HIGH",
    help="Black and white, where the values of a file do not tell.",
)
@click.option("--no-cache", is_flag=True, help="Compute the features of B again.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON, and nothing else.")
@on_several
@click.pass_context
def evaluate(context, run, other, devices, workers, index, **options):
    """Measure the samples of a run, or A against B.

    A and B are a folder of images, a data set by name, an .npz or .npy file of samples, a
    statistics file (mu, sigma), a run, a SavedModel, an .onnx, .tflite or .keras file.

    Prints each figure with its number of samples and its extractor. Those of a run are added to
    its evaluations.json. Figures with different extractors or counts are not comparable.

    \b
      kgan evaluate runs/photos --floor --neighbours nearest.png
      kgan evaluate generated/ photos/ --extractor cifar10 --floor
      kgan evaluate generator.onnx mnist --split test --json
    """
    given = {
        name
        for name in options
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    spelled = {p.name: p.opts[-1] for p in context.command.params if p.name in options}
    picture = options["neighbours"]
    if picture is not None and Path(picture).suffix.lower() != ".png":
        raise InputError(f"--neighbours takes FILE.png; got {picture!r}.")
    if picture is not None:
        marks.check_own(Path(picture), "evaluate", "--neighbours")
    channels = int(options["channels"]) if options["channels"] else None
    settings = {
        "metrics": list(options["metrics"]) or None,
        "extractor": options["extractor"],
        "count": options["count"],
        "size": tuple(options["size"]) if isinstance(options["size"], list) else options["size"],
        "channels": channels,
        "seed": options["seed"],
        "split": options["split"],
        "split_a": options["split_a"],
        "training": options["training"],
        "classes": options["classes"],
        "value_range": options["source_range"],
        "latents": options["latents"],
        "floor": options["floor"],
        "cache": not options["no_cache"],
    }
    if all(each is None for each in (devices, workers, index)):
        # Devices load TensorFlow, and are checked by it.
        early.check_evaluation(run if other is None else None, options["metrics"])
    if other is not None:
        _refuse(given & _OF_ONE.keys(), spelled, "is for a run alone; B stands in its place")
        if any(each is not None for each in (devices, workers, index)):
            raise InputError("--devices and --workers are for `kgan evaluate RUN` without B.")
        from kgan.cli.comparing import check_neighbours, compare, draw_neighbours

        if picture is not None:
            check_neighbours(run, options["training"])
        compare(run, other, settings, options["as_json"])
        if picture is not None:
            draw_neighbours(run, picture, options["training"], settings, options["as_json"])
        return
    two = "is for two sources, `kgan evaluate A B`; a run takes it from its settings"
    _refuse(given & {*_OF_TWO}, spelled, two)
    if options["training"] is not None and picture is None:
        _refuse({"training"}, spelled, two)
    from kgan.cli.evaluation import evaluate as measure

    strategy = scaling.strategy(devices, workers, index)
    with scaling.quiet_unless_first(strategy), scaling.scope(strategy):
        names = ("metrics", "extractor", "reference", "split", "data", "count", "floor", "as_json")
        measure(RunFolder.find(run), *(options[name] for name in names))
    if picture is not None:
        from kgan.cli.comparing import draw_neighbours

        draw_neighbours(run, picture, options["training"], settings, options["as_json"])


def _refuse(names, spelled, why) -> None:
    """Raises an `InputError` for options that do not go with what is measured."""
    if names:
        raise InputError(f"{spelled[min(names)]} {why}.")
