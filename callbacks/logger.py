"""What a run logs, for another program than TensorBoard: figures, pictures and settings."""

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kgan import arguments, pictures
from kgan.disk.writing import replace
from kgan.errors import InputError
from kgan.training import workers
from kgan.typing import Logs

from .every import Every
from .folders import writable_folder


class Logger(keras.callbacks.Callback):
    """The base of loggers: subclasses say where figures, pictures and settings go.

    A subclass writes these five methods; when each is called is the base's business:

    - `start(identity)`: begins the run named `identity` there, or goes on with it, and returns the
      name; a new one if `identity` is None;
    - `config(settings)`: the settings of the run, a flat or nested dictionary ready for JSON;
    - `scalars(values, step)`: figures by name, after so many training steps;
    - `picture(name, image, step)`: a picture of samples, uint8 `(height, width, 3)`;
    - `end(status)`: the run has ended, "finished" or "failed".

    Logged are all logs of an epoch at its end, each player's learning rate, and every `every_steps`
    steps, if given, the logs so far under `batch/NAME`. Steps count over the whole life of the
    model. The name that `start` returned, and how far was logged, are kept in
    `folder/KIND.json`; with `resume` the same run goes on there, and what was logged already is not
    logged again. Of several workers the first logs.

    Whatever such a method raises is no end of a training: it is said once, as a warning, and the
    logger is left out from then on.

    Args:
        folder: where the name of the run is kept, and what the program writes on this machine.
        settings: the settings to log; None means the model's compile settings.
        every_steps: number of training steps between two logs within an epoch; None for none.
        pictures_every: number of epochs between two pictures; 0 for none.
        count: number of samples in a picture.
        seed: seed of the latents, which are the same for each picture.
        reference: real points to draw behind generated ones; see `kgan.pictures.draw`.
        resume: whether to go on with the run whose name is in `folder`, as where a `Checkpoint`
            resumes.

    Raises:
        InputError: in the constructor, for invalid arguments; when training begins, if the folder
            cannot be written.

    Example:

    ```python
    class Printed(kgan.callbacks.Logger):
        kind = "printed"

        def start(self, identity):
            return identity or "the-run"

        def scalars(self, values, step):
            print(step, values)


    gan.fit(dataset, epochs=20, callbacks=[Printed("run/loggers")])
    ```
    """

    kind = "logger"  # names the file in the folder
    only_writes = True

    def __init__(
        self,
        folder: str | os.PathLike = "loggers",
        settings: dict[str, Any] | None = None,
        every_steps: int | None = None,
        pictures_every: int = 1,
        count: int = 64,
        seed: int = 0,
        reference: np.ndarray | None = None,
        resume: bool = False,
    ):
        super().__init__()
        self.folder = Path(arguments.path("folder", folder))
        self.settings = settings
        self._every = None if every_steps is None else Every(steps=every_steps)
        self.steps_between = every_steps
        self.pictures_every = arguments.integer("pictures_every", pictures_every, least=0)
        self.count = arguments.integer("count", count)
        self.seed = arguments.integer("seed", seed, None)
        if reference is not None:
            reference = arguments.array("reference", reference, or_else="None")
        self.reference = reference
        self.resume = arguments.flag("resume", resume)
        self._identity: str | None = None
        # Up to which step figures of epochs and within epochs were logged.
        self._reached = {"epoch": -1, "batch": -1}
        self._runs, self._failed = False, False

    # For subclasses.

    def start(self, identity: str | None) -> str | None:
        """Begins a run, or goes on with the one of that name; returns its name."""
        raise NotImplementedError

    def config(self, settings: dict[str, Any]) -> None:
        """Logs the settings of a run that begins."""

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Logs figures by name."""

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        """Logs a picture, uint8 `(height, width, 3)`."""

    def end(self, status: str) -> None:
        """Ends the run there; `status` is "finished" or "failed"."""

    # For users.

    @property
    def identity(self) -> str | None:
        """The name of the run in the other program; None before it has begun."""
        return self._identity

    def close(self, status: str = "failed") -> None:
        """Ends the run there, for instance after an error; nothing happens if it has ended."""
        if self._runs:
            self._runs = False
            self._try(lambda: self.end(status))

    # Methods that `fit` calls.

    def on_train_begin(self, logs: Logs = None) -> None:
        if not workers.writes(self.model):
            return
        writable_folder(self.folder)
        self._failed, self._identity = False, None
        self._reached = {"epoch": -1, "batch": -1}
        if self.resume:
            self._remember()
        self._try(self._start)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self._every is not None:
            self._every.start(self.model.steps_taken)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        step = self.model.steps_taken
        if self._runs and self._every is not None and self._every.step_due(step):
            figures = {f"batch/{name}": _figure(value) for name, value in (logs or {}).items()}
            self._log("batch", figures, step)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        step = self.model.steps_taken
        if not self._runs or step <= self._reached["epoch"]:
            return
        if self.pictures_every and (epoch + 1) % self.pictures_every == 0:
            self._try(lambda: self._draw(step))
        figures = {name: _figure(value) for name, value in (logs or {}).items()}
        figures |= {"epoch": float(epoch)} | learning_rates(self.model)
        self._log("epoch", figures, step)

    def on_train_end(self, logs: Logs = None) -> None:
        self.close("finished")

    # Private methods.

    def _start(self) -> None:
        before = self._identity
        self._identity = self.start(before)
        self._runs = True
        self._keep()
        if before is None or self._identity != before:
            settings = self.settings
            self.config(self.model.get_compile_config() if settings is None else settings)

    def _draw(self, step: int) -> None:
        for name, samples in self.model.preview(count=self.count, seed=self.seed).items():
            image = pictures.draw(
                samples,
                value_range=self.model.data_range,
                columns=getattr(self.model, "preview_columns", None),
                reference=self.reference,
            )
            self.picture(name, image, step)

    def _log(self, of: str, figures: dict[str, float], step: int) -> None:
        if step <= self._reached[of]:
            return

        def log():
            self.scalars(figures, step)
            self._reached[of] = step
            self._keep()

        self._try(log)

    def _try(self, act: Callable[[], None]) -> None:
        """Calls what may fail; after a failure it is left out, and the training goes on."""
        if self._failed:
            return
        try:
            act()
        except InputError:
            raise
        # A program that calls `sys.exit`, as a client that is not logged in may.
        except (Exception, SystemExit) as error:
            self._failed, self._runs = True, False
            said = str(error).strip().split("\n")[0] or type(error).__name__
            warnings.warn(
                f"{type(self).__name__} failed and is left out from here on: {said} "
                "The training goes on.",
                stacklevel=2,
            )

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.kind}.json"

    def _keep(self) -> None:
        text = json.dumps({"run": self._identity, "reached": self._reached}) + "\n"
        replace(self._file, lambda part: part.write_text(text, encoding="utf-8"), flush=False)

    def _remember(self) -> None:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            identity = kept["run"]
            reached = {of: int(kept["reached"][of]) for of in self._reached}
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError):
            warnings.warn(
                f"{self._file} is damaged, so {type(self).__name__} begins a new run.", stacklevel=2
            )
            return
        self._identity, self._reached = identity, reached


def _figure(value: Any) -> float:
    # Several workers log arrays of shape (1,).
    return float(np.mean(value))


def learning_rates(model: Any) -> dict[str, float]:
    """Returns the present learning rate of each player, as `d_learning_rate`."""
    rates = {}
    for player in model.players:
        optimizer = getattr(player.optimizer, "inner_optimizer", player.optimizer)
        rate = keras.ops.convert_to_numpy(optimizer.learning_rate)
        rates[f"{player.prefix}_learning_rate"] = float(rate)
    return rates


def flat(settings: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Returns a nested dictionary as one level, with names such as `data.shape`."""
    found = {}
    for name, value in settings.items():
        whole = f"{above}{name}"
        if isinstance(value, dict):
            found |= flat(value, f"{whole}.")
        else:
            found[whole] = value
    return found
