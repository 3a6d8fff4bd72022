"""`kgan train`: from settings to a run folder."""

import math
import os
import shlex
import time
from dataclasses import dataclass
from typing import Any

import click

from kgan.cli import settings as given_settings
from kgan.data import kinds
from kgan.errors import InputError
from kgan.runs import RunFolder, provenance
from kgan.runs.files import replace, write_saved_model


@dataclass
class Job:
    """A run about to be trained.

    Attributes:
        gan, dataset: compiled, loaded.
        settings: of the command line, completed.
        total: training steps of the whole run.
        per_epoch: of an epoch.
        resume: whether it goes on from a checkpoint.
        transfer: what it began with, where that are the weights of another run.
    """

    run: RunFolder
    gan: Any
    dataset: Any
    settings: dict
    total: int
    per_epoch: int
    resume: bool
    transfer: Any = None


def train(settings: dict, given: set[str], out, resume: bool, overwrite: bool, quiet: bool):
    """Trains a model into a run folder.

    Args:
        settings: what the command line says, defaults included.
        given: the names in `settings` that the user wrote out.
        out: the run folder; None makes one under `runs/` named after model and data.
        resume, overwrite: what to do with a run that is there.
        quiet: no progress bar.
    """
    places = {name: settings[name] for name in ("data", "data_b") if settings.get(name)}
    settings = settings | {name: given_settings.located(place) for name, place in places.items()}
    if settings["warm_start"]:
        settings["warm_start"] = os.path.abspath(os.path.expanduser(settings["warm_start"]))
    complete = given_settings.completed(settings)
    run = RunFolder(out or given_settings.default_folder(complete))
    if resume:
        settings = given_settings.continued(run.config()["settings"], settings, given)
    else:
        settings = complete
        given_settings.check_start(settings)
        run.check_free(overwrite)
    job = prepare(run, settings, resume)
    try:
        if not (resume and _only_unfinished(job)):
            fit(job, quiet)
        finish(job)
    except KeyboardInterrupt:
        click.echo(f"\nStopped at once. {_how_to_go_on(run)}", err=True)
        raise click.exceptions.Exit(130) from None


