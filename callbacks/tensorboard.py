"""Keras's TensorBoard, extended for models with several networks and optimizers."""

import contextlib
import errno
import os
import time

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, bridge, pictures
from kgan.errors import InputError
from kgan.typing import Logs

from .event_files import EventFiles
from .every import Every
from .folders import cannot_write, writable_folder
from .logger import learning_rates


class TensorBoard(bridge.KerasTensorBoard):
    """Writes losses, scores, penalties, learning rates, samples and weights for TensorBoard.

    `tensorboard --logdir LOG_DIR` shows them. The tags in the run `train`:

    | tag | what | horizontal axis |
    | --- | --- | --- |
    | `epoch_NAME` | every log of an epoch: `d_loss`, `g_loss`, `d_real`, penalties | epoch |
    | `epoch_d_learning_rate`, `epoch_g_learning_rate` | of each player's optimizer | epoch |
    | `epoch_steps_per_second` | training steps, with `write_steps_per_second` | epoch |
    | `batch_NAME` for every `epoch_NAME` above | the same, with `update_freq` | step |
    | `preview/NAME` | picture of the samples, mostly `preview/samples` | epoch |
    | `NETWORK/WEIGHT/histogram` | with `histogram_freq`, as `generator/dense/kernel` | epoch |
    | `NETWORK/WEIGHT/image` | with `write_images` as well | epoch |
    | `generator`, `discriminator` | the networks' layers, with `write_graph` | |

    and in the run `validation`: `epoch_NAME` for every `val_NAME`, and
    `evaluation_NAME_vs_iterations` against the training step. Epochs count from 0, as Keras
    counts them. Steps count over the whole life of the model, so that the curves of a resumed
    run continue those of the earlier one. A run resumed by a `Checkpoint` first removes the points
    that were written after the checkpoint, so that none is there twice.

    Args:
        log_dir: Folder of the event files.
        histogram_freq: Number of epochs between weight histograms; 0 for none.
        write_graph: Whether to write the networks' layers.
        write_images: Whether to write weights as images beside their histograms.
        write_steps_per_second: Whether to log the training steps a second.
        update_freq: `"epoch"` logs at the end of epochs only; a number n also logs every n
            training steps, and `"batch"` every step.
        profile_batch: Batch, or pair of first and last batch, to profile; 0 for none. Batches
            count from 1 and from the start of this `fit`.
        embeddings_freq: As in `keras.callbacks.TensorBoard`.
        embeddings_metadata: As in `keras.callbacks.TensorBoard`.
        samples_freq: Number of epochs between pictures of samples; 0 for none.
        count: Number of samples in a picture.
        seed: Seed of the latents, which are the same for each picture.
        reference: Real points to draw behind generated ones; see `kgan.pictures.draw`.

    Raises:
        InputError: In the constructor, for invalid arguments. When training begins, if the
            folder cannot be written.

    Example:

    ```python
    gan.fit(dataset, epochs=20, callbacks=[kgan.callbacks.TensorBoard("logs", histogram_freq=1)])
    ```
    """

    def __init__(
        self,
        log_dir: str | os.PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: int | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: dict | None = None,
        samples_freq: int = 1,
        count: int = 64,
        seed: int = 0,
        reference: np.ndarray | None = None,
    ):
        if not isinstance(update_freq, str) or update_freq not in ("epoch", "batch"):
            arguments.integer("update_freq", update_freq, or_else="'epoch' or 'batch'")
        log_dir = arguments.utf8_path("log_dir", log_dir)
        if reference is not None:
            reference = arguments.array("reference", reference, or_else="None")
        arguments.integer("histogram_freq", histogram_freq, least=0)
        self.samples_freq = arguments.integer("samples_freq", samples_freq, least=0)
        self.count = arguments.integer("count", count)
        self.seed = arguments.integer("seed", seed, None)
        self.reference = reference
        try:
            super().__init__(
                log_dir=log_dir,
                histogram_freq=histogram_freq,
                write_graph=write_graph,
                write_images=write_images,
                update_freq=update_freq,
                profile_batch=profile_batch,
                embeddings_freq=embeddings_freq,
                embeddings_metadata=embeddings_metadata,
            )
        except (TypeError, ValueError) as error:
            raise InputError(f"TensorBoard does not take these settings: {error}") from error
        # Not passed to the parent, which would count the steps of one optimizer, or executions.
        self._write_speed = write_steps_per_second
        self._profiles = profile_batch != 0
        self._speed_since = {}
        self._every = None if self.update_freq == "epoch" else Every(steps=self.update_freq)
        # A `Checkpoint` sets the name of the run, and whether it may have begun before.
        self.run: str | None = None
        self.resume = False
        self._files: EventFiles | None = None
        self._starts, self._networks_due = False, False

    def finish(self) -> None:
        """Writes everything to the disk and closes the files, for instance after Ctrl-C."""
        while self.leave_writer():
            pass
        self.stop_profile()
        with self._disk_errors():
            self.close_writers()

    @property
    def steps_between(self) -> int | None:
        """How many steps `fit` may run at once before it calls this callback; None for any."""
        if self._profiles:
            return 1
        return None if self._every is None else self._every.steps

    # Methods that `fit` calls.

    def set_model(self, model: keras.Model) -> None:
        # Checked here, because the parent's set_model already writes.
        writable_folder(self.log_dir)
        self.suffix = None if self.run is None else f".kgan-{self.run}"
        self._files = EventFiles(self.log_dir, self.suffix)
        self._starts, self._networks_due = True, False
        super().set_model(model)

    def get_state(self) -> dict:
        """Returns how far the event files are written; see `Resumable`."""
        with self._disk_errors():
            for writer in self.open_writers():
                writer.flush()
        every = None if self._every is None else self._every.get_state()
        return {"files": self._files.sizes(), "every": every}

    def set_state(self, state: dict) -> None:
        """Removes what was written after `get_state`."""
        self._files.cut(state["files"])
        self._starts = False
        if self._every is not None and state["every"] is not None:
            self._every.set_state(state["every"])

    def on_train_begin(self, logs: Logs = None) -> None:
        # The parent would open a file of another name.
        self.writer("train")
        super().on_train_begin(logs)
        if self._every is not None:
            self._every.start(self._step())
        self._speed_since = {}
        self._speed("batch")

    def on_train_end(self, logs: Logs = None) -> None:
        self.finish()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self._starts:
            if self.resume and self._step() == 0:
                # The run was killed before its first checkpoint.
                self._files.cut({})
            # Not in set_model: a resumed run has written them already.
            if self._networks_due:
                self._write_networks()
            self._starts = False
        super().on_epoch_begin(epoch, logs)
        self._speed("epoch")

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        # The parent would write logs by its own count, in which an execution of several steps is
        # one batch. Without logs it only profiles.
        super().on_train_batch_end(batch)
        if self._every is None or not self._every.step_due(self._step()):
            return
        logs = dict(logs or {}) | learning_rates(self.model) | self._speed("batch")
        with self._writing("train"):
            for name, value in logs.items():
                # Several workers log arrays of shape (1,).
                tf.summary.scalar(f"batch_{name}", np.mean(value), step=self._now())

    def on_test_begin(self, logs: Logs = None) -> None:
        self.writer("validation")
        super().on_test_begin(logs)

    def on_test_end(self, logs: Logs = None) -> None:
        with self._writing("validation"):
            for name, value in (logs or {}).items():
                tf.summary.scalar(
                    f"evaluation_{name}_vs_iterations", np.mean(value), step=self._now()
                )
        self.leave_writer()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        with self._writing("train"):
            super().on_epoch_end(epoch, logs)
            if self.samples_freq and (epoch + 1) % self.samples_freq == 0:
                self._log_samples(epoch)
            for writer in self.open_writers():
                writer.flush()

    # Methods that the parent calls.

    def epoch_logs(self) -> dict[str, float]:
        return learning_rates(self.model) | self._speed("epoch")

    def write_weights(self, epoch: int) -> None:
        with self.writer("train").as_default():
            for tag, weight in self._named_weights():
                tf.summary.histogram(f"{tag}/histogram", weight.value, step=epoch)
                if self.write_images:
                    self.write_weight_image(weight.value, f"{tag}/image", epoch)

    def write_networks(self) -> None:
        self._networks_due = True

    # Private methods.

    def _write_networks(self) -> None:
        with self.writer("train").as_default():
            for name, network in self.model.networks.items():
                # A subclassed network has no description in layers that could be drawn.
                if bridge.is_functional(network):
                    _write_layers(name, network)

    @contextlib.contextmanager
    def _writing(self, run):
        with self._disk_errors(), self.writer(run).as_default(), tf.summary.record_if(True):
            yield

    @contextlib.contextmanager
    def _disk_errors(self):
        try:
            yield
        except tf.errors.OpError as error:
            # Other errors are of the same class, such as a GPU out of memory.
            if "events file" not in str(error) and self.log_dir not in str(error):
                raise
            space = OSError(errno.ENOSPC, "") if "No space" in str(error) else error
            raise cannot_write(self.log_dir, space) from None

    def _step(self) -> int:
        return self.model.steps_taken

    def _now(self) -> np.ndarray:
        """Returns the step as an array: TensorFlow keeps a tensor for each Python number."""
        return np.asarray(self._step(), "int64")

    def _speed(self, of: str) -> dict[str, float]:
        """Returns the training steps a second since the last call with the same `of`."""
        now, step = time.perf_counter(), self._step()
        before, from_step = self._speed_since.get(of, (now, step))
        self._speed_since[of] = (now, step)
        if not self._write_speed or now == before:
            return {}
        return {"steps_per_second": (step - from_step) / (now - before)}

    def _log_samples(self, epoch: int) -> None:
        for name, samples in self.model.preview(count=self.count, seed=self.seed).items():
            picture = pictures.draw(
                samples, value_range=self.model.data_range, reference=self.reference
            )
            tf.summary.image(f"preview/{name}", picture[None], step=epoch)

    def _named_weights(self):
        """Yields pairs of tag and weight; equal paths within a network are numbered."""
        for name, network in self.model.networks.items():
            seen = {}
            for weight in network.weights:
                path = weight.path.replace(":", "_").removeprefix(f"{network.name}/")
                seen[path] = seen.get(path, 0) + 1
                number = f"_{seen[path] - 1}" if seen[path] > 1 else ""
                yield f"{name}/{path}{number}", weight


def _write_layers(name: str, network: keras.Model) -> None:
    """Writes a network for TensorBoard's graph view, layer by layer."""
    metadata = tf.compat.v1.SummaryMetadata()
    # The graph view finds the networks by this name, which Keras writes too.
    metadata.plugin_data.plugin_name = "graph_keras_model"
    metadata.plugin_data.content = b"1"
    try:
        description = network.to_json()
    except (TypeError, ValueError, NotImplementedError):
        # Training must not fail because a layer has no config.
        return
    tf.summary.write(tag=name, tensor=description, step=0, metadata=metadata)
