"""The commands, and how their errors are reported."""

import contextlib
import signal
import sys

import click

import kgan
from kgan import signals
from kgan.cli.commands.augmenting import augment
from kgan.cli.commands.balancing import balance
from kgan.cli.commands.drawing import generate, translate, upscale
from kgan.cli.commands.evaluating import evaluate
from kgan.cli.commands.exploring import directions, interpolate, project
from kgan.cli.commands.exporting import export
from kgan.cli.commands.listing import datasets, models
from kgan.cli.commands.playing import play
from kgan.cli.commands.reporting import compare, report
from kgan.cli.commands.sharing import push
from kgan.cli.commands.training import launch, train
from kgan.cli.messages import any_text, failure, plain_warnings
from kgan.cli.quiet import without_chatter


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(kgan.__version__, prog_name="kgan")
def cli():
    """Train, sample and ship generative adversarial networks.

    `kgan train` without arguments trains a GAN on real handwritten digits.
    """


for command in (
    train,
    launch,
    augment,
    generate,
    translate,
    upscale,
    interpolate,
    directions,
    project,
    play,
    evaluate,
    report,
    compare,
    balance,
    export,
    push,
    models,
    datasets,
):
    cli.add_command(command)

# The commands that load TensorFlow.
_HEAVY = (
    "train",
    "generate",
    "evaluate",
    "report",
    "compare",
    "export",
    "translate",
    "upscale",
    "augment",
    "balance",
    "interpolate",
    "directions",
    "project",
    "play",
)


def main(arguments=None):
    """Runs the command line. Every expected error ends in one message and a nonzero status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    heavy = bool(words) and words[0] in _HEAVY
    ending = signals.handled(signals.ENDING, signals.interrupt, (signal.SIG_DFL,))
    quiet = without_chatter() if heavy else contextlib.nullcontext()
    with quiet, any_text(), plain_warnings(), ending:
        try:
            status = cli.main(words, prog_name="kgan", standalone_mode=False) or 0
        except (Exception, KeyboardInterrupt) as error:
            # The messages name the options of the command that was given.
            named = {"evaluate": evaluate, "balance": balance}.get(words[0] if words else "", train)
            known = {option.name for option in named.params}
            status = failure(error, known)
            if status is None:
                raise
    sys.exit(status)
