"""The commands, their options, and where their errors end."""

import contextlib
import sys
from pathlib import Path

import click

import kgan
from kgan.cli.messages import failure, plain_warnings
from kgan.cli.parameters import COUNT, POSITIVE, SEED, Number, Size
from kgan.cli.quiet import without_chatter
from kgan.errors import InputError
from kgan.runs import RunFolder
from kgan.runs.files import check_free


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
    help="A data set by name (`kgan datasets`), a folder of images, or an .npz or .npy file.",
)
@click.option("--data-b", metavar="NAME|FOLDER|FILE.npz", help="The second domain of cyclegan.")
@click.option("--epochs", type=COUNT, metavar="N", help="Passes over the data.")
@click.option("--steps", type=COUNT, metavar="N", help="Training steps, in place of epochs.")
@click.option("--batch-size", type=COUNT, metavar="N", help="Default: the paper's.")
@click.option(
    "--seed",
    type=SEED,
    metavar="N",
    default=0,
    show_default=True,
    help="The same seed and settings give the same run.",
)
@click.option(
    "--out", type=click.Path(), metavar="RUN", help="The run's folder. Default: runs/MODEL-DATA."
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--overwrite", is_flag=True, help="Delete the run in --out and start anew.")
@click.option(
    "--warm-start",
    type=click.Path(),
    metavar="RUN|FILE.keras",
    help="Begin with the weights of another run, where they fit.",
)
@click.option(
    "--freeze",
    type=COUNT,
    metavar="N",
    help="Keep the discriminator's first N layers as --warm-start loaded them (FreezeD).",
)
@click.option(
    "-O",
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the model, such as latent_size=32. May be repeated.",
)
@click.option(
    "--preset",
    "--variant",
    metavar="NAME",
    help="A named setting of the model; short for -O preset=NAME.",
)
@click.option("--loss", metavar="NAME", help="Such as hinge. Default: the paper's.")
@click.option(
    "--penalty",
    "penalties",
    multiple=True,
    metavar="NAME[=WEIGHT]",
    help="Such as r1=10. May be repeated. Default: the paper's.",
)
@click.option("--learning-rate", type=POSITIVE, metavar="X", help="Of every player.")
@click.option(
    "--clip-norm", type=POSITIVE, metavar="X", help="Clip each player's gradient to this norm."
)
@click.option(
    "--ema",
    type=Number(0, 1, max_open=True),
    metavar="X",
    help="Decay of the generator's running average, such as 0.999; 0 for none.",
)
@click.option(
    "--discriminator-steps",
    type=COUNT,
    metavar="N",
    help="Updates of the discriminator for one of the generator.",
)
@click.option(
    "--accumulation-steps",
    type=COUNT,
    metavar="N",
    help="Work through each batch in N slices, to save memory.",
)
@click.option(
    "--split",
    default="train",
    show_default=True,
    metavar="NAME",
    help='Part of the data set, such as test or "train[:1000]".',
)
@click.option("--size", type=Size(), metavar="N|HxW", help="Crop and resize images to this size.")
@click.option("--channels", type=click.Choice(["1", "3"]), help="Make images grey (1) or RGB (3).")
@click.option(
    "--data-dir",
    type=click.Path(),
    metavar="FOLDER",
    help="Where TensorFlow Datasets keeps its data.",
)
@click.option(
    "--snapshot-every",
    type=COUNT,
    metavar="STEPS",
    help="Between pictures of samples. Default: 30 pictures in all.",
)
@click.option(
    "--checkpoint-every",
    type=COUNT,
    metavar="STEPS",
    help="Between checkpoints. Default: 10 in all.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_context
def train(context, out, resume, overwrite, quiet, preset, channels, **settings):
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

    settings["options"] = [*settings["options"], *([f"preset={preset}"] if preset else [])]
    settings["penalties"] = list(settings["penalties"])
    settings["channels"] = int(channels) if channels else None
    given = {
        name
        for name in context.params
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    if preset:
        given.add("options")
    run_training(settings, given & settings.keys(), out, resume, overwrite, quiet)


@cli.command()
@click.argument("run", type=click.Path())
@click.option("-n", "--count", type=COUNT, metavar="N", default=64, show_default=True)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="CLASS",
    help="A class by name or number, for conditional models. May be repeated: the samples take "
    "turns. Default: all classes in turn.",
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    help="The same seed gives the same samples. Default: a new one.",
)
@click.option(
    "--truncation",
    type=POSITIVE,
    metavar="X",
    help="Keep latents near the centre: better samples, less variety.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    default="samples.png",
    show_default=True,
    help="FILE.png for one picture, FILE.npz for an array, a FOLDER for single images.",
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it is there.")
def generate(run, count, labels, seed, truncation, out, overwrite):
    """Draw new samples from the trained RUN.

    Where the model is told a class, the samples show one class after the other, in a picture one
    a column; an .npz holds the labels too.
    """
    from kgan.cli.sampling import write_samples

    click.echo(write_samples(RunFolder(run), count, labels, seed, truncation, Path(out), overwrite))


@cli.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), metavar="FILE|FOLDER")
@click.option("--direction", type=click.Choice(["a2b", "b2a"]), help="Of a model between domains.")
@click.option(
    "-o", "--out", type=click.Path(), help="FILE.png or FOLDER. Default: beside what is given."
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it is there.")
def translate(run, images, direction, out, overwrite):
    """Translate images of any size with the trained RUN."""
    from kgan.cli.translating import translate as work

    click.echo(work(RunFolder(run), images, direction, out, overwrite))


@cli.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), metavar="FILE|FOLDER")
@click.option(
    "-o", "--out", type=click.Path(), help="FILE.png or FOLDER. Default: beside what is given."
)
@click.option(
    "--tile",
    type=COUNT,
    metavar="N",
    default=192,
    show_default=True,
    help="Work through large images in tiles of N pixels a side.",
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it is there.")
def upscale(run, images, out, tile, overwrite):
    """Enlarge images of any size with the trained RUN."""
    from kgan.cli.translating import upscale as work

    click.echo(work(RunFolder(run), images, out, tile, overwrite))


@cli.command()
@click.argument("run", type=click.Path())
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Such as frechet_distance. May be repeated. Default: those that fit the data.",
)
@click.option(
    "--extractor",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="What looks at the samples: values, digits, cifar10, inception, or a network of "
    "keras.applications.",
)
@click.option(
    "--split",
    metavar="NAME",
    help="Part of the data to measure against. Default: test, where there is one.",
)
@click.option("--data", metavar="NAME|FOLDER|FILE.npz", help="Other data than the run's.")
@click.option(
    "-n",
    "--count",
    type=COUNT,
    metavar="N",
    default=10_000,
    show_default=True,
    help="Samples of each side, as far as the data goes.",
)
@click.option(
    "--reference",
    type=click.Path(),
    metavar="FILE.npz",
    help="Statistics (mu, sigma) in place of real samples, for frechet_distance.",
)
@click.option(
    "--floor", is_flag=True, help="Measure training samples in place of generated ones, too."
)
def evaluate(run, metrics, extractor, split, data, count, reference, floor):
    """Measure the samples of the trained RUN.

    Prints each figure with what it rests on (samples, extractor), and adds all of it to
    RUN/evaluations.json. Figures of other extractors or other counts do not compare.
    """
    from kgan.cli.evaluation import evaluate as measure

    measure(RunFolder(run), metrics, extractor, reference, split, data, count, floor)


