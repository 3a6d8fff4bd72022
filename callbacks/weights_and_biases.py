"""Logs to Weights & Biases."""

import importlib.util
from typing import Any

import numpy as np

from kgan import arguments
from kgan.errors import InputError

from .logger import Logger


class WandB(Logger):
    """Logs figures, pictures and settings to Weights & Biases; takes `pip install "kgan[wandb]"`.

    Whether it logs in, sends at once or keeps everything on this machine is the client's affair:
    `wandb login`, or the environment variable `WANDB_MODE=offline` and later `wandb sync`. What it
    keeps here is in `folder/wandb`.

    Args:
        project: the project there; None means `WANDB_PROJECT`, or the client's default.
        name: how the run is called there; None lets the client choose.
        **options: those of `Logger`.

    Raises:
        InputError: if the package is not installed.

    Example:

    ```python
    logger = kgan.callbacks.WandB("digits", folder="run/loggers")
    gan.fit(dataset, epochs=20, callbacks=[logger])
    ```
    """

    kind = "wandb"

    def __init__(self, project: str | None = None, name: str | None = None, **options: Any):
        super().__init__(**options)
        self.project = project if project is None else arguments.text("project", project)
        self.run_name = name if name is None else arguments.text("name", name)
        need("wandb", "wandb", type(self).__name__)
        self._run: Any = None

    def start(self, identity: str | None) -> str | None:
        import wandb

        self._run = wandb.init(
            project=self.project,
            name=self.run_name,
            id=identity,
            resume="allow",
            dir=str(self.folder),
            # One that the user's own program has begun goes on beside it.
            reinit="create_new",
            settings=wandb.Settings(silent=True),
        )
        return self._run.id

    def config(self, settings: dict[str, Any]) -> None:
        self._run.config.update(settings, allow_val_change=True)

    def scalars(self, values: dict[str, float], step: int) -> None:
        self._run.log(values, step=step)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        import wandb

        self._run.log({f"preview/{name}": wandb.Image(image)}, step=step)

    def end(self, status: str) -> None:
        self._run.finish(exit_code=0 if status == "finished" else 1)


def need(module: str, extra: str, user: str) -> None:
    """Raises an `InputError` if a package is missing that an extra of kgan brings."""
    if importlib.util.find_spec(module) is None:
        raise InputError(
            f"{user} takes the package {module}, which is not installed: "
            f'pip install "kgan[{extra}]".'
        )
