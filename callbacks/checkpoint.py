"""Checkpoints of the full training state, to resume a run from."""

import math
import os
import shutil
import warnings
from pathlib import Path

import keras

from kgan import arguments, bridge
from kgan.errors import InputError
from kgan.training import workers
from kgan.training.keeping import Keeper
from kgan.typing import Logs

from . import checkpoint_files as files
from . import selection, states
from .direction import direction
from .every import Every
from .folders import writable_folder
from .notes import number, run_name, steps_into_epoch, versions
from .process import OfOneProcess
from .restoring import load_newest, load_same
from .tensorboard import TensorBoard


class Checkpoint(OfOneProcess, Keeper):
    """Saves the full training state, so that a run can be resumed where it stopped.

    Each checkpoint is a folder `step-0000123/` with `state.weights.h5` (networks, optimizers,
    average, seeds) and `state.json`:

    - `iterations`: training steps that the model has taken in all;
    - `epoch`, `epoch_complete`, `steps_in_epoch`: the epoch to resume with, counted from 0;
      whether it starts from its first batch; and if not, how many of its steps are taken;
    - `monitor`, `mode`, `value`, `logs`: the monitored quantity and its value, and the last logs;
    - `steps_per_epoch`, `steps_per_execution`: steps of a whole epoch, and those between two calls
      of callbacks;
    - `due`: whether it was saved at its time, and not only because training ended or stopped;
    - `callbacks`: states of the other callbacks, whose arrays are in `callbacks.npz`;
    - `within`, in the middle of an epoch: sums and counts of its logs, and the learning rates;
    - `size`, `sha256`, `arrays_sha256`: of the files; `versions`: of kgan, Keras and TensorFlow;
    - `format`, `checksum`: of `state.json` itself.

    A crash at any moment, even during a write, loses no earlier checkpoint. The last state of a
    `fit` that ends normally is always saved. If SIGTERM or SIGHUP arrives during `gan.fit`, the
    state is saved after the running step, the other callbacks finish, and the process exits with
    status 143 or 129; a second signal ends it at once. A program that handles these signals itself,
    or trains in another thread, keeps its own way. Other processes may not write the folder while
    `fit` runs.

    In the `fit` of a GAN a checkpoint is written after all callbacks of the list have been called,
    and holds the state of those that are `kgan.callbacks.Resumable`, and of Keras's own
    `EarlyStopping`, `ModelCheckpoint`, `ReduceLROnPlateau` and `CSVLogger`. A resumed run restores
    them, so that it stops, saves and logs as the unbroken run. In the last step of an epoch it is
    written at the end of the epoch.

    Args:
        folder: Folder of the checkpoints.
        every_epochs: Number of epochs between checkpoints. The default is 1.
        every_steps: Number of training steps between checkpoints, instead.
        keep: How many of the newest checkpoints to keep; None keeps all.
        monitor: Name in the logs, such as `"val_frechet_distance"`. The checkpoint with the
            best value is kept besides the newest ones, and an epoch that ends with a new best
            value is saved even if no checkpoint is due.
        mode: `"min"` or `"max"`: which values are better. `"auto"` takes the direction of the
            metric of that name, else derives it from the name (loss, distance: less is better;
            accuracy, score: more).
        resume: Resume from the newest undamaged checkpoint. `fit(epochs=n)` then means n epochs
            in all. If the folder is empty, training starts from the beginning, and a line on
            standard output says so.
        overwrite: Delete the checkpoints of another run in the folder when training begins.

    Raises:
        InputError: In the constructor, for invalid arguments. When training begins, if the
            folder cannot be written, is in use by another process, holds another run (without
            `resume` or `overwrite`), or none of its checkpoints fits the networks; the model is
            then unchanged. `overwrite` deletes nothing if a checkpoint holds other files. During
            training, if the disk is full; the earlier checkpoints are kept.

    Example:

    ```python
    checkpoint = kgan.callbacks.Checkpoint(
        "run/checkpoints", every_steps=500, monitor="val_frechet_distance", resume=True
    )
    gan.fit(dataset, epochs=50, validation_data=holdout, callbacks=[checkpoint])
    gan.load_weights(checkpoint.best().weights)
    ```
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        every_epochs: int | None = None,
        every_steps: int | None = None,
        keep: int | None = 3,
        monitor: str | None = None,
        mode: str = "auto",
        resume: bool = False,
        overwrite: bool = False,
    ):
        super().__init__()
        self.folder = Path(arguments.path("folder", folder))
        self.every = Every(every_epochs, every_steps)
        # How many steps `fit` may run at once before it calls this callback; None for any number.
        self.steps_between = self.every.steps
        self.keep = keep if keep is None else arguments.integer("keep", keep)
        arguments.choice("mode", mode, ("auto", "min", "max"))
        if monitor is not None:
            arguments.text("monitor", monitor, or_else="None")
        resume, overwrite = arguments.flag("resume", resume), arguments.flag("overwrite", overwrite)
        if resume and overwrite:
            raise InputError("resume continues a run and overwrite deletes it; give one.")
        self.monitor = monitor
        self.mode = mode
        self.resume = resume
        self.overwrite = overwrite
        self._watched = None
        self._last: files.SavedState | None = None
        self._logs = {}
        self._epoch = 0
        self._epoch_ended = False
        self._epoch_start = 0
        self._resumed_inside = 0
        # None if `fit` does not call this one after all others.
        self._others: states.Others | None = None
        self._restored: files.SavedState | None = None
        # Whether one is due at the epoch's end, and the others' states before the end of an epoch
        # that is broken off.
        self._due = False
        self._within: dict | None = None
        self._within_arrays: dict = {}

    def best(self) -> files.SavedState | None:
        """Returns the checkpoint with the best monitored value, or None if none has a value.

        Damaged checkpoints are left out.
        """
        return selection.whole_best(self.folder, self.monitor, self.mode)

    def save_now(self) -> Path:
        """Saves the present state, for instance after Ctrl-C, and returns its folder."""
        if self._last is None or self._last.iterations != self.model.steps_taken:
            self._save(None, due=False)
        return self._last.path

    def accompany(self, model: keras.Model, callbacks: list) -> None:
        self._others = states.Others(model, [c for c in callbacks if c is not self])
        for callback in callbacks:
            if isinstance(callback, TensorBoard):
                callback.run, callback.resume = run_name(self.folder), self.resume
        found = files.find_checkpoints(self.folder)
        if self.resume and self._watched is not model and found:
            self._others.keep_rows()
            sound = [saved.note for saved in found if saved.problem_of_note() is None]
            # With as many steps an execution, callbacks are called after the same steps.
            model.execution.steps_before = sound[-1].get("steps_per_execution") if sound else None

    def after_train_begin(self) -> None:
        # A state that cannot be saved is found before training.
        self._others.saved({})
        if self._restored is None:
            return
        epochs = self._epochs()
        goes_on = self._restored.note["epoch"] < epochs
        self._others.restore(self._restored, within=goes_on)
        if goes_on and (name := self._others.ended_by()) is not None:
            print(f"{name} had ended this training; with more patience it goes on.")
            bridge.begin_with_epoch(self.model, self.params["epochs"])

    def after_epoch_begin(self, epoch: int) -> None:
        # Data that can resume within an epoch has reset the model's flag by now.
        if self._resumed_inside and not self.model.resume_within_epoch:
            # The others have begun an epoch that in truth is under way.
            self._others.restore(self._restored, within=True)
            self._others.enter_epoch(self._restored.note)
        self._restored = None

    def after_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._logs = logs or self._logs
        due = self.every.steps is not None and self.every.step_due(self.model.steps_taken)
        steps = self._steps()
        if steps is not None and self.model.steps_taken - self._epoch_start >= steps:
            # Saved when the other callbacks have been called for the epoch's end.
            self._due = due
        elif self.model.stop_training:
            # They will be called for an end of this epoch that an unbroken run does not have.
            self._due, self._within_arrays = due, {}
            self._within = self._others.within_epoch() | {
                "callbacks": self._others.saved(self._within_arrays)
            }
            if self.asked_to_end:
                self.save_now()
        elif due:
            self._save(number((logs or {}).get(self.monitor)))

    def after_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        value = self._end_epoch(epoch, logs)
        due = self._due or (self.every.epoch_due(epoch) and not self._place()[1])
        last = self.model.stop_training or epoch + 1 >= self._epochs()
        saved = self._last is not None and self._last.iterations == self.model.steps_taken
        if due or saved or last or self._is_best(value):
            # A state of the same step lacks what the others did at the end of the epoch.
            self._save(value, due=due or (saved and self._last.note.get("due", True)))
        self._due, self._within, self._within_arrays = False, None, {}

    def on_train_begin(self, logs: Logs = None) -> None:
        if workers.writes(self.model):
            writable_folder(self.folder)
        self.lock()
        with self.unlocked_on_error():
            self._begin()

    def _begin(self) -> None:
        if workers.writes(self.model):
            files.clean(self.folder)
        if self.monitor is not None and self.mode == "auto":
            self.mode = direction(self.monitor, self.model)
        # A second fit of the same model with the same callback continues the run.
        if self._watched is not self.model:
            self._last = None
            begin = self._resume if self.resume else self._claim
            workers.chief_first(self.model.distribute_strategy, begin)
            self._watched = self.model
        self._epoch_start = self.model.steps_taken
        self.every.start(self.model.steps_taken)
        self._due, self._within, self._within_arrays = False, None, {}

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        # Only the first epoch needs this; a later fit counts its own epochs.
        bridge.begin_with_epoch(self.model, None)
        self._epoch = epoch
        self._epoch_ended = False
        self._epoch_start = self.model.steps_taken

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if not self._resumed_inside:
            return
        if self.model.resume_within_epoch:
            # Data that can resume within an epoch has reset this flag by now.
            self.model.resume_within_epoch = False
            print("This dataset cannot be entered in mid-epoch: the epoch starts at its beginning.")
        else:
            self._epoch_start -= self._resumed_inside
        self._resumed_inside = 0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self.stop_if_asked()
        if self._others is not None:
            return
        self._logs = logs or self._logs
        if self.asked_to_end:
            self.save_now()
        elif self.every.steps is not None and self.every.step_due(self.model.steps_taken):
            self._save(number((logs or {}).get(self.monitor)))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.stop_if_asked()
        if self._others is not None:
            return
        value = self._end_epoch(epoch, logs)
        if self._last is not None and self._last.iterations == self.model.steps_taken:
            if workers.writes(self.model):
                self._last = files.rewrite_note(self._last, self._note(value))
                self._thin()
        elif self.every.epoch_due(epoch) or self._is_best(value):
            self._save(value)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        # An evaluation may take longer than a scheduler waits.
        if self.asked_to_end:
            self.save_now()

    def _end_epoch(self, epoch: int, logs: Logs) -> float | None:
        """Notes that an epoch has ended; returns the monitored value."""
        self._logs = logs or {}
        self._epoch_ended = True
        value = number(self._logs.get(self.monitor))
        if self.monitor is not None and self.monitor not in self._logs:
            warnings.warn(
                f"Checkpoint cannot tell the best state: {self.monitor!r} is not in the logs of "
                f"epoch {epoch + 1}, which has: {', '.join(self._logs)}.",
                stacklevel=2,
            )
        return value

    def on_train_end(self, logs: Logs = None) -> None:
        bridge.begin_with_epoch(self.model, None)
        if self._last is None or self._last.iterations != self.model.steps_taken:
            self._save(number(self._logs.get(self.monitor)), due=False)
        self._others, self._restored, self._resumed_inside = None, None, 0
        self.model.resume_within_epoch, self.model.steps_into_epoch = False, None
        self.unlock()
        self.report_stop(self._last.iterations, self._last.path)

    def _claim(self, of_chief: int | None) -> int:
        if of_chief is None:
            selection.claim(self.folder, self.overwrite)
        return 0

    def _resume(self, of_chief: int | None) -> int:
        if of_chief is not None:
            if of_chief >= 0:
                self._begin_after(load_same(self.model, self.folder, of_chief))
            return of_chief
        found = files.find_checkpoints(self.folder)
        saved = load_newest(self.model, self.folder)
        if saved is None and found:
            raise InputError(
                f"None of the {len(found)} checkpoints in {self.folder} is whole. Start again with "
                "overwrite=True instead of resume=True, or in another folder."
            )
        if saved is None:
            print(f"No checkpoint in {self.folder} yet: starting from the beginning.")
            return -1
        for damaged in found[found.index(saved) + 1 :]:
            # Renamed, so that new checkpoints do not mix with it, and kept for the user to inspect.
            aside = damaged.path.with_name(f"damaged-{damaged.path.name}")
            shutil.rmtree(aside, ignore_errors=True)
            damaged.path.rename(aside)
        self._begin_after(saved)
        # The process may have been killed before it deleted an old one.
        self._thin()
        return saved.iterations

    def _begin_after(self, saved: files.SavedState) -> None:
        self._restored = self._last = saved
        epoch, inside = saved.note["epoch"], saved.note["steps_in_epoch"]
        bridge.begin_with_epoch(self.model, epoch)
        self._resumed_inside = inside
        if inside:
            self.model.resume_within_epoch = True
            self.model.steps_into_epoch = steps_into_epoch(saved.note, self._steps())
        self._epoch, self._epoch_ended = epoch, False
        inner = f"in epoch {epoch + 1}, after {inside} steps of it"
        where = inner if inside else f"after {epoch} epochs"
        print(f"Resuming from {saved.path}: {saved.iterations} steps, {where}.")
        if epoch >= self._epochs() > 0:
            print(f"All {self.params['epochs']} epochs are done; give more to train longer.")

    def _noted_best(self) -> files.SavedState | None:
        return selection.noted_best(self.folder, self.monitor, self.mode)

    def _is_best(self, value: float | None) -> bool:
        if not workers.writes(self.model):
            return False
        best = self._noted_best() if value is not None else None
        return value is not None and (best is None or selection.is_better(value, best, self.mode))

    def _epochs(self) -> float:
        return (self.params or {}).get("epochs", math.inf)

    def _steps(self) -> int | None:
        """Returns the steps of an epoch, if known."""
        return (self.params or {}).get("steps")

    def _save(self, value: float | None, due: bool = True) -> None:
        note, arrays = self._note(value) | {"due": due}, dict(self._within_arrays)
        if self._others is not None:
            note["callbacks"] = self._others.saved(arrays)
            if note["steps_in_epoch"]:
                note["within"] = self._within or self._others.within_epoch()
        if not workers.writes(self.model):
            self._last = files.not_written(self.folder, note)
            return
        with self.unlocked_on_error():
            self._last = files.write_checkpoint(self.folder, note, self.model, arrays)
            self._thin()

    def _thin(self) -> None:
        if self.keep is not None:
            best = self._noted_best() if self.monitor is not None else None
            selection.thin(self.folder, self.keep, self._last, best)

    def _note(self, value: float | None) -> dict:
        epoch, inside = self._place()
        return {
            "iterations": self.model.steps_taken,
            "epoch": epoch,
            "epoch_complete": inside == 0,
            "steps_in_epoch": inside,
            "steps_per_epoch": self._steps(),
            "steps_per_execution": self.model.steps_per_execution,
            "monitor": self.monitor,
            "mode": self.mode if self.monitor is not None else None,
            "value": value,
            "logs": {name: number(log) for name, log in self._logs.items()},
            "versions": versions(),
        }

    def _place(self) -> tuple[int, int]:
        """Returns the epoch to resume with, and how many of its steps are already taken."""
        inside = self.model.steps_taken - self._epoch_start
        steps = self._steps()
        stopped = steps is not None and inside < steps and self.model.stop_training
        if (self._epoch_ended and not stopped) or (steps is not None and inside >= steps):
            return self._epoch + 1, 0
        return self._epoch, inside
