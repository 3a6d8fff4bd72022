"""Measures time and memory of every metric, for 10,000 samples against 10,000.

    python benchmarks/metrics.py --data mnist --count 10000

Two sets of real images stand in for generated and real ones; they are loaded before the clock
starts. Each metric is timed alone, then all together, which share their features. The memory is the
growth of the process's peak during the measurement. Loading TensorFlow and the networks is not
counted, nor are the features of the training samples, which `Memorisation` computes once.
"""

import argparse
import os
import platform
import resource
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import kgan
from kgan import metrics


def images(data, split, count):
    """Returns the first `count` images of a split as one array."""
    dataset = kgan.data.load(data, split=split, batch_size=500, drop_remainder=False)
    taken = [batch[0].numpy() for batch in dataset.take(-(-count // 500))]
    return np.concatenate(taken)[:count]


def resident() -> float:
    """Returns the peak memory of the process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(found, real, fake):
    """Returns the seconds that an evaluation of these metrics takes, and its figures."""
    dataset = tf.data.Dataset.from_tensor_slices((real, fake)).batch(250)
    shared = {}
    for metric in found:
        metric.prepare(real.shape[1:], (-1.0, 1.0), shared)

    @tf.function
    def update(left, right):
        for metric in found:
            metric.update_state(left, right)

    start = time.perf_counter()
    for left, right in dataset:
        update(left, right)
    figures = {}
    for metric in found:
        result = metric.result()
        figures |= result if isinstance(result, dict) else {metric.name: result}
    return time.perf_counter() - start, figures


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--extractor", default="auto")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores; TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}, kgan {kgan.__version__}; {arguments.count} of {arguments.data}"
    )
    real = images(arguments.data, "test", arguments.count)
    fake, training = np.split(images(arguments.data, "train", 2 * arguments.count), 2)

    def fresh():
        names = ("frechet_distance", "kernel_distance", "inception_score")
        names += ("precision", "recall", "density", "coverage")
        found = [metrics.get(name, extractor=arguments.extractor) for name in names]
        memory = metrics.Memorisation(training, extractor=arguments.extractor)
        return [*found, metrics.Diversity(), memory]

    # Warm-up: loads and compiles the networks and allocates TensorFlow's own memory.
    timed(fresh(), real[:500], fake[:500])
    before = resident()
    print("| metric | seconds |\n| --- | --- |")
    for metric in fresh():
        seconds, _ = timed([metric], real, fake)
        print(f"| {metric.name} | {seconds:.1f} |", flush=True)
    seconds, figures = timed(fresh(), real, fake)
    print(f"| all of them together | {seconds:.1f} |")
    print(f"Peak of memory beyond the start: {resident() - before:.0f} MiB")
    print({name: float(f"{value:.4g}") for name, value in figures.items()})


if __name__ == "__main__":
    main()
