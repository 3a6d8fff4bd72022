"""Measures training speed and memory as the data on disk grows.

    python benchmarks/streaming.py

`.npy` files with 1,000 to 1,000,000 images of 28x28 (784 MB) train the vanilla GAN's small
networks, whose steps are the fastest and so need the most data. The files take turns: each trains
for `--steps` steps a round. The memory is the process's own after training, measured in a separate
process for each file. It excludes the pages of mapped files, which the system can reclaim.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

SIZES = (1_000, 10_000, 100_000, 1_000_000)
BATCH = 100


def write(path, size):
    """Writes a file of noise: speed does not depend on what images show."""
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (size, 28, 28, 1))
    generator = np.random.default_rng(0)
    for start in range(0, size, 10_000):
        part = images[start : start + 10_000]
        part[:] = generator.integers(0, 256, part.shape, np.uint8)


def trainer(path):
    """Returns a function that trains on a file for a given number of steps."""
    import kgan

    gan = kgan.models.VanillaGAN(image_shape=(28, 28, 1), variant="relu", seed=0)
    gan.compile(jit_compile=False, steps_per_execution=20)
    data = kgan.data.load(
        str(path), batch_size=BATCH, value_range=gan.data_range, source_range=(0, 255),
        drop_remainder=True,
    )  # fmt: skip
    return lambda steps: gan.fit(data, epochs=1, steps_per_epoch=steps, verbose=0)


def own_memory():
    """Returns the memory of this process without mapped files, in MiB."""
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["RssAnon"].split()[0]) / 1024


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=1000, help="steps on each file in a round")
    parser.add_argument("--memory-of", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        run = trainer(arguments.memory_of)
        run(20)
        before = own_memory()
        run(arguments.steps)
        print(f"{before:.0f} {own_memory():.0f}")
        return
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, f"{size}.npy") for size in SIZES]
        for path, size in zip(files, SIZES, strict=True):
            write(path, size)
        memory = [
            subprocess.run(
                [sys.executable, __file__, "--memory-of", path, "--steps", str(arguments.steps)],
                check=True, capture_output=True, text=True,
            ).stdout.split()
            for path in files
        ]  # fmt: skip
        runs = [trainer(path) for path in files]
        for run in runs:
            run(20)
            run(20)
        speeds = [[] for _ in runs]
        for number in range(arguments.rounds):
            for place in [*range(number % len(runs), len(runs)), *range(number % len(runs))]:
                start = time.perf_counter()
                runs[place](arguments.steps)
                speeds[place].append(arguments.steps / (time.perf_counter() - start))
    print("| images | steps/s | over the smallest | memory after 20 steps, MiB | at the end |")
    print("| --- | --- | --- | --- | --- |")
    for size, found, (early, late) in zip(SIZES, speeds, memory, strict=True):
        pairs = zip(found, speeds[0], strict=True)
        beside = statistics.median(a / b for a, b in pairs)
        middle = statistics.median(found)
        print(f"| {size:,} | {middle:.0f} | {beside:.2f} | {early} | {late} |")


if __name__ == "__main__":
    main()
