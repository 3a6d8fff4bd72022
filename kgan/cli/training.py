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
from kgan.cli import loggers, making, page, planning, scaling, verdict
from kgan.cli import settings as given_settings
from kgan.cli.reports import Reports
from kgan.cli.terminal import working
from kgan.data import kinds
from kgan.errors import InputError
from kgan.runs import RunFolder, card, provenance
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
        reports: what reports the run as JSON, or None.
        plan: what was decided before, and why; None if nothing was.
        minutes: after which the clock ends training; None if the steps do.
        begun: when the command began, by `time.monotonic`.
        monitor: the `CollapseMonitor` of the training; None before it, or without one.
        held_out: data that the run is not trained on; None before the training, or without any.
        with_report: whether a report is written at the end.
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
    reports: Reports | None = None
    plan: Any = None
    minutes: float | None = None
    begun: float = 0.0
    monitor: Any = None
    held_out: Any = None
    with_report: bool = True


def train(
    settings: dict,
    given: set[str],
    out,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    strategy=None,
    reports: Reports | None = None,
    dry_run: bool = False,
    with_report: bool = True,
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
        reports: what reports the run as JSON, or None.
        dry_run: whether to only say what would be trained, and for how long.
        with_report: whether to write `report.html` at the end.

    Raises:
        InputError: if an input cannot be used. An earlier run in the folder is then unchanged.
        click.exceptions.Exit: after Ctrl-C, SIGTERM or SIGHUP.
    """
    begun = time.monotonic()
    places = {name: settings[name] for name in ("data", "data_b") if settings.get(name)}
    settings = settings | {name: given_settings.located(place) for name, place in places.items()}
    if settings["warm_start"]:
        settings["warm_start"] = os.path.abspath(os.path.expanduser(settings["warm_start"]))
    complete = given_settings.completed(settings)
    run = RunFolder(out or given_settings.default_folder(complete))
    # The event files and the SavedModel.
    utf8_path("--out", run.path)
    if resume:
        given = given - ({"model"} if settings["model"] == planning.AUTO else set())
        settings = given_settings.continued(run.config()["settings"], settings, given)
    else:
        settings = complete if "split" in given else complete | {"split": None}
        given_settings.check_start(settings)
    decides = not resume and planning.is_wanted(settings, dry_run)
    if decides:
        planning.check_workers(strategy)

    def check(of_first: int | None) -> int:
        if of_first is None:
            if not (resume or dry_run):
                run.check_free(overwrite)
            # Refused before the data is loaded, where another process already trains there.
            # A new folder is locked when it is made.
            if run.path.is_dir():
                run.lock()
        return 0

    try:
        _first_worker_first(strategy, check)
        with scaling.scope(strategy), working("loading TensorFlow and the data"):
            plan = None
            if decides:
                click.echo(f"Looking at {settings['data']} and timing steps ...")
                settings, plan = planning.planned(settings, given, making.trial, begun)
                click.echo(f"{plan}\n\n    {planning.command(settings, given)}\n")
            if dry_run:
                return
            job = prepare(run, settings, resume, overwrite)
        job.reports, job.with_report = reports, with_report
        job.plan, job.minutes, job.begun = plan, planning.minutes_to_train(plan), begun
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
    except Exception as error:
        if job.reports is not None and not isinstance(error, click.exceptions.Exit):
            job.reports.ended(job, "failed", error=str(error).partition("\n")[0])
        raise
    except KeyboardInterrupt as error:
        _say(f"\nStopped at once. {_resume_hint(job.run)}", err=True)
        raise click.exceptions.Exit(signals.status(signals.number_of(error))) from None


def prepare(run: RunFolder, settings: dict, resume: bool, overwrite: bool = False) -> Job:
    """Loads the data, and builds and compiles the model. Writes nothing."""
    from kgan import callbacks, transfer

    click.echo(f"Loading {settings['data']} ...")
    # A resumed run with a checkpoint takes its weights from there.
    warm = settings["warm_start"] and not (resume and callbacks.latest(run.checkpoints))
    if warm:
        transfer.find(settings["warm_start"])
    gan, dataset, settings = making.made(settings, run.config().get("model") if resume else None)
    info = dataset.info
    report = making.warm_started(gan, settings, warm)
    critics = settings["discriminator_steps"] or gan.defaults()["discriminator_steps"]
    per_epoch = max(1, info.steps_per_epoch // critics)
    epochs = settings["epochs"] or math.ceil(gan.training_steps / per_epoch)
    total = settings["steps"] or epochs * per_epoch
    # The model's schedules end with the run.
    gan.training_steps = total
    making.compile_as(gan, settings)
    click.echo(
        f"{settings['model']} on {info.name}: {info.size} samples of "
        f"{' x '.join(map(str, info.sample_shape))}, batch {info.batch_size}"
        f"{', each class equally often' if info.balance else ''}, {total} steps, "
        f"into {run.path}"
    )
    if report is not None:
        click.echo(report.summary(most=3))
    settings = settings | {"batch_size": info.batch_size}
    return Job(run, gan, dataset, settings, total, per_epoch, resume, report, overwrite)


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
    from kgan.cli import reading
    from kgan.cli.progress import Progress
    from kgan.cli.watchers import Begin, FirstStage, History, Stop
    from kgan.training import workers

    run, settings, total = job.run, job.settings, job.total
    epochs = math.ceil(total / job.per_epoch)
    reference = reading.reference(job.dataset)
    # A picture shows a grid of 64 images, or a scatter of 1000 points.
    count = 64 if reference is None else 1000
    chief = workers.writes(job.gan)
    ends = None if job.minutes is None else (job.begun or time.monotonic()) + 60 * job.minutes
    progress = Progress(total, job.reports, ends=ends)
    stop, limit = Stop(total, job.per_epoch), None
    if job.minutes is not None:
        limit = callbacks.TimeLimit(job.minutes, job.begun)
        stop.total, stop.steps_between = math.inf, None
    checkpoint = callbacks.Checkpoint(
        run.checkpoints,
        every_steps=settings["checkpoint_every"] or max(1, total // 10),
        # One to fall back on; each is as large as the finished model, often hundreds of megabytes.
        keep=2,
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
    others = loggers.wanted(job, epochs, count, reference)
    watchers = [
        Begin(lambda: _write_record(job)),
        FirstStage(job.dataset, run, job.resume, total, stop, progress.says),
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
        *others,
        # With --json it also says how far the run is; --quiet leaves out its line alone.
        *([progress] if chief and (not quiet or job.reports is not None) else []),
        *([] if limit is None else [limit]),
    ]
    started = time.monotonic()
    if job.reports is not None and chief:
        job.reports.started(job)
    try:
        if chief and not quiet and not trained:
            progress.begin()
        with stop:
            # The clock may leave time for more than was planned.
            longest = epochs if limit is None else 100 * epochs
            job.gan.fit(
                job.dataset, epochs=0 if trained else longest, verbose=0, callbacks=watchers
            )
    finally:
        progress.close()
        for logger in others:
            logger.close("failed")
    done = job.gan.steps_taken
    if done < total and (limit is None or stop.pressed):
        _say(f"Stopped at step {done} of {total}; the state is saved. {_resume_hint(run)}")
        if job.reports is not None and chief:
            job.reports.ended(job, "stopped")
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
    if job.plan is not None:
        config["plan"] = job.plan.record()
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


def finish(job: Job) -> None:
    """Writes the finished model, its SavedModel and the plot of its losses."""
    from kgan import pictures

    run = job.run
    job.gan.save(run.model)
    write_saved_model(job.gan, run.saved_model)
    rows = run.rows()
    if rows:
        pictures.save_png(run.plot, pictures.loss_plot(rows))
    click.echo(
        f"Pictures of samples:  {run.samples}\n"
        f"The trained model:    {run.model}\n"
        f"To serve it:          {run.saved_model}: {job.gan.signatures}\n"
        f"Its losses:           {run.plot}\n"
        f"TensorBoard:          tensorboard --logdir {run.logs}\n"
        f"All of it:            {run.bytes() / 1e6:.1f} MB in {run.path}\n"
        f"{kinds.of(job.gan).usage.replace('RUN', str(run.path))}"
    )
    # Written at once: a run that dies before it is not finished, and resuming it gives the verdict.
    run.write_config(run.config() | verdict.give(job) | {"finished_steps": job.gan.steps_taken})
    card.refresh(run)
    if job.with_report:
        page.give(job)
    if job.reports is not None:
        job.reports.ended(job, "finished", model=str(run.model), saved_model=str(run.saved_model))
    if rows and not all(math.isfinite(float(rows[-1][name])) for name in ("d_loss", "g_loss")):
        click.echo(
            "Warning: the losses are no longer finite; try a smaller --learning-rate.",
            err=True,
        )
