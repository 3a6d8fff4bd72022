"""The command line's own callbacks: they start a run's record, keep its history and end it."""

import contextlib
import math
import os
import signal
import warnings
from collections.abc import Callable

import click
import keras

from kgan import bridge, signals
from kgan.runs import RunFolder, first_stage
from kgan.runs.files import replace
from kgan.training import workers


class Begin(keras.callbacks.Callback):
    """Calls `begin` after `fit` has accepted model and data, before any other callback writes.

    It has to be the first callback: `begin` deletes an earlier run, which must not happen before
    all input of the new one has been checked.
    """

    only_writes = True

    def __init__(self, begin: Callable[[], None]):
        super().__init__()
        self.begin = begin

    def set_model(self, model):
        super().set_model(model)
        self.begin()


class FirstStage(keras.callbacks.Callback):
    """Runs the stage before adversarial training, if the family has one (SRGAN: on pixels alone).

    Its weights are saved in the run folder, so that a run that is interrupted before its first
    checkpoint does not repeat the stage.

    Args:
        dataset: the training data.
        run: the run folder.
        resume: whether the run is resumed.
        total: adversarial training steps of the run.
        stop: the callback that handles Ctrl-C.
        says: is told what is going on, and None when that is over.
    """

    def __init__(
        self,
        dataset,
        run: RunFolder,
        resume: bool,
        total: int,
        stop: "Stop",
        says: Callable[[str | None], None] = lambda what: None,
    ):
        super().__init__()
        self.dataset, self.run, self.resume, self.total = dataset, run, resume, total
        self.stop, self.says = stop, says

    def on_train_begin(self, logs=None):
        from kgan import callbacks

        if not hasattr(self.model, "pretrain"):
            return
        kept, generator = self.run.first_stage, self.model.generator
        if self.resume and callbacks.latest(self.run.checkpoints):
            return
        if self.resume and kept.is_file():
            problem = first_stage.load(kept, generator)
            if problem is None:
                return
            warnings.warn(f"{kept} is damaged: {problem}. The stage starts anew.", stacklevel=2)
        steps = self.model.first_stage_steps(self.total)
        data_epoch = self.dataset.info.steps_per_epoch
        per_epoch = min(steps, data_epoch)
        epochs = math.ceil(steps / per_epoch)
        click.echo(f"First {epochs * per_epoch} steps on the pixels alone ...")
        self.says("training on the pixels alone")
        history = self.model.pretrain(
            self.dataset,
            epochs=epochs,
            steps=epochs * per_epoch,
            steps_per_epoch=per_epoch if per_epoch < data_epoch else None,
            verbose=0,
            callbacks=[_StopFirstStage(self.stop)],
        )
        self.says(None)
        losses = history.history["loss"]
        click.echo(f"Their mean error went from {losses[0]:.4g} to {losses[-1]:.4g}.")
        if self.stop.pressed:
            click.echo("They were stopped early; adversarial training starts from here.")
        if workers.writes(self.model):
            replace(kept, lambda part: first_stage.save(part, generator))


class _StopFirstStage(keras.callbacks.Callback):
    """Ends the first stage when Ctrl-C is pressed."""

    def __init__(self, stop: "Stop"):
        super().__init__()
        self.stop = stop

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = workers.any_asks(self.model, self.stop.pressed)


class History(keras.callbacks.Callback):
    """Writes `history.csv`, a row an epoch. In the list it has to come after the checkpoint."""

    only_writes = True

    def __init__(self, run: RunFolder):
        super().__init__()
        self.run = run

    def on_train_begin(self, logs=None):
        # The checkpoint callback has set the first epoch by now.
        first = bridge.first_epoch(self.model) or 0
        if first < self.params["epochs"]:
            self.run.trim_history(first)

    def on_epoch_end(self, epoch, logs=None):
        self.run.add_to_history(epoch, self.model.steps_taken, logs)


class Stop(keras.callbacks.Callback):
    """Ends `fit` after `total` steps, or after the step in which it was asked to end.

    Ctrl-C, SIGTERM and SIGHUP ask. So no write is cut off, and every callback finishes as at the
    end of a run. A second signal interrupts at once.

    Attributes:
        pressed: whether Ctrl-C was pressed, or another of the signals arrived.
        status: the exit status of a process that the signal has ended.
        steps_between: the number of steps after which it must be called; see
            `kgan.training.execution`.
    """

    def __init__(self, total: int, per_epoch: int):
        super().__init__()
        self.total: float = total
        self.pressed = False
        self.status = 0
        self.steps_between = total if total % per_epoch else None

    def __enter__(self):
        self._handlers = contextlib.ExitStack()
        ending = (signals.interrupt, signal.SIG_DFL)
        for handled in (
            signals.handled([signal.SIGINT], self._press),
            signals.handled(signals.ENDING, self._press, ending),
        ):
            self._handlers.enter_context(handled)
        return self

    def __exit__(self, *error):
        self._handlers.close()

    def _press(self, number, frame):
        if self.pressed:
            signals.interrupt(number)
        self.pressed, self.status = True, signals.status(number)
        again = "Ctrl-C again" if number == signal.SIGINT else "a second signal"
        # A signal handler must neither use Python's buffered files nor raise an error.
        with contextlib.suppress(OSError):
            os.write(2, f"\nStopping after this step; {again} stops at once.\n".encode())

    def on_train_batch_end(self, batch, logs=None):
        asked = workers.any_asks(self.model, self.pressed)
        if asked or self.model.steps_taken >= self.total:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if workers.any_asks(self.model, self.pressed):
            self.model.stop_training = True
