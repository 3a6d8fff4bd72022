"""What the command line's own callbacks do: begin a run's record, keep its history, end it."""

import contextlib
import math
import os
import signal
from collections.abc import Callable

import click
import keras

from kgan import bridge
from kgan.runs import RunFolder
from kgan.runs.files import replace


class Begin(keras.callbacks.Callback):
    """Calls `begin` once `fit` has accepted model and data, and before any callback writes.

    It has to be the first callback: an earlier run is deleted here, and not before all of the
    new one's input has been checked.
    """

    def __init__(self, begin: Callable[[], None]):
        super().__init__()
        self.begin = begin

    def set_model(self, model):
        super().set_model(model)
        self.begin()


class FirstStage(keras.callbacks.Callback):
    """Trains what comes before the game, where a family has such (SRGAN's pixel stage), once.

    It is kept beside the checkpoints, for a run that is broken off before the first of them.

    Args:
        dataset: of the run.
        run: where it is kept.
        resume: whether a run is gone on with.
        total: training steps of the game.
        stop: what a Ctrl-C is told to.
    """

    def __init__(self, dataset, run: RunFolder, resume: bool, total: int, stop: "Stop"):
        super().__init__()
        self.dataset, self.run, self.resume, self.total = dataset, run, resume, total
        self.stop = stop

    def on_train_begin(self, logs=None):
        from kgan import callbacks

        if not hasattr(self.model, "pretrain"):
            return
        kept, generator = self.run.first_stage, self.model.generator
        if self.resume and callbacks.latest(self.run.checkpoints):
            return
        if self.resume and kept.is_file():
            generator.load_weights(kept)
            return
        steps = self.model.first_stage_steps(self.total)
        whole = self.dataset.info.steps_per_epoch
        an_epoch = min(steps, whole)
        epochs = math.ceil(steps / an_epoch)
        click.echo(f"First {epochs * an_epoch} steps on the pixels alone ...")
        history = self.model.pretrain(
            self.dataset,
            epochs=epochs,
            steps=epochs * an_epoch,
            steps_per_epoch=an_epoch if an_epoch < whole else None,
            verbose=0,
            callbacks=[_Heed(self.stop)],
        )
        losses = history.history["loss"]
        click.echo(f"Their mean error went from {losses[0]:.4g} to {losses[-1]:.4g}.")
        if self.stop.pressed:
            click.echo("They were stopped; the game goes on from what they have reached.")
        replace(kept, generator.save_weights)


class _Heed(keras.callbacks.Callback):
    """Ends a `fit` before the game when Ctrl-C is pressed."""

    def __init__(self, stop: "Stop"):
        super().__init__()
        self.stop = stop

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = self.stop.pressed


class History(keras.callbacks.Callback):
    """Keeps `history.csv`, a row an epoch; it has to follow the checkpoint in the list."""

    def __init__(self, run: RunFolder):
        super().__init__()
        self.run = run

    def on_train_begin(self, logs=None):
        # The checkpoint has said by now where the run goes on.
        self.run.trim_history(bridge.first_epoch(self.model) or 0)

    def on_epoch_end(self, epoch, logs=None):
        self.run.add_to_history(epoch, int(self.model.iterations), logs)


class Stop(keras.callbacks.Callback):
    """Ends `fit` after `total` steps, or after the step in which Ctrl-C was pressed.

    So nothing is cut off in the middle of a write, and every callback ends its work as at the
    end of a run. A second Ctrl-C interrupts at once.

    Attributes:
        pressed: whether Ctrl-C was.
        steps_between: after how many steps it has to look; see `kgan.training.execution`.
    """

    def __init__(self, total: int, per_epoch: int):
        super().__init__()
        self.total = total
        self.pressed = False
        self.steps_between = total if total % per_epoch else None

    def __enter__(self):
        self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *error):
        signal.signal(signal.SIGINT, self._before)

    def _press(self, number, frame):
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True
        # Python's own files must not be written to from here, nor may it fail.
        with contextlib.suppress(OSError):
            os.write(2, b"\nStopping after this step; Ctrl-C again stops at once.\n")

    def on_train_batch_end(self, batch, logs=None):
        if self.pressed or int(self.model.iterations) >= self.total:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if self.pressed:
            self.model.stop_training = True
