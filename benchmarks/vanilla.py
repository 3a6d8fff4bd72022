"""The vanilla GAN's variants on one data set: training speed, and a sheet of samples each.

    python benchmarks/vanilla.py --data mnist --seconds 120 --out vanilla-results

Prints a table (training steps, seconds after the first epoch has compiled the step, steps per
second) with the machine and the versions, and writes `VARIANT.png` sheets into the folder.
"""

import argparse
import os
import pathlib
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

import kgan
from kgan import pictures
from kgan.models.vanilla import VARIANTS


class Stopwatch(keras.callbacks.Callback):
    """Times the steps after the first epoch and stops when the time is up."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds
        self.start = None

    def on_epoch_end(self, epoch, logs=None):
        if self.start is None:
            self.start, self.first = time.perf_counter(), int(self.model.iterations.numpy())

    def on_train_batch_end(self, batch, logs=None):
        if self.start is None:
            return
        self.spent = time.perf_counter() - self.start
        self.steps = int(self.model.iterations.numpy()) - self.first
        if self.spent >= self.seconds:
            self.model.stop_training = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("vanilla-results"))
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores; TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}, kgan {kgan.__version__}; {arguments.data}"
    )
    print("| variant | batch | steps | seconds | steps/s |\n| --- | --- | --- | --- | --- |")
    for variant in arguments.variants:
        keras.utils.set_random_seed(0)
        batch_size, _ = kgan.models.VanillaGAN.recipe(variant)
        data = kgan.data.load(arguments.data, batch_size=batch_size)
        gan = kgan.models.VanillaGAN.for_data(data.info, variant=variant)
        gan.compile(steps_per_execution=20)
        watch = Stopwatch(arguments.seconds)
        gan.fit(data, epochs=10**6, verbose=0, callbacks=[watch])
        speed = watch.steps / watch.spent
        print(
            f"| {variant} | {batch_size} | {int(gan.iterations.numpy())} | {watch.spent:.0f} "
            f"| {speed:.0f} |",
            flush=True,
        )
        sheet = pictures.draw(gan.generate(100, seed=0), value_range=gan.data_range)
        arguments.out.mkdir(parents=True, exist_ok=True)
        pictures.save_png(arguments.out / f"{variant}.png", sheet)


if __name__ == "__main__":
    main()
