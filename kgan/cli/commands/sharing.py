"""`kgan push`: its options."""

import json

import click

from kgan.cli.parameters import as_json
from kgan.cli.reports import spoken
from kgan.runs import RunFolder


@click.command()
@click.argument("run", type=click.Path())
@click.argument("name", metavar="OWNER/NAME")
@click.option(
    "--licence",
    "--license",
    metavar="NAME",
    help="Of the model, as the hub has it, such as apache-2.0. Default: unknown.",
)
@click.option("--private", is_flag=True, help="If it is made: for you alone.")
@click.option("--saved-model", is_flag=True, help="Also the SavedModel, which loads without kgan.")
@click.option("--checkpoints", is_flag=True, help="Also the checkpoints, to go on training.")
@as_json
def push(run, name, licence, private, saved_model, checkpoints, json_lines):
    """Upload RUN to the Hugging Face hub.

    A model card goes with it.

    Sent are the model, config.json, the card, a sheet of samples, the history and the figures,
    never data. `kgan.load("hf://OWNER/NAME")` and `kgan generate hf://OWNER/NAME` use it.
    """
    from kgan.runs import hub

    with spoken(json_lines):
        place = hub.push(RunFolder.find(run), name, licence, private, saved_model, checkpoints)
    if json_lines:
        click.echo(json.dumps({"place": place}))
    else:
        click.echo(f"Sent to {place}. Draw from it: kgan generate {place}")
