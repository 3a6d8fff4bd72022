"""`kgan interpolate`, `kgan directions` and `kgan project`: their options."""

import json
from pathlib import Path

import click

from kgan.cli import parameters
from kgan.cli.parameters import COUNT, POSITIVE, Number, as_json
from kgan.cli.reports import spoken
from kgan.runs import RunFolder


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=int,
    metavar="N",
    help="A sample to pass, as `kgan generate -n 1 --seed N` draws it. Repeat it. Default: four "
    "new ones.",
)
@click.option(
    "--latents",
    type=click.Path(),
    metavar="FILE.npz",
    help="Latents to pass instead, as `kgan project --latents` writes them.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="CLASS",
    help="The class of all by name or number, or one a sample: then the walk leads from class to "
    "class. With one --seed only the class changes. Default: those drawn with the samples.",
)
@click.option(
    "--steps", type=COUNT, default=30, show_default=True, metavar="N", help="From one to the next."
)
@click.option(
    "--spherical/--linear",
    default=None,
    help="Along a great circle or a line. Default: a circle for normal latents.",
)
@click.option("--loop", is_flag=True, help="Lead back to the first sample.")
@parameters.truncation
@click.option(
    "--fps",
    type=Number(0.1, 50),
    default=25,
    show_default=True,
    metavar="N",
    help="Frames a second.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    default="walk.gif",
    show_default=True,
    help='FILE.gif, FILE.mp4 (needs "kgan[video]"), FILE.png for a sheet, FILE.npz for an array.',
)
@parameters.overwrite
@as_json
def interpolate(run, out, overwrite, seeds, labels, json_lines, **options):
    """Animate the way from sample to sample of the trained RUN.

    \b
      kgan interpolate digits --seed 1 --seed 2 --seed 3 --loop -o walk.mp4
      kgan interpolate runs/faces --seed 1 --label cat --label dog -o morph.gif
    """
    from kgan.cli.exploring import write_walk

    with spoken(json_lines):
        said, facts = write_walk(
            RunFolder.find(run),
            Path(out),
            overwrite,
            seeds=list(seeds),
            labels=list(labels),
            **options,
        )
    click.echo(json.dumps(facts) if json_lines else said)


@click.command()
@click.argument("run", type=click.Path())
@click.option("-n", "--count", type=COUNT, default=6, show_default=True, metavar="N")
@click.option("--seed", type=int, metavar="N", help="Of the sample. Default: a new one.")
@click.option("--label", metavar="CLASS", help="Its class by name or number. Default: the first.")
@click.option(
    "--columns",
    type=click.IntRange(2),
    default=9,
    show_default=True,
    metavar="N",
    help="Samples in a row.",
)
@click.option(
    "--strength",
    type=POSITIVE,
    default=3.0,
    show_default=True,
    metavar="X",
    help="How far the sample is moved, both ways, in the latents' unit.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    default="directions.png",
    show_default=True,
    help="FILE.png, or FILE.npz for the vectors and samples.",
)
@parameters.overwrite
@as_json
def directions(run, out, overwrite, json_lines, **options):
    """Show what varies most among the samples of RUN.

    They are read from the weights (closed-form factorization, Shen & Zhou 2021). Each row moves
    the same sample along one; the sample itself is in the middle. The codes of an infogan are
    directions, too, and come first.
    """
    from kgan.cli.exploring import write_directions

    with spoken(json_lines):
        said, facts = write_directions(RunFolder.find(run), Path(out), overwrite, **options)
    click.echo(json.dumps(facts) if json_lines else said)


@click.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True, metavar="IMAGE...")
@click.option("--label", metavar="CLASS", help="The class by name or number. Default: look for it.")
@click.option("--steps", type=COUNT, default=200, show_default=True, metavar="N", help="Of Adam.")
@click.option(
    "--starts",
    type=COUNT,
    default=4,
    show_default=True,
    metavar="N",
    help="Optimise from the N closest of 64 N samples.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="The same seed gives the same result.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    default="projected.png",
    show_default=True,
    help="FILE.png: each image beside its sample.",
)
@click.option(
    "--latents",
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="Where to write the latents, for `kgan interpolate --latents`.",
)
@click.option("--overwrite", is_flag=True, help="Replace --out and --latents if they exist.")
@as_json
def project(run, images, out, overwrite, json_lines, **options):
    """Find the samples of RUN closest to images.

    How far a generator gets to a picture shows what it can make. Pictures are cut and resized to
    the size of the samples.
    """
    from kgan.cli.exploring import write_projection

    with spoken(json_lines):
        said, facts = write_projection(
            RunFolder.find(run), list(images), Path(out), overwrite, **options
        )
    click.echo(json.dumps(facts) if json_lines else said)
