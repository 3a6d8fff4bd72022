"""`kgan train`: from settings to a run folder."""

import inspect
import json
import math
import time

import click

from kgan.cli.run_folder import RunFolder, replace
from kgan.errors import InputError, unknown

# The main job: the vanilla GAN's networks in the form one would train today.
MAIN_MODEL = "vanilla"
MAIN_OPTIONS = {"variant": "stable"}


def parse_options(pairs, model_class, name) -> dict:
    """`KEY=VALUE` strings as keyword arguments of a model, checked against its signature."""
    known = [
        parameter
        for parameter in inspect.signature(model_class.__init__).parameters
        if parameter not in ("self", "seed", "name", "image_shape", "kwargs")
    ]
    options = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise InputError(f"-O takes NAME=VALUE; got {pair!r}.")
        if key not in known:
            raise unknown(f"option of model {name}:", key, known)
        try:
            options[key] = json.loads(value)
        except json.JSONDecodeError:
            options[key] = value
    return options


def train(settings: dict, given: set[str], out, resume: bool, overwrite: bool, quiet: bool):
    """Trains a model into a run folder.

    Args:
        settings: what the command line says, defaults included.
        given: the names in `settings` that the user wrote out.
        out: the run folder; None makes one under `runs/` named after model and data.
        resume, overwrite: what to do with a run that is there.
        quiet: no progress bar.
    """
    if resume:
        run = RunFolder(_resumable(out, settings))
        settings = _continued(run.config()["settings"], settings, given)
    else:
        if settings["model"] is None:
            settings = settings | {"model": MAIN_MODEL}
            pairs = [f"{key}={value}" for key, value in MAIN_OPTIONS.items()]
            settings["options"] = [*pairs, *settings["options"]]
        run = RunFolder(out or _default_folder(settings))
        run.check_free(overwrite)

    import keras

    from kgan import data, models

    model_class = models.find(settings["model"])
    options = parse_options(settings["options"], model_class, settings["model"])
    batch_size, steps = model_class.recipe(**options)
    keras.utils.set_random_seed(settings["seed"])
    click.echo(f"Loading {settings['data']} ...")
    dataset = data.load(
        settings["data"],
        batch_size=settings["batch_size"] or batch_size,
        split=settings["split"],
        size=settings["size"],
        channels=settings["channels"],
        data_dir=settings["data_dir"],
        seed=settings["seed"],
    )
    info = dataset.info
    gan = model_class.for_data(info, seed=settings["seed"], **options)
    arguments = _compile_arguments(gan, settings)
    gan.compile(**arguments)
    per_epoch = max(1, info.steps_per_epoch // gan.discriminator_steps)
    total = settings["steps"] or (
        settings["epochs"] * per_epoch
        if settings["epochs"]
        # The paper's length, in whole passes over the data.
        else math.ceil(steps / per_epoch) * per_epoch
    )
    gan.compile(**arguments, steps_per_execution=_steps_per_execution(per_epoch, total))
    if resume:
        _check_there_is_more(run, total)
    else:
        run.clear()
        run.write_config(
            {
                "settings": settings | {"batch_size": info.batch_size},
                "model": keras.saving.serialize_keras_object(gan)["config"],
                "compile": gan.get_compile_config(),
                "data": {"shape": info.sample_shape, "size": info.size, "classes": info.classes},
                "total_steps": total,
            }
        )
    click.echo(
        f"{settings['model']} on {settings['data']}: {info.size} samples of "
        f"{' x '.join(map(str, info.sample_shape))}, batch {info.batch_size}, {total} steps, "
        f"into {run.path}"
    )
    _fit(gan, dataset, run, total, per_epoch, settings, resume, quiet)
    _finish(gan, run)


def _default_folder(settings):
    from pathlib import Path

    return Path("runs") / f"{settings['model']}-{Path(settings['data']).name}"


def _resumable(out, settings):
    if out is not None:
        return out
    return _default_folder(settings | {"model": settings["model"] or MAIN_MODEL})


def _continued(before: dict, now: dict, given: set[str]) -> dict:
    """The settings of a run to go on with; only its length may change."""
    lengths = {"steps", "epochs", "snapshot_every", "checkpoint_every"}
    for name in sorted(given - lengths):
        if now[name] != before[name]:
            raise InputError(
                f"The run was started with {name.replace('_', '-')} {before[name]}; --resume "
                f"cannot change it to {now[name]}. Leave it out, or start another run."
            )
    changed = {name: now[name] for name in given & lengths}
    if changed.keys() & {"steps", "epochs"}:
        changed = {"steps": None, "epochs": None} | changed
    return before | changed


def _compile_arguments(gan, settings) -> dict:
    """What the command line says of the game; the rest is the paper's."""
    arguments = {
        "loss": settings["loss"],
        "ema": settings["ema"],
        "discriminator_steps": settings["discriminator_steps"],
        "accumulation_steps": settings["accumulation_steps"] or 1,
    }
    if settings["penalties"]:
        arguments["penalties"] = [_penalty(text) for text in settings["penalties"]]
    defaults = gan.defaults()
    for name in ("d_optimizer", "g_optimizer"):
        optimizer = defaults[name]
        if settings["learning_rate"] is not None:
            optimizer.learning_rate = settings["learning_rate"]
        if settings["clip_norm"] is not None:
            optimizer.global_clipnorm = settings["clip_norm"]
        arguments[name] = optimizer
    return arguments


def _penalty(text):
    from kgan import penalties

    name, _, weight = text.partition("=")
    if name not in penalties.BUILT_IN:
        raise unknown("penalty", name, penalties.BUILT_IN)
    try:
        return penalties.BUILT_IN[name](float(weight)) if weight else penalties.get(name)
    except ValueError:
        raise InputError(f"A penalty is NAME or NAME=NUMBER; got {text!r}.") from None


def _steps_per_execution(per_epoch: int, total: int, most: int = 50) -> int:
    """The largest number of steps at once that ends where epochs and the run end."""
    last = total % per_epoch
    return next(n for n in range(most, 0, -1) if per_epoch % n == 0 and last % n == 0)


def _check_there_is_more(run, total):
    from kgan import callbacks

    saved = callbacks.latest(run.checkpoints)
    if saved is not None and saved.iterations >= total:
        raise InputError(
            f"{run.path} is trained for {saved.iterations} steps already. "
            f"To go on, ask for more: --steps {2 * saved.iterations}."
        )


def _fit(gan, dataset, run, total, per_epoch, settings, resume, quiet):
    import keras

    from kgan import callbacks
    from kgan.cli.progress import Progress

    class StopAt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.iterations.numpy()) >= total:
                self.model.stop_training = True

    class History(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            # The checkpoint, first in the list, has said by now where the run goes on.
            run.trim_history(self.model._initial_epoch or 0)

        def on_epoch_end(self, epoch, logs=None):
            run.add_to_history(epoch, int(self.model.iterations.numpy()), logs)

    epochs = math.ceil(total / per_epoch)
    reference = _reference(dataset)
    checkpoint = callbacks.Checkpoint(
        run.checkpoints,
        every_steps=settings["checkpoint_every"] or max(1, total // 10),
        resume=resume,
    )
    snapshot = callbacks.ImageSnapshot(
        run.samples,
        every_steps=settings["snapshot_every"] or max(1, total // 30),
        reference=reference,
        overwrite=True,
    )
    tensorboard = callbacks.TensorBoard(
        run.logs,
        samples_freq=max(1, epochs // 10),
        histogram_freq=max(1, epochs // 10),
        reference=reference,
    )
    watchers = [checkpoint, snapshot, tensorboard, History(), StopAt()]
    if not quiet:
        watchers.append(Progress(total))
    started = time.monotonic()
    try:
        gan.fit(dataset, epochs=epochs, verbose=0, callbacks=watchers)
    except KeyboardInterrupt:
        click.echo("\nStopping ...")
        if int(gan.iterations.numpy()) == 0:
            raise
        checkpoint.save_now()
        snapshot.finish()
        tensorboard.finish()
        click.echo(
            f"Stopped at step {int(gan.iterations.numpy())} of {total}; the state is saved. "
            f"Go on with:\n    kgan train --resume --out {run.path}"
        )
        raise SystemExit(130) from None
    click.echo(f"Trained for {time.monotonic() - started:.0f} s.")


def _reference(dataset):
    """Real points to draw behind generated ones; nothing for what is drawn as pictures."""
    import numpy as np

    if len(dataset.info.sample_shape) != 1:
        return None
    drawn = []
    for batch in dataset:
        drawn.append((batch[0] if isinstance(batch, tuple) else batch).numpy())
        if sum(map(len, drawn)) >= 2000:
            break
    dataset.position.seek(0)
    return np.concatenate(drawn)[:2000]


def _finish(gan, run):
    """The finished model, its SavedModel and the plot of its losses."""
    from kgan import pictures

    def save(part):
        # Keras wants the ending it knows.
        inner = part.with_suffix(".keras")
        gan.save(inner)
        inner.rename(part)

    replace(run.model, save)
    replace(run.saved_model, lambda part: gan.export(part, verbose=False))
    if run.rows():
        pictures.save_png(run.plot, pictures.loss_plot(run.rows()))
    click.echo(
        f"Pictures of samples:  {run.samples}\n"
        f"The trained model:    {run.model}\n"
        f"To serve it:          {run.saved_model}\n"
        f"Its losses:           {run.plot}\n"
        f"TensorBoard:          tensorboard --logdir {run.logs}\n"
        f"New samples:          kgan generate {run.path} -n 64 -o grid.png"
    )
