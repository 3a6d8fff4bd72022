"""Measures the GFLOP/s of the machine in a large product of matrices and a fast convolution."""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

SIZE, BATCH, SIDE, CHANNELS = 1536, 64, 28, 128


def best(run, repeats=12) -> float:
    """Returns the seconds of the fastest run."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def main():
    threads = int(sys.argv[1])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    a, b = tf.random.normal((SIZE, SIZE)), tf.random.normal((SIZE, SIZE))
    images = tf.random.normal((BATCH, SIDE, SIDE, CHANNELS))
    kernel = tf.random.normal((3, 3, CHANNELS, CHANNELS))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, b)))
    convolution = tf.function(lambda: tf.reduce_sum(tf.nn.conv2d(images, kernel, 1, "SAME")))
    figures = {
        "matrix": 2 * SIZE**3 / best(lambda: product().numpy()) / 1e9,
        "convolution": 2 * BATCH * SIDE**2 * 9 * CHANNELS**2
        / best(lambda: convolution().numpy()) / 1e9,
    }  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
