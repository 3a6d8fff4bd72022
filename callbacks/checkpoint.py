"""The full training state, kept on disk while a run goes on."""

import math
import os
import shutil
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kgan
from kgan import arguments, bridge
from kgan.errors import InputError
from kgan.typing import Logs

from . import checkpoint_files as files
from .direction import better, direction
from .every import Every
from .folders import writable_folder
from .restoring import load_if_it_fits


class Checkpoint(keras.callbacks.Callback):
    """Keeps the full training state, so that a run can be taken up again where it was.

    Each checkpoint is a folder `step-0000123/` with `state.weights.h5` (both networks, both
    optimizers, the average, the seeds) and `state.json`:

    - `iterations`: training steps taken since the model's birth;
    - `epoch`, `epoch_complete`, `steps_in_epoch`: the epoch to go on with, counted from 0;
      whether it is to start from its first batch; and if not, how many steps of it are taken;
    - `monitor`, `mode`, `value`, `logs`: what was monitored, and the last logs;
    - `size`, `sha256`: of the state; `versions`: of kgan, Keras and TensorFlow.

    A crash at any moment, in the middle of a write too, loses no earlier checkpoint. The last
    state of a `fit` that comes to its end is always kept.

    Args:
        folder: Where the checkpoints go.
        every_epochs: Keep one every so many epochs. The default is every epoch.
        every_steps: Keep one every so many training steps instead.
        keep: How many of the newest stay; None keeps all.
        monitor: Name in the logs, such as `"val_frechet_distance"`. The checkpoint with the
            best value stays beside the newest, and an epoch that ends with a new best value
            is kept whether one is due or not.
        mode: `"min"` or `"max"` says which values are better; `"auto"` asks the metric of that
            name, then the name itself (loss, distance: less is better; accuracy, score: more).
        resume: Go on from the newest checkpoint that is whole. With it, `fit(epochs=n)` means
            n epochs in all. An empty folder starts from the beginning, and says so.
        overwrite: Delete the checkpoints of another run in the folder when training begins.

    Raises:
        InputError: At once for arguments that make no sense. When training begins, for a
            folder that cannot be written, that holds another run (without `resume` or
            `overwrite`), or whose checkpoint does not fit the networks; the model is then as
            it was before. While training runs, for a full disk; the checkpoints before stay.

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
        self.folder = Path(folder)
        self.every = Every(every_epochs, every_steps)
        # A fit with several steps an execution lets it look just then; None for any.
        self.steps_between = self.every.steps
        self.keep = keep if keep is None else arguments.integer("keep", keep)
        if mode not in ("auto", "min", "max"):
            raise InputError(f"mode must be 'auto', 'min' or 'max'. Received: mode={mode!r}.")
        if resume and overwrite:
            raise InputError("resume goes on with a run and overwrite deletes it; give one.")
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

    def best(self) -> files.SavedState | None:
        """The checkpoint with the best monitored value, or None where no value is known."""
        best = None
        for saved in files.find_checkpoints(self.folder):
            if saved.note.get("value") is None or saved.note.get("monitor") != self.monitor:
                continue
            if best is None or self._better(saved.note["value"], best):
                best = saved
        return best

    def save_now(self) -> Path:
        """Keeps the present state, for instance after Ctrl-C, and returns its folder."""
        if self._last is None or self._last.iterations != self._iterations():
            self._save(None)
        return self._last.path

    def on_train_begin(self, logs: Logs = None) -> None:
        writable_folder(self.folder)
        files.clean(self.folder)
        if self.monitor is not None and self.mode == "auto":
            self.mode = direction(self.monitor, self.model)
        # A second fit of one model with one callback is the same run, going on.
        if self._watched is not self.model:
            self._last = None
            if self.resume:
                self._resume()
            else:
                self._claim()
            self._watched = self.model
        self._epoch_start = self._iterations()
        self.every.start(self._iterations())

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        # It has done its part; a later fit counts its epochs itself.
        bridge.begin_with_epoch(self.model, None)
        self._epoch = epoch
        self._epoch_ended = False
        self._epoch_start = self._iterations()

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if not self._resumed_inside:
            return
        if self.model.resume_within_epoch:
            # Whoever feeds the model would have taken it back by now.
            self.model.resume_within_epoch = False
            print("This dataset cannot be entered in mid-epoch: the epoch starts at its beginning.")
        else:
            self._epoch_start -= self._resumed_inside
        self._resumed_inside = 0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._logs = logs or self._logs
        if self.every.steps is not None and self.every.step_due(self._iterations()):
            self._save(_number((logs or {}).get(self.monitor)))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._logs = logs or {}
        self._epoch_ended = True
        value = _number(self._logs.get(self.monitor))
        if self.monitor is not None and self.monitor not in self._logs:
            warnings.warn(
                f"Checkpoint cannot tell the best state: {self.monitor!r} is not in the logs of "
                f"epoch {epoch + 1}, which has: {', '.join(self._logs)}.",
                stacklevel=2,
            )
        if self._last is not None and self._last.iterations == self._iterations():
            self._last = files.rewrite_note(self._last, self._note(value))
            self._thin()
        elif self.every.epoch_due(epoch) or self._is_best(value):
            self._save(value)

    def on_train_end(self, logs: Logs = None) -> None:
        bridge.begin_with_epoch(self.model, None)
        if self._last is None or self._last.iterations != self._iterations():
            self._save(_number(self._logs.get(self.monitor)))

    def _iterations(self) -> int:
        return int(self.model.iterations)

    def _claim(self) -> None:
        found = files.find_checkpoints(self.folder)
        if found and not self.overwrite:
            raise InputError(
                f"{self.folder} holds checkpoints of another run, the newest after "
                f"{found[-1].iterations} steps. Go on with it by resume=True, delete them by "
                "overwrite=True, or choose another folder."
            )
        for saved in found:
            files.remove(saved)

    def _resume(self) -> None:
        found = files.find_checkpoints(self.folder)
        saved = files.latest(self.folder)
        if saved is None and found:
            raise InputError(
                f"None of the {len(found)} checkpoints in {self.folder} is whole. Start anew with "
                "overwrite=True instead of resume=True, or in another folder."
            )
        if saved is None:
            print(f"No checkpoint in {self.folder} yet: starting from the beginning.")
            return
        load_if_it_fits(self.model, saved)
        for damaged in found[found.index(saved) + 1 :]:
            # Out of the way of the new ones, yet not deleted: it is the user's to look at.
            aside = damaged.path.with_name(f"damaged-{damaged.path.name}")
            shutil.rmtree(aside, ignore_errors=True)
            damaged.path.rename(aside)
        self._last = saved
        epoch, inside = saved.note["epoch"], saved.note["steps_in_epoch"]
        bridge.begin_with_epoch(self.model, epoch)
        self._resumed_inside = inside
        if inside:
            self.model.resume_within_epoch = True
        self._epoch, self._epoch_ended = epoch, False
        where = (
            f"in epoch {epoch + 1}, after {inside} steps of it"
            if inside
            else (f"after {epoch} epochs")
        )
        print(f"Resuming from {saved.path}: {saved.iterations} steps, {where}.")
        if epoch >= (self.params or {}).get("epochs", math.inf):
            print(f"All {self.params['epochs']} epochs are done; give more epochs to go on.")

    def _is_best(self, value: float | None) -> bool:
        if value is None:
            return False
        best = self.best()
        return best is None or self._better(value, best)

    def _better(self, value: float, than: files.SavedState) -> bool:
        mode = than.note["mode"] if self.mode == "auto" else self.mode
        return better(value, than.note["value"], mode)

    def _save(self, value: float | None) -> None:
        self._last = files.write_checkpoint(self.folder, self._note(value), self.model)
        self._thin()

    def _thin(self) -> None:
        """Deletes all but the newest `keep`, the best, and the one just written."""
        if self.keep is None:
            return
        best = self.best() if self.monitor is not None else None
        spared = {saved.path for saved in (self._last, best) if saved is not None}
        for saved in files.find_checkpoints(self.folder)[: -self.keep]:
            if saved.path not in spared:
                files.remove(saved)

    def _note(self, value: float | None) -> dict:
        epoch, inside = self._place()
        return {
            "iterations": self._iterations(),
            "epoch": epoch,
            "epoch_complete": inside == 0,
            "steps_in_epoch": inside,
            "monitor": self.monitor,
            "mode": self.mode if self.monitor is not None else None,
            "value": value,
            "logs": {name: _number(log) for name, log in self._logs.items()},
            "versions": _versions(),
        }

    def _place(self) -> tuple[int, int]:
        """The epoch to go on with, and how many steps of it are already taken."""
        inside = self._iterations() - self._epoch_start
        steps = (self.params or {}).get("steps")
        stopped = steps is not None and inside < steps and self.model.stop_training
        if (self._epoch_ended and not stopped) or (steps is not None and inside >= steps):
            return self._epoch + 1, 0
        return self._epoch, inside


def _number(log) -> float | None:
    """A log as a finite number; JSON has no other."""
    if log is None:
        return None
    value = float(np.mean(log))
    return value if math.isfinite(value) else None


def _versions() -> dict[str, str]:
    return {
        "kgan": kgan.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
    }
