"""The commands, their options, and how their errors are reported."""

import contextlib
import signal
import sys
from pathlib import Path

import click

import kgan
from kgan import signals
from kgan.cli import scaling
from kgan.cli.messages import any_text, failure, plain_warnings
from kgan.cli.parameters import COUNT, POSITIVE, SEED, Number, Size, on_several
from kgan.cli.quiet import without_chatter
from kgan.disk import marks
from kgan.errors import InputError
from kgan.runs import RunFolder


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(kgan.__version__, prog_name="kgan")
def cli():
    """Train, sample and ship generative adversarial networks.

    `kgan train` without arguments trains a GAN on real handwritten digits.
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
@click.option("--resume", is_flag=True, help="Resume the run in --out.")
@click.option("--overwrite", is_flag=True, help="Delete the run in --out and start a new one.")
@click.option(
    "--warm-start",
    type=click.Path(),
    metavar="RUN|FILE.keras",
    help="Start from the weights of another run, as far as they fit.",
)
@click.option(
    "--freeze",
    type=COUNT,
    metavar="N",
    help="Freeze the discriminator's first N layers as --warm-start loaded them (FreezeD).",
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
@click.option("--augment", metavar="NAME", help="For few images: diffaugment. Default: none.")
@click.option("--learning-rate", type=POSITIVE, metavar="X", help="Learning rate of every player.")
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
    help="Discriminator updates for each generator update.",
)
@click.option(
    "--accumulation-steps",
    type=COUNT,
    metavar="N",
    help="Process each batch in N slices, to save memory.",
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
    help="Steps between pictures of samples. Default: 30 pictures in all.",
)
@click.option(
    "--checkpoint-every",
    type=COUNT,
    metavar="STEPS",
    help="Steps between checkpoints. Default: 10 checkpoints in all.",
)
@on_several
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_context
def train(
    context, out, resume, overwrite, quiet, preset, channels, devices, workers, index, **settings
):
    """Train MODEL into a run folder.

    MODEL is a name from `kgan models`. Without it the main job runs: the stable preset of the
    vanilla GAN on handwritten digits that need no download, about two minutes on two cores.

    The run folder holds config.json, samples/, checkpoints/, logs/ (TensorBoard), gan.keras,
    saved_model/, history.csv and losses.png. Ctrl-C and SIGTERM save the state; --resume continues
    from it. While it trains, no other process can train in the folder.

    With several workers (--workers, or the environment variable TF_CONFIG) all run the same
    command, and see the same data and the same run folder, which the first one writes.
    """
    if resume and overwrite:
        raise InputError("--resume continues a run and --overwrite deletes it; give one.")
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
    strategy = scaling.strategy(devices, workers, index)
    with scaling.quiet_unless_first(strategy):
        run_training(settings, given & settings.keys(), out, resume, overwrite, quiet, strategy)


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "-n", "--count", type=click.IntRange(2, 64), default=2, show_default=True, metavar="N"
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- train ...")
def launch(count, words):
    """Try a training or an evaluation of N workers on this machine.

    Starts `kgan train ...` or `kgan evaluate ...` N times, as on N machines: `kgan launch -n 3 --
    train dcgan`. Each line has the number of its worker.
    """
    return scaling.launch(count, list(words))


@cli.command()
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
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
def generate(run, count, labels, seed, truncation, out, overwrite):
    """Draw new samples from the trained RUN.

    The samples of a conditional model cycle through the classes; a picture shows one class a
    column. An .npz also holds the labels.
    """
    from kgan.cli.sampling import write_samples

    click.echo(write_samples(RunFolder(run), count, labels, seed, truncation, Path(out), overwrite))


@cli.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), metavar="FILE|FOLDER")
@click.option("--direction", type=click.Choice(["a2b", "b2a"]), help="For CycleGAN. Default: a2b.")
@click.option(
    "-o", "--out", type=click.Path(), help="FILE.png or FOLDER. Default: beside the input."
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
def translate(run, images, direction, out, overwrite):
    """Translate images of any size with the trained RUN."""
    from kgan.cli.translating import translate as translate_files

    click.echo(translate_files(RunFolder(run), images, direction, out, overwrite))


@cli.command()
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
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
def upscale(run, images, out, tile, overwrite):
    """Enlarge images of any size with the trained RUN."""
    from kgan.cli.translating import upscale as upscale_files

    click.echo(upscale_files(RunFolder(run), images, out, tile, overwrite))


@cli.command()
@click.argument("run", type=click.Path())
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Such as frechet_distance. May be repeated. Default: the ones that suit the data.",
)
@click.option(
    "--extractor",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="What computes the features: values, digits, cifar10, inception, or a network of "
    "keras.applications.",
)
@click.option(
    "--split",
    metavar="NAME",
    help="Part of the data to measure against. Default: test, if there is one.",
)
@click.option(
    "--data",
    metavar="NAME|FOLDER|FILE.npz",
    help="Measure against other data than the run's.",
)
@click.option(
    "-n",
    "--count",
    type=COUNT,
    metavar="N",
    default=10_000,
    show_default=True,
    help="Generated and real samples, each at most this many.",
)
@click.option(
    "--reference",
    type=click.Path(),
    metavar="FILE.npz",
    help="Stored statistics (mu, sigma) in place of real samples, for frechet_distance.",
)
@click.option(
    "--floor", is_flag=True, help="Also measure training samples in place of generated ones."
)
@on_several
def evaluate(
    run, metrics, extractor, split, data, count, reference, floor, devices, workers, index
):
    """Measure the samples of the trained RUN.

    Prints each figure with its number of samples and its extractor, and adds them to
    RUN/evaluations.json. Figures with different extractors or counts are not comparable.
    """
    from kgan.cli.evaluation import evaluate as measure

    strategy = scaling.strategy(devices, workers, index)
    with scaling.quiet_unless_first(strategy), scaling.scope(strategy):
        measure(RunFolder(run), metrics, extractor, reference, split, data, count, floor)


@cli.command()
@click.argument("run", type=click.Path())
@click.option("-o", "--out", type=click.Path(), help="Default: RUN/saved_model.")
@click.option("--overwrite", is_flag=True, help="Replace the SavedModel in --out.")
def export(run, out, overwrite):
    """Write RUN's generator as a SavedModel."""
    from kgan.arguments import utf8_path
    from kgan.runs import trained
    from kgan.runs.files import write_saved_model

    folder = RunFolder(run)
    folder.config()
    target = Path(out) if out else folder.saved_model
    utf8_path("-o", target)
    marks.check_free(target, overwrite, marks.check_saved_model)
    gan = trained(folder)
    write_saved_model(gan, target)
    click.echo(f"Exported to {target}: {gan.signatures}. It loads without kgan.")


@cli.command()
def models():
    """List the models, their papers and what data they take."""
    from kgan.models import CATALOGUE

    for family in CATALOGUE.values():
        click.echo(f"{family.name:12} {family.paper}\n{'':12} takes {family.data}")


@cli.command()
def datasets():
    """List the data sets that have a name."""
    from kgan.data import sources

    for name, description in sources():
        click.echo(f"{name:14} {description}")
    click.echo(
        "\nBeside these: any name of TensorFlow Datasets, a folder of images "
        "(sub-folders are classes), an .npz file."
    )


# The commands that load TensorFlow.
_HEAVY = ("train", "generate", "evaluate", "export", "translate", "upscale")


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
            known = {
                option.name for option in (evaluate if words[:1] == ["evaluate"] else train).params
            }
            status = failure(error, known)
            if status is None:
                raise
    sys.exit(status)
