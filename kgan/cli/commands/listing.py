"""`kgan models` and `kgan datasets`: what has a name."""

import click


@click.command()
def models():
    """List the models, their papers and what data they take."""
    from kgan.models import CATALOGUE

    for family in CATALOGUE.values():
        click.echo(f"{family.name:12} {family.paper}\n{'':12} takes {family.data}")


@click.command()
def datasets():
    """List the data sets that have a name."""
    from kgan.data import sources

    for name, description in sources():
        click.echo(f"{name:14} {description}")
    click.echo(
        "\nBeside these: any name of TensorFlow Datasets, a folder of images "
        "(sub-folders are classes), an .npz file."
    )
