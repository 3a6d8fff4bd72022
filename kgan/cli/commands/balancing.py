"""`kgan balance`: its options."""

from pathlib import Path

import click

from kgan.cli.parameters import COUNT, SEED, Number
from kgan.runs import RunFolder


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--data",
    metavar="NAME|FOLDER|FILE.npz",
    help="The labelled data to balance. Default: the run's.",
)
@click.option(
    "--split", metavar="NAME", help="Part of the data. Default: what the run was trained on."
)
@click.option(
    "--to",
    type=COUNT,
    metavar="N",
    help="Samples that each class has then. Default: as many as the largest.",
)
@click.option(
    "--confidence",
    type=Number(0, 1),
    metavar="X",
    default=0.5,
    show_default=True,
    help="Keep a sample if a classifier gives its class this probability or more.",
)
@click.option("--with-real", is_flag=True, help="Write the real samples as well.")
@click.option(
    "--seed",
    type=SEED,
    metavar="N",
    default=0,
    show_default=True,
    help="The same seed gives the same samples.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    default="balanced",
    show_default=True,
    help="A FOLDER with a sub-folder for each class, or FILE.npz for arrays.",
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
def balance(run, data, split, to, confidence, with_real, seed, out, overwrite):
    """Generate what rare classes lack, from the trained RUN.

    For conditional models. A small classifier of the real samples decides which generated ones
    show their class; the others are rejected and counted. Copies and shifts of the real samples
    can be worth more: `kgan evaluate RUN -m usefulness` measures it.
    """
    from kgan.cli.balancing import write_balanced

    folder = RunFolder.find(run)
    click.echo(
        write_balanced(folder, data, split, to, confidence, with_real, seed, Path(out), overwrite)
    )
