"""`kgan augment`: its options."""

from pathlib import Path

import click

from kgan.cli.parameters import COUNT, SEED, Number, Size


@click.command()
@click.argument("data", metavar="NAME|FOLDER|FILE.npz")
@click.option(
    "--augment",
    "augmentation",
    metavar="NAME",
    default="diffaugment",
    show_default=True,
    help="As in `kgan train`: diffaugment, adaptive, flip or shift.",
)
@click.option(
    "-p",
    "--probability",
    type=Number(0, 1),
    metavar="X",
    help="Of each change of adaptive, which begins with 0 and adapts it. Default: 0.5.",
)
@click.option(
    "-n",
    "--count",
    type=COUNT,
    metavar="N",
    default=6,
    show_default=True,
    help="Images, one a row.",
)
@click.option(
    "--draws", type=COUNT, metavar="N", default=7, show_default=True, help="Draws of each image."
)
@click.option("--size", type=Size(), metavar="N|HxW", help="Crop and resize images to this size.")
@click.option("--channels", type=click.Choice(["1", "3", "4"]), help="As in `kgan train`.")
@click.option("--background", metavar="COLOUR", default="white", help="As in `kgan train`.")
@click.option("--split", metavar="NAME", default="train", show_default=True)
@click.option("--data-dir", type=click.Path(), metavar="FOLDER", help="As in `kgan train`.")
@click.option(
    "--seed",
    type=SEED,
    metavar="N",
    default=0,
    show_default=True,
    help="The same seed chooses the same images and draws.",
)
@click.option(
    "-o", "--out", type=click.Path(), metavar="FILE.png", default="augmented.png", show_default=True
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
def augment(
    data, augmentation, probability, count, draws, channels, seed, out, overwrite, **settings
):
    """Draw what the discriminator sees of augmented images.

    Each row shows an image of the data on the left, and several draws of its augmentation. Colours
    beyond black and white are clipped in the picture, and not in training.
    """
    from kgan.cli.augmenting import draw

    click.echo(
        draw(
            data,
            augmentation,
            p=probability,
            count=count,
            draws=draws,
            seed=seed,
            out=Path(out),
            overwrite=overwrite,
            channels=int(channels) if channels else None,
            **settings,
        )
    )
