"""Compares the time of single layers in Keras's own form and in kgan's faster form.

    python benchmarks/kernels.py

Each time covers a forward pass and the gradients for input and weights, without XLA and with it.
The forms run in turns; the figure is the median in milliseconds. With `TF_ENABLE_ONEDNN_OPTS=0`
TensorFlow computes as on processors on which it does not use oneDNN.
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from keras import layers

from kgan.training.execution import kernels

LAYERS = (
    ("7x7 to 1 channel", (64, 28, 28, 128), lambda: layers.Conv2D(1, 7, padding="same")),
    ("3x3 to 3 channels", (64, 32, 32, 64), lambda: layers.Conv2D(3, 3, padding="same")),
    ("4x4 up, 128", (64, 14, 14, 128), lambda: layers.Conv2DTranspose(128, 4, 2, "same")),
    ("5x5 up, 512 to 256", (32, 4, 4, 512), lambda: layers.Conv2DTranspose(256, 5, 2, "same")),
    ("5x5 up, 128 to 64", (32, 16, 16, 128), lambda: layers.Conv2DTranspose(64, 5, 2, "same")),
    ("5x5 down, 256 to 512", (32, 8, 8, 256), lambda: layers.Conv2D(512, 5, 2, "same")),
    ("batch normalization", (32, 32, 32, 64), lambda: layers.BatchNormalization()),
)
ROUNDS, CALLS = 7, 3


def work(network, x, xla, fast):
    """Returns a compiled function that computes a network's output and its gradients."""

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = network(x, training=True)
            total = tf.reduce_sum(y * y)
        weights = [v.value for v in network.trainable_variables]
        return sum(tf.reduce_sum(g) for g in tape.gradient(total, [x, *weights]))

    function = tf.function(run, jit_compile=xla, autograph=False)
    if fast:
        with kernels.faster([network], xla=xla):
            function(x)
    function(x)
    return lambda: function(x)


def main():
    print(f"TensorFlow {tf.__version__}, oneDNN {'on' if kernels.onednn() else 'off'}; ms")
    print("| layer | Keras | kgan | Keras, XLA | kgan, XLA |")
    print("| --- | --- | --- | --- | --- |")
    for name, shape, make in LAYERS:
        network = keras.Sequential([keras.Input(shape[1:]), make()])
        x = tf.random.normal(shape)
        runs = [work(network, x, xla, fast) for xla in (False, True) for fast in (False, True)]
        times = [[] for _ in runs]
        for _ in range(ROUNDS):
            for run, found in zip(runs, times, strict=True):
                start = time.perf_counter()
                for _ in range(CALLS):
                    last = run()
                last.numpy()
                found.append((time.perf_counter() - start) / CALLS * 1000)
        print("| " + " | ".join([name, *(f"{statistics.median(t):.1f}" for t in times)]) + " |")


if __name__ == "__main__":
    main()
