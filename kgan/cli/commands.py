"""The commands, their options and how their errors reach the user."""

import contextlib
import errno
import sys
from pathlib import Path

import click

import kgan
from kgan.cli.quiet import without_chatter
from kgan.cli.run_folder import RunFolder, replace
from kgan.errors import InputError


class _NumberedRange(click.IntRange):
    name = "N"


_POSITIVE = click.IntRange(min=1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(kgan.__version__, prog_name="kgan")
def cli():
    """Train, sample and ship generative adversarial networks.

    `kgan train` without more trains on real handwritten digits, to pictures of digits.
    """


@cli.command()
@click.argument("model", required=False)
@click.option(
    "--data",
    default="digits",
    show_default=True,
    metavar="NAME|FOLDER|FILE.npz",
    help="A data set by name (`kgan datasets`), a folder of images, or an .npz file.",
)
@click.option("--epochs", type=_POSITIVE, help="Passes over the data.")
@click.option("--steps", type=_POSITIVE, help="Training steps, in place of epochs.")
@click.option("--batch-size", type=_POSITIVE, help="Default: the paper's.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=click.Path(), metavar="RUN", help="The run's folder. Default: runs/MODEL-DATA."
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--overwrite", is_flag=True, help="Delete the run in --out first.")
@click.option(
    "-O",
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the model, such as variant=relu. May be repeated.",
)
@click.option("--variant", help="Short for -O variant=NAME.")
@click.option("--loss", help="A loss by name, such as hinge. Default: the paper's.")
@click.option(
    "--penalty",
    "penalties",
    multiple=True,
    metavar="NAME[=WEIGHT]",
    help="A penalty, such as r1=10. May be repeated. Default: the paper's.",
)
@click.option(
    "--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Of both players."
)
@click.option(
    "--clip-norm",
    type=click.FloatRange(min=0, min_open=True),
    help="Clip each player's gradient to this norm.",
)
@click.option(
    "--ema",
    type=click.FloatRange(0, 1, max_open=True),
    help="Decay of the generator's average; 0 for none.",
)
@click.option("--discriminator-steps", type=_POSITIVE, help="A step of the generator.")
@click.option("--accumulation-steps", type=_POSITIVE, help="Slices a batch is worked through in.")
@click.option("--split", default="train", show_default=True, help="Part of the data set.")
@click.option("--size", type=_POSITIVE, help="Crop and resize images to this size.")
@click.option("--channels", type=click.Choice(["1", "3"]), help="Make images grey or RGB.")
@click.option("--data-dir", type=click.Path(), help="Where TensorFlow Datasets keeps its data.")
@click.option("--snapshot-every", type=_POSITIVE, metavar="STEPS", help="Default: 30 in all.")
@click.option("--checkpoint-every", type=_POSITIVE, metavar="STEPS", help="Default: 10 in all.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_context
def train(context, out, resume, overwrite, quiet, variant, channels, **settings):
    """Train MODEL into a run folder.

    MODEL is a name from `kgan models`. Without it the main job runs: a vanilla GAN in its
    stable form on handwritten digits that need no network, about two minutes on two cores.

    The run folder holds config.json, samples/, checkpoints/, logs/ (TensorBoard), gan.keras,
    saved_model/, history.csv and losses.png. Ctrl-C saves, and --resume goes on.
    """
    if resume and overwrite:
        raise InputError("--resume goes on with a run and --overwrite deletes it; give one.")
    if settings["steps"] and settings["epochs"]:
        raise InputError("--steps and --epochs both say how long to train; give one.")
    from kgan.cli.training import train as run_training

    settings["options"] = list(settings["options"]) + ([f"variant={variant}"] if variant else [])
    settings["penalties"] = list(settings["penalties"])
    settings["channels"] = int(channels) if channels else None
    given = {
        name
        for name in settings
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    } | ({"options"} if variant else set())
    run_training(settings, given, out, resume, overwrite, quiet)


@cli.command()
@click.argument("run", type=click.Path())
@click.option("-n", "--count", type=_POSITIVE, default=64, show_default=True)
@click.option("--seed", type=int, help="The same seed gives the same samples.")
@click.option(
    "--truncation",
    type=click.FloatRange(min=0, min_open=True),
    help="Keep latents near the centre: better samples, less variety.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    default="samples.png",
    show_default=True,
    help="FILE.png for one grid, FILE.npz for an array, a FOLDER for single files.",
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it is there.")
def generate(run, count, seed, truncation, out, overwrite):
    """Draw new samples from the trained RUN."""
    from kgan.cli.sampling import write_samples

    out = Path(out)
    if out.exists() and not overwrite and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out} is there already; choose another -o or add --overwrite.")
    click.echo(write_samples(RunFolder(run), count, seed, truncation, out))


@cli.command()
@click.argument("run", type=click.Path())
@click.option("-o", "--out", type=click.Path(), help="Default: RUN/saved_model.")
@click.option("--overwrite", is_flag=True, help="Replace --out if it is there.")
def export(run, out, overwrite):
    """Write RUN's generator as a SavedModel, which serves without kgan."""
    from kgan.cli.sampling import trained

    folder = RunFolder(run)
    target = Path(out) if out else folder.saved_model
    if target.exists() and not overwrite:
        raise InputError(f"{target} is there already; choose another -o or add --overwrite.")
    gan = trained(folder)
    replace(target, lambda part: gan.export(part, verbose=False))
    click.echo(f"Exported to {target}: serve(latents) and sample(count, seed).")


@cli.command()
def models():
    """List the models, their papers and what data they take."""
    from kgan.models import CATALOGUE

    for family in CATALOGUE.values():
        click.echo(f"{family.name:12} {family.paper}\n{'':12} takes {family.data}")


@cli.command()
def datasets():
    """List the data sets that go by a name."""
    from kgan.data import sources

    for name, description in sources():
        click.echo(f"{name:14} {description}")
    click.echo(
        "\nBeside these: any name of TensorFlow Datasets, a folder of images "
        "(sub-folders are classes), an .npz file."
    )


def main(arguments=None):
    """The entry point: every foreseen error ends in one message and a status that is not 0."""
    loud = contextlib.nullcontext()
    words = sys.argv[1:] if arguments is None else list(arguments)
    heavy = bool(words) and words[0] in ("train", "generate", "export")
    with without_chatter() if heavy else loud:
        status = _status(words)
    sys.exit(status)


def _status(arguments) -> int:
    try:
        return cli.main(arguments, prog_name="kgan", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except InputError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped before anything was trained.", err=True)
        return 130
    except SystemExit as stop:
        return int(stop.code or 0)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG):
            raise
        click.echo(
            f"Error: cannot write {error.filename or 'the output'}: {error.strerror}. Free some "
            "space or choose another folder; what was written before is whole.",
            err=True,
        )
        return 1
