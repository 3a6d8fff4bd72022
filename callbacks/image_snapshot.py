"""Pictures of the samples during training, always from the same latents."""

import os
import zlib
from pathlib import Path

import keras
import numpy as np

from kgan import arguments, pictures
from kgan.disk import marks
from kgan.errors import InputError
from kgan.typing import Logs

from .every import Every
from .folders import writable_folder

MOST_FRAMES = 60


class ImageSnapshot(keras.callbacks.Callback):
    """Draws samples from fixed latents as PNG files, and at the end one animated GIF.

    The first picture is drawn before training, the last when it ends. Files are named by
    the training step, so that they sort: `step-0000000.png`, `step-0000120.png`, ...; and
    `growth.gif` shows them one after the other. If a family previews several sets of samples,
    each has its own files: `step-0000120-NAME.png`, `growth-NAME.gif`.

    A run resumed by a `Checkpoint` deletes its pictures of later steps, and draws none as it
    begins, so that the folder ends as that of an unbroken run.

    Images are drawn as a grid, 2-D points as a scatter, signals as curves; see
    `kgan.pictures.draw`.

    Args:
        folder: Folder of the pictures.
        every_epochs: Number of epochs between pictures. The default is 1.
        every_steps: Number of training steps between pictures, instead.
        count: Number of samples in a picture.
        seed: Seed of the latents, which are the same for each picture.
        gif: Whether to write the GIF. It shows the pictures in the folder up to the present
            step, so that the GIF of a resumed run covers the whole run: at most 60 of them,
            evenly spaced.
        duration: Milliseconds a frame of the GIF.
        columns: Images in a row. None makes the grid about square, or for a conditional model
            gives each class a column.
        size: Approximate width of a picture, in pixels.
        reference: Real points `(m, 2)` or numbers `(m, 1)` to draw in grey behind generated
            ones; it also fixes the axes.
        overwrite: Delete the pictures of another run in the folder when training begins.
            Other files stay.

    Raises:
        InputError: In the constructor, for invalid arguments. When training begins, if the
            folder cannot be written, if it holds a picture of the names above that kgan did not
            draw, if it holds pictures of a trained model while this one is
            untrained (without `overwrite`), or if the samples cannot be drawn.

    Example:

    ```python
    snapshot = kgan.callbacks.ImageSnapshot("run/samples", every_steps=200)
    gan.fit(dataset, epochs=50, callbacks=[snapshot])
    ```
    """

    only_writes = True

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
        self.folder = Path(arguments.path("folder", folder))
        self.every = Every(every_epochs, every_steps)
        # How many steps `fit` may run at once before it calls this callback; None for any number.
        self.steps_between = self.every.steps
        self.count = arguments.integer("count", count)
        self.seed = arguments.integer("seed", seed, None)
        self.gif = arguments.flag("gif", gif)
        self.duration = arguments.integer("duration", duration, least=10)
        self.columns = columns if columns is None else arguments.integer("columns", columns)
        self.size = size if size is None else arguments.integer("size", size, least=16)
        if reference is not None:
            reference = arguments.array("reference", reference, or_else="None")
        self.reference = reference
        self.overwrite = arguments.flag("overwrite", overwrite)
        self._begun = False
        self._drawn_at: int | None = None
        self._drawn: list[Path] = []
        self._watched = None

    def draw_now(self) -> list[Path]:
        """Draws samples of the present generator, and returns the files."""
        previews = self.model.preview(count=self.count, seed=self.seed)
        step = self.model.steps_taken
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
        self._drawn_at, self._drawn = step, paths
        return paths

    def finish(self) -> None:
        """Draws the last picture and the GIF: at the end of `fit`, or after Ctrl-C."""
        if self._begun and self._drawn_at != self.model.steps_taken:
            self.draw_now()
        if self.gif:
            self._animate()

    def get_state(self) -> dict:
        """Returns the step of the latest pictures, and their checksums; see `Resumable`."""
        sums = {path.name: _checksum(path) for path in self._drawn}
        return {"drawn_at": self._drawn_at, "checksums": sums, "every": self.every.get_state()}

    def set_state(self, state: dict) -> None:
        """Deletes the pictures of later steps, which are drawn again."""
        self.every.set_state(state["every"])
        sums = state["checksums"]
        # In another folder than that of the run, pictures of the same names are another's.
        if not sums or any(_checksum(self.folder / name) != sums[name] for name in sums):
            return
        for step, _, path in self._present():
            if step > state["drawn_at"]:
                path.unlink()
        self._drawn_at, self._drawn = state["drawn_at"], [self.folder / name for name in sums]
        self._begun, self._watched = True, self.model

    def on_train_begin(self, logs: Logs = None) -> None:
        writable_folder(self.folder)
        for pattern in (".step-*.png.*.part", ".growth*.gif.*.part"):
            for left in self.folder.glob(pattern):
                # A process was killed while it wrote.
                left.unlink(missing_ok=True)
        self._begun = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self._begun:
            return
        # Not in on_train_begin, where a Checkpoint later in the list may still restore the model.
        if self._watched is not self.model:
            self._claim()
            self._watched = self.model
        self._begun = True
        self.every.start(self.model.steps_taken)
        self.draw_now()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.every.steps is not None and self.every.step_due(self.model.steps_taken):
            self.draw_now()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.every.epoch_due(epoch):
            self.draw_now()

    def on_train_end(self, logs: Logs = None) -> None:
        self.finish()

    def _claim(self) -> None:
        self._refuse_foreign()
        step = self.model.steps_taken
        later = [path for at, _, path in self._present() if at > step]
        if step or not later:
            return
        if not self.overwrite:
            raise InputError(
                f"{self.folder} holds pictures of another run, such as {later[-1].name}. Delete "
                "them with overwrite=True, or choose another folder."
            )
        for path in later:
            path.unlink()

    def _refuse_foreign(self) -> None:
        """Raises an `InputError` if a file that would be replaced or deleted is not kgan's."""
        films = [*self.folder.glob("growth.gif"), *self.folder.glob("growth-*.gif")]
        for path in [*films, *(path for _, _, path in self._present())]:
            if not marks.is_snapshot(path):
                raise InputError(
                    f"{self.folder} holds {path.name}, which is not known to be a picture of "
                    "kgan's and would be lost. Move it away, or choose another folder."
                )

    def _present(self) -> list[tuple[int, str, Path]]:
        """Returns step, name and path of the pictures in the folder, in the order of steps."""
        found = []
        for path in self.folder.glob("step-*.png"):
            step, _, name = path.stem.removeprefix("step-").partition("-")
            if step.isdigit():
                found.append((int(step), name, path))
        return sorted(found)

    def _animate(self) -> None:
        now = self.model.steps_taken
        present = [found for found in self._present() if found[0] <= now]
        for name in sorted({name for _, name, _ in present}):
            frames = _thinned([path for _, of, path in present if of == name])
            path = self.folder / f"growth{'-' if name else ''}{name}.gif"
            pictures.save_gif(path, frames, duration=self.duration)


def _checksum(path: Path) -> int | None:
    """Returns the CRC-32 of a file, or None if there is none."""
    return zlib.crc32(path.read_bytes()) if path.is_file() else None


def _suffix(name: str, previews: dict) -> str:
    if len(previews) == 1:
        return ""
    return "-" + "".join(c if c.isalnum() or c in "_-" else "_" for c in name)


def _thinned(frames: list) -> list:
    """Returns at most `MOST_FRAMES` frames, evenly spaced, with the first and the last."""
    if len(frames) <= MOST_FRAMES:
        return frames
    picked = np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int)
    return [frames[place] for place in picked]
