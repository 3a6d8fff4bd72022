"""`kgan train`: trains a model into a run folder."""

import contextlib
import math
import os
import shlex
import time
from dataclasses import dataclass
from typing import Any

import click

from kgan import records, signals
from kgan.arguments import utf8_path
from kgan.cli import scaling, verdict
from kgan.cli import settings as given_settings
from kgan.data import kinds
from kgan.errors import InputError
from kgan.runs import RunFolder, provenance
from kgan.runs.files import write_saved_model


@dataclass
class Job:
    """A run that is ready to be trained.

    Attributes:
        run: the run folder.
        gan: the compiled model.
        dataset: the training data.
        settings: settings of the command line, completed.
        total: training steps of the whole run.
        per_epoch: training steps of an epoch.
        resume: whether the run resumes from a checkpoint.
        transfer: report of the warm start; None if the run does not start from other weights.
        overwrite: whether a run that is in the folder is replaced.
        monitor: the `CollapseMonitor` of the training; None before it, or without one.
        held_out: data that the run is not trained on; None before the training, or without any.
    """

    run: RunFolder
    gan: Any
    dataset: Any
    settings: dict
    total: int
    per_epoch: int
    resume: bool
    transfer: Any = None
    overwrite: bool = False
    monitor: Any = None
    held_out: Any = None


def train(
    settings: dict,
    given: set[str],
    out,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    strategy=None,
):
    """Trains a model into a run folder.

    Args:
        settings: settings of the command line, defaults included.
        given: the names in `settings` that the user wrote out.
        out: the run folder; None makes one under `runs/` named after model and data.
        resume: whether to resume the run in the folder.
        overwrite: whether to replace the run in the folder.
        quiet: whether to leave out the progress bar.
        strategy: the `tf.distribute` strategy of several devices or workers, or None. Of several
            workers the first one checks and writes the folder.

    Raises:
        InputError: if an input cannot be used. An earlier run in the folder is then unchanged.
        click.exceptions.Exit: after Ctrl-C, SIGTERM or SIGHUP.
    """
    places = {name: settings[name] for name in ("data", "data_b") if settings.get(name)}
    settings = settings | {name: given_settings.located(place) for name, place in places.items()}
    if settings["warm_start"]:
        settings["warm_start"] = os.path.abspath(os.path.expanduser(settings["warm_start"]))
    complete = given_settings.completed(settings)
    run = RunFolder(out or given_settings.default_folder(complete))
    # The event files and the SavedModel.
    utf8_path("--out", run.path)
    if resume:
        settings = given_settings.continued(run.config()["settings"], settings, given)
    else:
        settings = complete
        given_settings.check_start(settings)

    def check(of_first: int | None) -> int:
        if of_first is None:
            if not resume:
                run.check_free(overwrite)
            # Refused before the data is loaded, where another process already trains there.
            # A new folder is locked when it is made.
            if run.path.is_dir():
                run.lock()
        return 0

    try:
        _first_worker_first(strategy, check)
        with scaling.scope(strategy):
            job = prepare(run, settings, resume, overwrite)
        _complete(job, quiet)
    finally:
        run.unlock()


def _first_worker_first(strategy, act) -> None:
    """Calls `act` in the first worker, and then in the others; with one process just there."""
    if strategy is None:
        act(None)
        return
    from kgan.training import workers

    workers.chief_first(strategy, act)


def _complete(job: Job, quiet: bool) -> None:
    """Trains what is left to train, and writes the finished model."""
    try:
        fit(job, quiet, trained=job.resume and _all_steps_taken(job))

        def write(of_first: int | None) -> int:
            if of_first is None:
                finish(job)
            return 0

        # The others wait for the first one, which would miss them while it writes.
        _first_worker_first(job.gan.distribute_strategy, write)
    except KeyboardInterrupt as error:
        _say(f"\nStopped at once. {_resume_hint(job.run)}", err=True)
        raise click.exceptions.Exit(signals.status(signals.number_of(error))) from None


