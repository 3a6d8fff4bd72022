"""`kgan train` and `kgan launch`: their options."""

import os

import click

from kgan.cli import early, run_file, scaling
from kgan.cli import settings as given_settings
from kgan.cli.messages import in_options
from kgan.cli.parameters import COUNT, POSITIVE, SEED, Number, Size, as_json, on_several
from kgan.cli.reports import spoken
from kgan.errors import InputError


class _Train(click.Command):
    """Says where data belongs that is written like an argument."""

    def parse_args(self, ctx, args):
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "extra argument" in error.message:
                error.message += ". Data is named by --data, as in: kgan train auto --data FOLDER"
            raise


@click.command(cls=_Train)
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
@click.option(
    "--minutes",
    type=POSITIVE,
    metavar="X",
    help="How long the whole command may take, in place of steps. Some steps are timed first.",
)
@click.option(
    "--dry-run", is_flag=True, help="Only say what would be trained, why, and for how long."
)
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
    "--config",
    type=click.Path(),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=run_file.option,
    help="Settings from a YAML or JSON file, such as a run's config.json. Options given here win.",
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
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="What the networks compute in; weights and losses stay float32. bfloat16 is made for "
    "GPUs and processors with matrix units for it (AMX), and slower on others. Short for -O "
    "precision=NAME.",
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
@click.option(
    "--mirror/--no-mirror",
    default=False,
    help="Mirror half of the images left to right, others in every epoch. Not for digits or text.",
)
@click.option(
    "--learning-rate",
    "--lr",
    type=POSITIVE,
    metavar="X",
    help="Learning rate of every player.",
)
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
    metavar="NAME",
    help='Part of the data set, such as test or "train[:1000]". Default: train, and of a folder '
    "without a part to test with the first nine tenths, in a fixed random order.",
)
@click.option("--size", type=Size(), metavar="N|HxW", help="Crop and resize images to this size.")
@click.option(
    "--channels",
    type=click.Choice(["1", "3", "4"]),
    help="Make images grey (1) or RGB (3), or keep the transparency of a folder's (4).",
)
@click.option(
    "--background",
    metavar="COLOUR",
    help='What transparent images of a folder are laid on, such as black or "#ff8000". Default: '
    "white.",
)
@click.option(
    "--balance",
    type=click.Choice(["classes"]),
    help="Show each class equally often. Default: each image equally often.",
)
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
@click.option(
    "--log-to",
    "log_to",
    multiple=True,
    type=click.Choice(["wandb", "mlflow"]),
    help="Also log to Weights & Biases or MLflow, pictures included. May be repeated.",
)
@on_several
@click.option("--no-report", is_flag=True, help="Write no report.html at the end.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@as_json
@click.option(
    "--log-file",
    type=click.Path(),
    metavar="FILE",
    help="Append all that is said to a text file, each line with its time.",
)
@click.pass_context
def train(
    context,
    out,
    resume,
    overwrite,
    quiet,
    json_lines,
    log_file,
    dry_run,
    no_report,
    preset,
    precision,
    channels,
    devices,
    workers,
    index,
    **settings,
):
    """Train MODEL into a run folder.

    MODEL is a name from `kgan models`, or "auto": then family, size, batch, augmentation and steps
    are chosen for the pictures in --data and for this machine, and printed with their reasons; what
    you give is kept. Without MODEL the main job runs: the stable preset of the
    vanilla GAN on handwritten digits that need no download, about two minutes on two cores.

    The run folder holds config.json, samples/, checkpoints/, logs/ (TensorBoard), gan.keras,
    saved_model/, history.csv, losses.png and report.html. Ctrl-C and SIGTERM save the state;
    --resume continues from it. While it trains, no other process can train in the folder.

    With --json, standard output has one JSON object a line: {"event": "start"}, "progress" every
    10 s, "epoch" after each, and "end" with what became of it. All else goes to standard error.

    With several workers (--workers, or the environment variable TF_CONFIG) all run the same
    command, and see the same data and the same run folder, which the first one writes.
    """
    if resume and overwrite:
        raise InputError("--resume continues a run and --overwrite deletes it; give one.")
    settings, given = run_file.merged(context, settings)
    lengths = [name for name in ("steps", "epochs", "minutes") if settings[name]]
    if len(lengths) > 1:
        named = " and ".join(f"--{name}" for name in lengths)
        raise InputError(f"{named} all say how long to train; give one.")
    from kgan.cli.training import train as run_training

    for name, value in (("preset", preset), ("precision", precision)):
        settings["options"] = [*settings["options"], *([f"{name}={value}"] if value else [])]
    settings["penalties"] = list(settings["penalties"])
    settings["log_to"] = list(settings["log_to"])
    settings["channels"] = int(channels) if channels else None
    if preset or precision:
        given.add("options")
    options = {option.name for option in context.command.params}
    with spoken(json_lines, log_file, lambda said: in_options(said, options)) as reports:
        if not resume:
            # The strategy of several devices loads TensorFlow. Of several workers only the first
            # may judge the folder, in which it has begun when the others come.
            several = workers is not None or "TF_CONFIG" in os.environ
            early.check_training(
                given_settings.completed(settings), None if several else out, overwrite
            )
        strategy = scaling.strategy(devices, workers, index)
        with scaling.quiet_unless_first(strategy):
            given &= settings.keys()
            run_training(
                settings,
                given,
                out,
                resume,
                overwrite,
                quiet,
                strategy,
                reports,
                dry_run,
                with_report=not no_report,
            )


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
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
