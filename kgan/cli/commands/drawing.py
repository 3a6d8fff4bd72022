"""`kgan generate`, `kgan translate`, `kgan upscale` and `kgan export`: their options."""

import json
from pathlib import Path

import click

from kgan.cli import parameters
from kgan.cli.parameters import COUNT, as_json
from kgan.cli.reports import spoken
from kgan.disk import marks
from kgan.errors import InputError
from kgan.runs import RunFolder, card


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


@click.command()
@click.argument("run", type=click.Path())
@click.option("-o", "--out", type=click.Path(), help="Default: RUN/saved_model.")
@click.option("--overwrite", is_flag=True, help="Replace the SavedModel in --out.")
@click.option(
    "--licence",
    "--license",
    metavar="NAME",
    help="Of the model, for its card, such as apache-2.0. Default: unknown.",
)
def export(run, out, overwrite, licence):
    """Write RUN's generator as a SavedModel.

    A model card is written beside it.
    """
    from kgan.arguments import utf8_path
    from kgan.cli.terminal import working
    from kgan.runs import trained
    from kgan.runs.files import write_saved_model

    folder = RunFolder.find(run)
    folder.config()
    if folder.is_carried and out is None:
        raise InputError(f"{run} is a model that kgan carries; say where to write it: -o FOLDER.")
    target = Path(out) if out else folder.saved_model
    utf8_path("-o", target)
    if out is None and not overwrite and target.is_dir() and any(target.iterdir()):
        raise InputError(
            f"{target} is there already: training wrote it, and it is ready to serve. For another "
            "copy give -o FOLDER, or --overwrite to write it again."
        )
    marks.check_free(target, overwrite, marks.check_saved_model)
    text = card.card(folder, licence)
    with working("loading TensorFlow and the run"):
        gan = trained(folder)
    write_saved_model(gan, target)
    card.write(text, target)
    click.echo(f"Exported to {target}: {gan.signatures}. It loads without kgan.")
