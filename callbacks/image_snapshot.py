"""Pictures of how the samples grow, from latents that stay the same."""

import os
from pathlib import Path

import keras
import numpy as np

from kgan import arguments, pictures
from kgan.errors import InputError
from kgan.typing import Logs

from .every import Every
from .folders import writable_folder

MOST_FRAMES = 60


class ImageSnapshot(keras.callbacks.Callback):
    """Draws samples from fixed latents as PNG files, and at the end one animated GIF.

    The first picture is taken before training, the last when it ends. Files are named by
    the training step, so that they sort: `step-0000000.png`, `step-0000120.png`, ...; and
    `growth.gif` shows them in turn. Where a family previews several sets of samples, each has
    files of its own: `step-0000120-NAME.png`, `growth-NAME.gif`.

    Samples are drawn as what they are: images as a grid, 2-D points as a scatter, signals as
    curves; see `kgan.pictures.draw`.

    Args:
        folder: Where the pictures go.
        every_epochs: Draw every so many epochs. The default is every epoch.
        every_steps: Draw every so many training steps instead.
        count: Samples a picture.
        seed: Of the latents; equal seeds give equal latents at each picture.
        gif: Whether to write the GIF. It shows the pictures in the folder up to the present
            step, so that a resumed run's covers the whole run: at most 60 of them, evenly
            picked.
        duration: Milliseconds a frame of the GIF.
        columns: Images a row; None makes the grid about square, or one column a class where the
            model is told one.
        size: Width in pixels to aim for.
        reference: Real points `(m, 2)` or numbers `(m, 1)` to draw in grey behind generated
            ones; it also holds the axes still.
        overwrite: Delete the pictures of another run in the folder when training begins.

    Raises:
        InputError: At once for arguments that make no sense. When training begins, for a
            folder that cannot be written, or that holds later pictures than those of a model
            that is not trained yet; and for samples that cannot be drawn.

    Example:

    ```python
    snapshot = kgan.callbacks.ImageSnapshot("run/samples", every_steps=200)
    gan.fit(dataset, epochs=50, callbacks=[snapshot])
    ```
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        every_epochs: int | None = None,
        every_steps: int | None = None,
        count: int = 64,
        seed: int = 0,
        gif: bool = True,
        duration: int = 120,
        columns: int | None = None,
        size: int | None = None,
        reference: np.ndarray | None = None,
        overwrite: bool = False,
    ):
        super().__init__()
        self.folder = Path(folder)
        self.every = Every(every_epochs, every_steps)
        # A fit with several steps an execution lets it look just then; None for any.
        self.steps_between = self.every.steps
        self.count = arguments.integer("count", count)
        self.seed = seed
        self.gif = gif
        self.duration = arguments.integer("duration", duration, least=10)
        self.columns = columns if columns is None else arguments.integer("columns", columns)
        self.size = size if size is None else arguments.integer("size", size, least=16)
        self.reference = reference
        self.overwrite = overwrite
        self._begun = False
        self._drawn_at: int | None = None
        self._watched = None

    def draw_now(self) -> list[Path]:
        """Draws the present samples, and returns the files."""
        previews = self.model.preview(count=self.count, seed=self.seed)
        step = int(self.model.iterations)
        paths = []
        for name, samples in previews.items():
            picture = pictures.draw(
                samples,
                value_range=self.model.data_range,
                columns=self.columns or getattr(self.model, "preview_columns", None),
                size=self.size,
                reference=self.reference,
            )
            path = self.folder / f"step-{step:07d}{_suffix(name, previews)}.png"
            paths.append(pictures.save_png(path, picture))
        self._drawn_at = step
        return paths

    def finish(self) -> None:
        """Draws the last picture and the GIF: at the end of `fit`, or after Ctrl-C."""
        if self._begun and self._drawn_at != int(self.model.iterations):
            self.draw_now()
        if self.gif:
            self._animate()

    def on_train_begin(self, logs: Logs = None) -> None:
        writable_folder(self.folder)
        self._begun = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self._begun:
            return
        # Not in on_train_begin: a Checkpoint later in the list may yet restore the model.
        if self._watched is not self.model:
            self._claim()
            self._watched = self.model
        self._begun = True
        self.every.start(int(self.model.iterations))
        self.draw_now()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.every.steps is not None and self.every.step_due(int(self.model.iterations)):
            self.draw_now()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.every.epoch_due(epoch):
            self.draw_now()

    def on_train_end(self, logs: Logs = None) -> None:
        self.finish()

    def _claim(self) -> None:
        step = int(self.model.iterations)
        later = [path for at, _, path in self._present() if at > step]
        if step or not later:
            return
        if not self.overwrite:
            raise InputError(
                f"{self.folder} holds pictures of another run, {later[-1].name} for one. Delete "
                "them by overwrite=True, or choose another folder."
            )
        for path in later:
            path.unlink()

    def _present(self) -> list[tuple[int, str, Path]]:
        """Step, name and path of the pictures in the folder, in the order of their steps."""
        found = []
        for path in self.folder.glob("step-*.png"):
            step, _, name = path.stem.removeprefix("step-").partition("-")
            if step.isdigit():
                found.append((int(step), name, path))
        return sorted(found)

    def _animate(self) -> None:
        now = int(self.model.iterations)
        present = [found for found in self._present() if found[0] <= now]
        for name in sorted({name for _, name, _ in present}):
            frames = _thinned([path for _, of, path in present if of == name])
            path = self.folder / f"growth{'-' if name else ''}{name}.gif"
            pictures.save_gif(path, frames, duration=self.duration)


def _suffix(name: str, previews: dict) -> str:
    if len(previews) == 1:
        return ""
    return "-" + "".join(c if c.isalnum() or c in "_-" else "_" for c in name)


def _thinned(frames: list) -> list:
    """At most `MOST_FRAMES` of them, evenly picked, the first and the last included."""
    if len(frames) <= MOST_FRAMES:
        return frames
    picked = np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int)
    return [frames[place] for place in picked]
