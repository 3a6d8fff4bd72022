"""`kgan models` and `kgan datasets`: what has a name."""

import json

import click

from kgan.cli.parameters import as_json


@click.command()
@click.argument("name", required=False)
@as_json
def models(name, json_lines):
    """List the models, their papers and what data they take.

    Below them stand the trained models that kgan carries.

    With a NAME: the options of that model with their defaults, its presets, the sizes of images
    that it takes, and the optimizers, the loss and the penalties that it trains with.
    """
    from kgan import pretrained
    from kgan.cli import listing
    from kgan.models import CATALOGUE, entry

    if name in pretrained.names():
        click.echo(json.dumps(pretrained.card(name)) if json_lines else listing.trained_model(name))
        return
    if name is None and not json_lines:
        click.echo(listing.every_model())
    elif not json_lines:
        click.echo(listing.model(entry(name)).rstrip())
    elif name is None:
        click.echo(json.dumps([listing.facts(family) for family in CATALOGUE.values()]))
    else:
        click.echo(json.dumps(listing.facts(entry(name))))


@click.command()
@as_json
def datasets(json_lines):
    """List the data sets that have a name."""
    from kgan.data import sources

    if json_lines:
        named = [{"name": name, "description": description} for name, description in sources()]
        click.echo(json.dumps(named))
        return
    for name, description in sources():
        click.echo(f"{name:14} {description}")
    click.echo(
        "\nBeside these: any name of TensorFlow Datasets, a folder of images "
        "(sub-folders are classes), an .npz file."
    )
