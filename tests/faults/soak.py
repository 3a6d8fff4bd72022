"""Trains one model with every callback for a long time, and judges whether the process grows.

    python tests/faults/soak.py --minutes 30

A small DCGAN trains with all callbacks of kgan and those of Keras that suit a GAN, and is validated
by a metric. Every few seconds the process is looked at. The first third of the time counts for
nothing: there it compiles, fills its caches, and its allocator finds its size. Over the other two
thirds a line is fitted to each figure by least squares, and the growth is what the line rises from
their beginning to their end. Each must be flat:

- resident memory: less than 2 % of its mean, and less than 60 MiB an hour (in a run of less than
  ten minutes only the 2 % count);
- open file handles and threads: less than one of each, or less than three standard errors of the
  line, as TensorFlow's pools of threads breathe;
- the processor time of a step: less than 5 % of its mean, or less than three standard errors of the
  line. Looks count by the steps between them. It is judged in place of the time on the clock, which
  is printed beside it, because that rises when another program wants the processor.

The exit status is 1 if one of them is not.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np
import psutil

import kgan

PARTS = 10
MEBIBYTE = 2**20
FIGURES = ("memory", "handles", "threads", "processor", "clock")
# Means over a step.
BY_STEP = ("processor", "clock")


class Watch(keras.callbacks.Callback):
    """Counts the steps, ends the training in time, and looks at the process meanwhile."""

    steps_between = None

    def __init__(self, seconds: float, every: float):
        super().__init__()
        self.seconds, self.every = seconds, every
        self.samples: list[tuple[float, ...]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def on_train_begin(self, logs=None):
        self._begun = time.monotonic()
        self._thread.start()

    def on_train_batch_end(self, batch, logs=None):
        if time.monotonic() - self._begun > self.seconds:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self._ended.set()
        self._thread.join()

    def _look(self):
        process = psutil.Process()
        before = None
        while not self._ended.wait(self.every):
            # The counter is a variable, which another thread may read at any time.
            steps, used = int(self.model.iterations), process.cpu_times()
            now = (time.monotonic(), used.user + used.system, steps)
            if before is not None and steps > before[2]:
                clock, processor = (
                    1000 * (now[i] - before[i]) / (steps - before[2]) for i in (0, 1)
                )
                self.samples.append(
                    (
                        now[0] - self._begun,
                        process.memory_info().rss / MEBIBYTE,
                        process.num_fds() if os.name == "posix" else process.num_handles(),
                        process.num_threads(),
                        processor,
                        clock,
                        steps - before[2],
                    )
                )
            before = now


def callbacks(out: Path, data) -> list:
    """Returns every callback of kgan's, and those of Keras's that suit a GAN."""
    return [
        kgan.callbacks.Checkpoint(out / "checkpoints", every_steps=50),
        kgan.callbacks.ImageSnapshot(out / "samples", every_steps=100, count=16),
        kgan.callbacks.TensorBoard(out / "logs", update_freq=10, histogram_freq=5, count=16),
        kgan.callbacks.CollapseMonitor(data, every_steps=20, count=64),
        kgan.callbacks.Guard("roll_back", folder=out / "checkpoints"),
        keras.callbacks.EarlyStopping("val_diversity", mode="max", patience=10**9),
        keras.callbacks.ReduceLROnPlateau(
            "val_diversity", mode="max", factor=0.99, patience=5, min_lr=1e-5
        ),
        keras.callbacks.ModelCheckpoint(
            str(out / "best.weights.h5"),
            monitor="val_diversity",
            mode="max",
            save_best_only=True,
            save_weights_only=True,
        ),
        keras.callbacks.ModelCheckpoint(str(out / "latest.keras")),
        keras.callbacks.CSVLogger(str(out / "log.csv")),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        keras.callbacks.TerminateOnNaN(),
    ]


def soak(minutes: float, every: float) -> list[tuple[float, ...]]:
    """Trains for so many minutes; returns the samples: (seconds, *FIGURES, steps)."""
    watch = Watch(60 * minutes, every)
    data = kgan.data.load("digits", split="train[:90%]", batch_size=16)
    held_out = kgan.data.load("digits", split="train[90%:]", batch_size=16)
    gan = kgan.models.DCGAN.for_data(data.info, width=4, latent_size=8, seed=0)
    gan.compile(ema=0.99, metrics=[kgan.metrics.Diversity("values")])
    with tempfile.TemporaryDirectory() as out, warnings.catch_warnings():
        # The monitor may be right that so small a GAN collapses.
        warnings.simplefilter("ignore")
        gan.fit(
            data,
            epochs=10**9,
            validation_data=held_out,
            callbacks=[watch, *callbacks(Path(out), data)],
            verbose=0,
        )
    return watch.samples


def growths(samples) -> dict[str, tuple[float, float, float]]:
    """Returns (growth, mean, standard error) of each figure over the last two thirds."""
    values = np.array(samples)
    values = values[values[:, 0] > values[-1, 0] / 3]
    seconds, steps, found = values[:, 0], values[:, -1], {}
    length = seconds[-1] - seconds[0]
    for name, column in zip(FIGURES, values[:, 1:-1].T, strict=True):
        weights = steps if name in BY_STEP else np.ones(len(steps))
        # polyfit multiplies the residuals, not their squares.
        (slope, _), variances = np.polyfit(seconds, column, 1, w=weights**0.5, cov=True)
        error = length * variances[0, 0] ** 0.5
        found[name] = (length * slope, np.average(column, weights=weights), error)
    return found


def judged(samples) -> list[str]:
    """Returns what is not flat, as sentences."""
    found, growth = [], growths(samples)
    # Of the whole time, of which two thirds are judged.
    hours = samples[-1][0] * 2 / 3 / 3600
    by, mean, _ = growth["memory"]
    if by > 0.02 * mean or (hours > 1 / 9 and by / hours > 60):
        found.append(f"Memory grows by {by:.1f} MiB, which is {by / hours:.0f} MiB an hour.")
    for name in ("handles", "threads"):
        if growth[name][0] >= max(1, 3 * growth[name][2]):
            found.append(f"The {name} grow by {growth[name][0]:.1f}.")
    by, mean, error = growth["processor"]
    if by > max(0.05 * mean, 3 * error):
        found.append(f"A step takes {100 * by / mean:.1f} % more of the processor at the end.")
    return found


def table(samples) -> str:
    """Returns the means by tenths of the time, and the growths."""
    values = np.array(samples)
    parts = np.minimum(PARTS * values[:, 0] / values[-1, 0], PARTS - 1).astype(int)
    lines = ["tenth   memory MiB   handles   threads   processor ms   clock ms a step"]
    form = "{:<5} {:12.1f} {:9.1f} {:9.1f} {:14.2f} {:10.2f}"
    for part in np.unique(parts):
        means = values[parts == part, 1:-1]
        steps = values[parts == part, -1]
        by_step = np.average(means[:, 3:], axis=0, weights=steps)
        lines.append(form.format(part + 1, *means[:, :3].mean(axis=0), *by_step))
    found = growths(samples)
    lines.append(form.format("grown", *(found[name][0] for name in FIGURES)))
    shares = (100 * by / mean for by, mean, _ in found.values())
    lines.append(form.format("%", *shares))
    hours = values[-1, 0] * 2 / 3 / 3600
    lines.append(f"Memory: {found['memory'][0] / hours:+.1f} MiB an hour.")
    return "\n".join(lines)


def main(words=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=3, help="seconds between two looks (3)")
    given = parser.parse_args(words)
    samples = soak(given.minutes, given.every)
    print(table(samples))
    wrong = judged(samples)
    print(*(wrong or [f"Flat over {given.minutes:g} minutes, by {len(samples)} looks."]), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
