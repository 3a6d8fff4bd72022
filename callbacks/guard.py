"""What happens when a number in training is not finite: stop, leave the update out, roll back."""

import math
import os
import warnings
from pathlib import Path

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.training import guard, state
from kgan.training.players import rate_of
from kgan.typing import Logs

from . import checkpoint_files as files
from .restoring import load_if_it_fits


class Guard(keras.callbacks.Callback):
    """Acts as soon as a loss, a term, a gradient or a layer's state is not finite.

    Such an update is always left out, so that it spoils no variable. Without this callback `fit`
    warns of it at the end of the epoch. With it, the step, the player and the term are reported
    when the execution ends that holds the step, which is after a tenth of a second or after
    `steps_per_execution` steps; and then `action` is taken:

    - `"stop"`: training ends as with `EarlyStopping`; `fit` returns its history.
    - `"skip"`: training goes on. The report is a warning, one for each epoch.
    - `"roll_back"`: networks, optimizers and averages return to the newest checkpoint in
      `folder`, and the learning rates of all players are multiplied by `factor`. The step
      counter, the seeds and the place in the data go on, so that the steps are not repeated
      with the same numbers. Before the first checkpoint only the learning rates are lowered.
      After `times` times training stops instead.

    Loss scaling leaves out updates while it searches for its scale; these are no faults. With
    `compile(skip_nonfinite=False)` there is nothing to notice, and training does not begin.

    Args:
        action: `"stop"`, `"skip"` or `"roll_back"`.
        folder: The folder of a `kgan.callbacks.Checkpoint`, for `"roll_back"`. In the list of
            callbacks that one comes first.
        factor: What the learning rates are multiplied by at each rollback, in (0, 1].
        times: How many times to roll back in one `fit`.

    Attributes:
        faults: The reports of the latest `fit`, in their order.
        rollbacks: How many times the latest `fit` was rolled back.

    Raises:
        InputError: In the constructor, for invalid arguments. When training begins, if the model
            is no kgan model or does not leave updates out, or if a learning rate is a schedule,
            which `"roll_back"` cannot lower.

    Example:

    ```python
    gan.fit(dataset, epochs=50, callbacks=[
        kgan.callbacks.Checkpoint("run/checkpoints", every_steps=500),
        kgan.callbacks.Guard("roll_back", folder="run/checkpoints"),
    ])
    ```
    """

    # It is called at the end of every execution, however many steps that has.
    steps_between = None
    # `fit` leaves warnings and errors about updates that were left out to this callback.
    guards_updates = True

    def __init__(
        self,
        action: str = "stop",
        folder: str | os.PathLike | None = None,
        factor: float = 0.5,
        times: int = 3,
    ):
        super().__init__()
        self.action = arguments.choice("action", action, ("stop", "skip", "roll_back"), of="Guard")
        if (folder is None) == (self.action == "roll_back"):
            raise InputError(
                "Guard takes a folder, that of a kgan.callbacks.Checkpoint, for "
                f"action='roll_back' only; got action={action!r} and folder={folder!r}."
            )
        self.folder = None if folder is None else Path(arguments.path("folder", folder))
        self.factor = arguments.number("factor", factor, above=0, most=1)
        self.times = arguments.integer("times", times)
        self.faults: list[str] = []
        self.rollbacks = 0
        self._warned = False

    def on_train_begin(self, logs: Logs = None) -> None:
        if not hasattr(self.model, "skip_nonfinite"):
            raise InputError(f"Guard works with kgan's models; got {self.model!r}.")
        if not self.model.skip_nonfinite:
            raise InputError(
                "Guard sees the updates that are left out, and compile(skip_nonfinite=False) "
                "leaves none out. Compile without it."
            )
        if self.action == "roll_back":
            self._lower(1.0)
        guard.take(self.model)
        self.faults, self.rollbacks = [], 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._warned = False

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        found = guard.take(self.model)
        if not found:
            return
        self.faults += map(str, found)
        if self.action == "stop":
            guard.stop(self.model, found[0])
        elif self.action == "roll_back":
            self._roll_back(found[0])
        elif not self._warned:
            self._warned = True
            warnings.warn(f"{found[0]} Training goes on.", stacklevel=2)

    def _roll_back(self, fault: guard.Fault) -> None:
        if self.rollbacks == self.times:
            guard.stop(self.model, fault)
            return
        rates = [rate_of(p.optimizer) for p in self.model.players]
        saved = files.latest(self.folder)
        if saved is None:
            done = "no checkpoint was saved yet, so the weights stay"
        else:
            self._load(saved)
            done = f"the weights are those of the checkpoint after {saved.iterations} steps"
        self._lower(self.factor, rates)
        self.rollbacks += 1
        warnings.warn(
            f"{fault} Rollback {self.rollbacks} of {self.times}: {done}, and the learning rates "
            f"are multiplied by {self.factor:g}.",
            stacklevel=3,
        )

    def _load(self, saved: files.SavedState) -> None:
        """Loads the networks, optimizers and averages of a checkpoint, and nothing else."""
        going_on = {**self.model.counts(), **state.seeds(self.model)}
        before = {name: np.array(variable) for name, variable in going_on.items()}
        try:
            load_if_it_fits(self.model, saved)
        finally:
            for name, value in before.items():
                going_on[name].assign(value)

    def _lower(self, factor: float, rates: list[float] | None = None) -> None:
        """Multiplies the learning rates by `factor`, starting from `rates` if they are given."""
        for place, player in enumerate(self.model.players):
            optimizer = player.optimizer
            rate = rate_of(optimizer) if rates is None else rates[place]
            try:
                optimizer.learning_rate = rate * factor
            except TypeError as error:
                raise InputError(
                    f"Guard('roll_back') lowers the learning rates, but that of the {player.name} "
                    "is a schedule. Compile with a number, or use Guard('stop')."
                ) from error
            if not math.isfinite(rate):
                raise InputError(f"The learning rate of the {player.name} is {rate}.")
