"""`kgan generate`, `kgan translate` and `kgan upscale`: their options."""

import json
from pathlib import Path

import click

from kgan.cli import parameters
from kgan.cli.parameters import COUNT, as_json
from kgan.cli.reports import spoken
from kgan.runs import RunFolder


@click.command()
@click.argument("run", type=click.Path())
@click.option("-n", "--count", type=COUNT, metavar="N", default=64, show_default=True)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="CLASS",
    help="A class by name or number, for conditional models. May be repeated: the samples cycle "
    "through the classes. Default: all classes.",
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    help="The same seed gives the same samples. Default: a new one.",
)
@parameters.truncation
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    default="samples.png",
    show_default=True,
    help="FILE.png for one picture, FILE.npz for an array, a FOLDER for single images.",
)
@parameters.overwrite
@as_json
def generate(run, count, labels, seed, truncation, out, overwrite, json_lines):
    """Draw new samples from the trained RUN.

    RUN is a folder, or one of the models that kgan carries, such as `digits`.

    The samples of a conditional model cycle through the classes; a picture shows one class a
    column. An .npz also holds the labels.
    """
    from kgan.cli.sampling import write_samples

    with spoken(json_lines):
        said, facts = write_samples(
            RunFolder.find(run), count, labels, seed, truncation, Path(out), overwrite
        )
    click.echo(json.dumps(facts) if json_lines else said)


@click.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), metavar="FILE|FOLDER")
@click.option("--direction", type=click.Choice(["a2b", "b2a"]), help="For CycleGAN. Default: a2b.")
@click.option(
    "-o", "--out", type=click.Path(), help="FILE.png or FOLDER. Default: beside the input."
)
@parameters.overwrite
def translate(run, images, direction, out, overwrite):
    """Translate images of any size with the trained RUN."""
    from kgan.cli.translating import translate as translate_files

    click.echo(translate_files(RunFolder.find(run), images, direction, out, overwrite))


@click.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), metavar="FILE|FOLDER")
@click.option(
    "-o", "--out", type=click.Path(), help="FILE.png or FOLDER. Default: beside the input."
)
@click.option(
    "--tile",
    type=COUNT,
    metavar="N",
    default=192,
    show_default=True,
    help="Process large images in tiles of N pixels a side.",
)
@parameters.overwrite
def upscale(run, images, out, tile, overwrite):
    """Enlarge images of any size with the trained RUN."""
    from kgan.cli.translating import upscale as upscale_files

    click.echo(upscale_files(RunFolder.find(run), images, out, tile, overwrite))