def prepare(run: RunFolder, settings: dict, resume: bool) -> Job:
    """Loads the data and builds the model; nothing is written yet."""
    click.echo(f"Loading {settings['data']} ...")
    import keras

    from kgan import callbacks, models, transfer
    from kgan.cli import reading

    model_class = models.find(settings["model"])
    options = given_settings.model_options(settings, model_class)
    # Before the data, which may take its time to load.
    game = given_settings.game(settings)
    # A run that goes on has its weights in a checkpoint.
    warm = settings["warm_start"] and not (resume and callbacks.latest(run.checkpoints))
    if warm:
        transfer.find(settings["warm_start"])
    batch_size, _ = model_class.recipe(**options)
    keras.utils.set_random_seed(settings["seed"])

    def load(batch_size):
        batch_size = settings["batch_size"] or batch_size
        return reading.load(model_class, settings, settings["split"], batch_size)

    dataset = load(batch_size)
    gan = model_class.for_data(dataset.info, seed=settings["seed"], **options)
    if gan.batch_size != batch_size and not settings["batch_size"]:
        # Some have other settings for points than for images, which the data alone tells.
        dataset = load(gan.batch_size)
    info = dataset.info
    report = _begin_with(gan, settings, warm)
    critics = settings["discriminator_steps"] or gan.defaults()["discriminator_steps"]
    per_epoch = max(1, info.steps_per_epoch // critics)
    epochs = settings["epochs"] or math.ceil(gan.training_steps / per_epoch)
    total = settings["steps"] or epochs * per_epoch
    # Schedules of the model end where the run does.
    gan.training_steps = total
    gan.compile(**game, optimizers=given_settings.optimizers(settings, gan))
    click.echo(
        f"{settings['model']} on {info.name}: {info.size} samples of "
        f"{' x '.join(map(str, info.sample_shape))}, batch {info.batch_size}, {total} steps, "
        f"into {run.path}"
    )
    if report is not None:
        click.echo(report.summary(most=3))
    settings = settings | {"batch_size": info.batch_size}
    return Job(run, gan, dataset, settings, total, per_epoch, resume, report)


def _begin_with(gan, settings: dict, warm: bool):
    """Loads the weights of another run, freezes layers, and returns the report of what came."""
    from kgan import transfer

    if warm:
        return transfer.warm_start(gan, settings["warm_start"], freeze=settings["freeze"] or 0)
    if settings["freeze"]:
        transfer.freeze(gan.networks["discriminator"], settings["freeze"])
    return None


def _only_unfinished(job: Job) -> bool:
    """Whether all steps are done and only the finished model is missing, which is then restored.

    Raises:
        InputError: where nothing is left to do.
    """
    from kgan import callbacks

    saved = callbacks.latest(job.run.checkpoints)
    if saved is None or saved.iterations < job.total:
        return False
    if job.run.config().get("finished_steps", 0) >= saved.iterations:
        raise InputError(
            f"{job.run.path} is trained for {saved.iterations} steps already. "
            f"To go on, ask for more: --steps {2 * saved.iterations}."
        )
    job.gan.load_weights(saved.weights)
    return True


def fit(job: Job, quiet: bool) -> None:
    """Trains, watched by what fills the run folder.

    Raises:
        click.exceptions.Exit: after Ctrl-C, with everything saved.
    """
    from kgan import callbacks
    from kgan.cli.progress import Progress
    from kgan.cli.watchers import Begin, FirstStage, History, Stop

    run, settings, total = job.run, job.settings, job.total
    epochs = math.ceil(total / job.per_epoch)
    reference = _reference(job.dataset)
    # A picture holds a few dozen images, or a cloud of points.
    count = 64 if reference is None else 1000
    progress = Progress(total)
    stop = Stop(total, job.per_epoch)
    checkpoint = callbacks.Checkpoint(
        run.checkpoints,
        every_steps=settings["checkpoint_every"] or max(1, total // 10),
        resume=job.resume,
    )
    snapshot = callbacks.ImageSnapshot(
        run.samples,
        every_steps=settings["snapshot_every"] or max(1, total // 30),
        count=count,
        reference=reference,
        overwrite=True,
    )
    # Where nobody has asked for a number of steps, the end of an execution will do.
    for watcher, asked in ((checkpoint, "checkpoint_every"), (snapshot, "snapshot_every")):
        if not settings[asked]:
            watcher.steps_between = None
    watchers = [
        Begin(lambda: _begin(job)),
        FirstStage(job.dataset, run, job.resume, total, stop),
        stop,
        checkpoint,
        # What it sees of the samples joins the logs, and so the history.
        *(
            [callbacks.CollapseMonitor(job.dataset, every_steps=max(1, total // 100))]
            if not kinds.of(job.gan).from_images
            else []
        ),
        History(run),
        snapshot,
        callbacks.TensorBoard(
            run.logs,
            samples_freq=max(1, epochs // 10),
            histogram_freq=max(1, epochs // 10),
            count=count,
            reference=reference,
        ),
        *([] if quiet else [progress]),
    ]
    started = time.monotonic()
    try:
        with stop:
            job.gan.fit(job.dataset, epochs=epochs, verbose=0, callbacks=watchers)
    finally:
        progress.close()
    done = int(job.gan.iterations)
    if done < total:
        click.echo(f"Stopped at step {done} of {total}; the state is saved. {_how_to_go_on(run)}")
        raise click.exceptions.Exit(130)
    click.echo(f"Trained for {time.monotonic() - started:.0f} s.")


def _begin(job: Job) -> None:
    """Puts on record what the run is, in place of an earlier one."""
    import keras

    if job.resume:
        config = job.run.config()
        config["resumed"] = [*config.get("resumed", []), provenance()]
    else:
        job.run.clear()
        config = provenance()
    if job.transfer is not None:
        config["warm_start"] = job.transfer.record()
    info = job.dataset.info
    job.run.write_config(
        config
        | {
            "settings": job.settings,
            "total_steps": job.total,
            "model": keras.saving.serialize_keras_object(job.gan)["config"],
            "compile": job.gan.get_compile_config(),
            "data": {
                "shape": info.sample_shape,
                "size": info.size,
                "classes": info.classes,
                "class_names": info.class_names,
            },
        }
    )


def _how_to_go_on(run):
    return f"Go on with:\n    kgan train --resume --out {shlex.quote(str(run.path))}"


def _reference(dataset):
    """Real points to draw behind generated ones; nothing for what is drawn as pictures."""
    import numpy as np

    if len(dataset.info.sample_shape) != 1 or dataset.info.sample_shape[0] > 2:
        return None
    drawn = []
    for batch in dataset:
        drawn.append((batch[0] if isinstance(batch, tuple) else batch).numpy())
        if sum(map(len, drawn)) >= 2000:
            break
    dataset.position.seek(0)
    return np.concatenate(drawn)[:2000]


def finish(job: Job) -> None:
    """The finished model, its SavedModel and the plot of its losses."""
    from kgan import pictures

    run = job.run
    replace(run.model, job.gan.save)
    write_saved_model(job.gan, run.saved_model)
    rows = run.rows()
    if rows:
        pictures.save_png(run.plot, pictures.loss_plot(rows))
    run.write_config(run.config() | {"finished_steps": int(job.gan.iterations)})
    click.echo(
        f"Pictures of samples:  {run.samples}\n"
        f"The trained model:    {run.model}\n"
        f"To serve it:          {run.saved_model}: {job.gan.signatures}\n"
        f"Its losses:           {run.plot}\n"
        f"TensorBoard:          tensorboard --logdir {run.logs}\n"
        f"{_next_command(job.gan, run.path)}"
    )
    if rows and not all(math.isfinite(float(rows[-1][name])) for name in ("d_loss", "g_loss")):
        click.echo(
            "Warning: the losses are not finite any more; try a smaller --learning-rate.",
            err=True,
        )


def _next_command(gan, path) -> str:
    """How a user gets pictures of the finished model."""
    usage = kinds.of(gan).usage.replace("LABEL", " --label 0" if gan.classes else "")
    return usage.replace("RUN", str(path))