def prepare(run: RunFolder, settings: dict, resume: bool, overwrite: bool = False) -> Job:
    """Loads the data, and builds and compiles the model. Writes nothing."""
    click.echo(f"Loading {settings['data']} ...")
    import keras

    from kgan import callbacks, models, transfer
    from kgan.cli import reading

    model_class = models.find(settings["model"])
    options = given_settings.model_options(settings, model_class)
    # Checked before the data, which may take long to load.
    arguments = given_settings.compile_arguments(settings)
    # A resumed run with a checkpoint takes its weights from there.
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
        # Some families have another batch size for points than for images.
        dataset = load(gan.batch_size)
    info = dataset.info
    report = _warm_start(gan, settings, warm)
    critics = settings["discriminator_steps"] or gan.defaults()["discriminator_steps"]
    per_epoch = max(1, info.steps_per_epoch // critics)
    epochs = settings["epochs"] or math.ceil(gan.training_steps / per_epoch)
    total = settings["steps"] or epochs * per_epoch
    # The model's schedules end with the run.
    gan.training_steps = total
    gan.compile(**arguments, optimizers=given_settings.optimizers(settings, gan))
    click.echo(
        f"{settings['model']} on {info.name}: {info.size} samples of "
        f"{' x '.join(map(str, info.sample_shape))}, batch {info.batch_size}, {total} steps, "
        f"into {run.path}"
    )
    if report is not None:
        click.echo(report.summary(most=3))
    settings = settings | {"batch_size": info.batch_size}
    return Job(run, gan, dataset, settings, total, per_epoch, resume, report, overwrite)


def _warm_start(gan, settings: dict, warm: bool):
    """Loads the weights of another run and freezes layers; returns the report, or None."""
    from kgan import transfer

    if warm:
        return transfer.warm_start(gan, settings["warm_start"], freeze=settings["freeze"] or 0)
    if settings["freeze"]:
        transfer.freeze(gan.networks["discriminator"], settings["freeze"])
    return None


def _all_steps_taken(job: Job) -> bool:
    """Returns whether only what is written after the last step is missing.

    Raises:
        InputError: if nothing is left to do.
    """
    from kgan import callbacks
    from kgan.callbacks.restoring import load_newest

    saved = callbacks.latest(job.run.checkpoints)
    if saved is None or saved.iterations < job.total:
        return False
    finished = job.run.config().get("finished_steps", 0) >= saved.iterations
    # A finished model that is damaged or missing is written anew.
    if finished and records.archive_problem(job.run.model) is None:
        raise InputError(
            f"{job.run.path} is trained for {saved.iterations} steps already. "
            f"To train longer, ask for more: --steps {2 * saved.iterations}."
        )
    loaded = load_newest(job.gan, job.run.checkpoints)
    return loaded is not None and loaded.iterations >= job.total


def fit(job: Job, quiet: bool, trained: bool = False) -> None:
    """Trains with the callbacks that fill the run folder.

    Args:
        job: the run.
        quiet: whether to leave out the progress bar.
        trained: whether all steps were taken before: the callbacks then restore the last state,
            and write what they write when training ends.

    Raises:
        click.exceptions.Exit: after Ctrl-C, SIGTERM or SIGHUP, with everything saved.
    """
    from kgan import callbacks
    from kgan.cli.progress import Progress
    from kgan.cli.watchers import Begin, FirstStage, History, Stop
    from kgan.training import workers

    run, settings, total = job.run, job.settings, job.total
    epochs = math.ceil(total / job.per_epoch)
    reference = _reference(job.dataset)
    # A picture shows a grid of 64 images, or a scatter of 1000 points.
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
    # Unless the user has set a number of steps, these need not see every step.
    for watcher, asked in ((checkpoint, "checkpoint_every"), (snapshot, "snapshot_every")):
        if not settings[asked]:
            watcher.steps_between = None
    watchers = [
        Begin(lambda: _write_record(job)),
        FirstStage(job.dataset, run, job.resume, total, stop),
        stop,
        checkpoint,
        # Before History and TensorBoard, because it adds figures to their logs.
        *verdict.watchers(job),
        History(run),
        snapshot,
        callbacks.TensorBoard(
            run.logs,
            samples_freq=max(1, epochs // 10),
            histogram_freq=max(1, epochs // 10),
            count=count,
            reference=reference,
        ),
        *([] if quiet or not workers.writes(job.gan) else [progress]),
    ]
    started = time.monotonic()
    try:
        with stop:
            job.gan.fit(job.dataset, epochs=0 if trained else epochs, verbose=0, callbacks=watchers)
    finally:
        progress.close()
    done = job.gan.steps_taken
    if done < total:
        _say(f"Stopped at step {done} of {total}; the state is saved. {_resume_hint(run)}")
        raise click.exceptions.Exit(stop.status or 130)
    if not trained:
        click.echo(f"Trained for {time.monotonic() - started:.0f} s.")


def _write_record(job: Job) -> None:
    """Writes `config.json`; unless the run is resumed, deletes an earlier one in the folder."""
    import keras

    job.run.lock()
    if job.resume:
        config = job.run.config()
        config["resumed"] = [*config.get("resumed", []), provenance()]
    else:
        # Another process may have trained there since the first look, or a user put files there.
        job.run.check_free(job.overwrite)
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


def _say(text: str, err: bool = False) -> None:
    """Prints, unless the terminal was closed."""
    with contextlib.suppress(OSError):
        click.echo(text, err=err)


def _resume_hint(run):
    return f"Resume with:\n    kgan train --resume --out {shlex.quote(str(run.path))}"


def _reference(dataset):
    """Returns up to 2000 real points `(n, 1)` or `(n, 2)` to draw behind generated ones."""
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
    """Writes the finished model, its SavedModel and the plot of its losses."""
    from kgan import pictures

    run = job.run
    job.gan.save(run.model)
    write_saved_model(job.gan, run.saved_model)
    rows = run.rows()
    if rows:
        pictures.save_png(run.plot, pictures.loss_plot(rows))
    run.write_config(run.config() | {"finished_steps": job.gan.steps_taken})
    click.echo(
        f"Pictures of samples:  {run.samples}\n"
        f"The trained model:    {run.model}\n"
        f"To serve it:          {run.saved_model}: {job.gan.signatures}\n"
        f"Its losses:           {run.plot}\n"
        f"TensorBoard:          tensorboard --logdir {run.logs}\n"
        f"{_next_command(job.gan, run.path)}"
    )
    verdict.give(job)
    if rows and not all(math.isfinite(float(rows[-1][name])) for name in ("d_loss", "g_loss")):
        click.echo(
            "Warning: the losses are no longer finite; try a smaller --learning-rate.",
            err=True,
        )


def _next_command(gan, path) -> str:
    """Returns the command that draws pictures with the finished model."""
    usage = kinds.of(gan).usage.replace("LABEL", " --label 0" if gan.classes else "")
    return usage.replace("RUN", str(path))