@cli.command()
@click.argument("run", type=click.Path())
@click.option("-o", "--out", type=click.Path(), help="Default: RUN/saved_model.")
@click.option("--overwrite", is_flag=True, help="Replace the SavedModel in --out.")
def export(run, out, overwrite):
    """Write RUN's generator as a SavedModel."""
    from kgan.runs import trained
    from kgan.runs.files import write_saved_model

    folder = RunFolder(run)
    folder.config()
    target = Path(out) if out else folder.saved_model
    check_free(target, overwrite, lambda path: (path / "saved_model.pb").is_file())
    gan = trained(folder)
    write_saved_model(gan, target)
    click.echo(f"Exported to {target}: {gan.signatures}, without kgan.")


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


# What loads TensorFlow.
_HEAVY = ("train", "generate", "evaluate", "export", "translate", "upscale")


def main(arguments=None):
    """The entry point: every foreseen error ends in one message and a status that is not 0."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    heavy = bool(words) and words[0] in _HEAVY
    with without_chatter() if heavy else contextlib.nullcontext(), plain_warnings():
        try:
            status = cli.main(words, prog_name="kgan", standalone_mode=False) or 0
        except (Exception, KeyboardInterrupt) as error:
            # The messages name the options of the command that was given.
            known = {
                option.name for option in (evaluate if words[:1] == ["evaluate"] else train).params
            }
            status = failure(error, known)
            if status is None:
                raise
    sys.exit(status)
