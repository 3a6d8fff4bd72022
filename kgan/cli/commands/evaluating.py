"""`kgan evaluate`: its options."""

import click

from kgan.cli import scaling
from kgan.cli.parameters import COUNT, on_several
from kgan.runs import RunFolder


@click.command()
@click.argument("run", type=click.Path())
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
@click.option(
    "--data",
    metavar="NAME|FOLDER|FILE.npz",
    help="Measure against other data than the run's.",
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
    "--reference",
    type=click.Path(),
    metavar="FILE.npz",
    help="Stored statistics (mu, sigma) in place of real samples, for frechet_distance.",
)
@click.option(
    "--floor", is_flag=True, help="Also measure training samples in place of generated ones."
)
@on_several
def evaluate(
    run, metrics, extractor, split, data, count, reference, floor, devices, workers, index
):
    """Measure the samples of the trained RUN.

    Prints each figure with its number of samples and its extractor, and adds them to
    RUN/evaluations.json. Figures with different extractors or counts are not comparable.
    """
    from kgan.cli.evaluation import evaluate as measure

    strategy = scaling.strategy(devices, workers, index)
    with scaling.quiet_unless_first(strategy), scaling.scope(strategy):
        measure(RunFolder(run), metrics, extractor, reference, split, data, count, floor)
