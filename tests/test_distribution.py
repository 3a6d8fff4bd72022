"""Training on several devices, each test in processes of its own: TensorFlow must start anew."""

import json
import os
import socket
import subprocess
import sys

import pytest

SCRIPT = """
import json
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import kgan


@keras.saving.register_keras_serializable("test")
class Same(kgan.latents.Latents):
    def sample(self, count, seed, truncation=None):
        one = np.random.default_rng(1).normal(size=(1, *self.shape)).astype("float32")
        return tf.repeat(one, count, axis=0)


def train(strategy, latents, points):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        layers = keras.layers
        generator = keras.Sequential(
            [keras.Input((3,)), layers.Dense(8, activation="tanh"), layers.Dense(2)]
        )
        discriminator = keras.Sequential(
            [keras.Input((2,)), layers.Dense(8, activation="tanh"), layers.Dense(1)]
        )
        gan = kgan.GAN(generator, discriminator, latents=latents)
        gan.compile(
            keras.optimizers.SGD(0.1),
            keras.optimizers.SGD(0.1),
            penalties=["r1", kgan.penalties.R2(1.0, every=2)],
            discriminator_steps=2,
            ema=0.9,
            jit_compile=False,
            metrics=["frechet_distance", kgan.metrics.Recall()],
        )
    data = tf.data.Dataset.from_tensor_slices(points).batch(16, drop_remainder=True)
    history = gan.fit(data, epochs=2, verbose=0, validation_data=data).history
    return gan, history


one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
points = np.random.default_rng(0).normal(2.0, 1.0, (128, 2)).astype("float32")
# Replicas and discriminator steps cut a batch across each other; equal samples undo that.
points = np.repeat(points[::32], 32, axis=0)
results = [train(strategy, Same(3), points) for strategy in (one, two)]
apart = max(
    float(np.abs(a.numpy() - b.numpy()).max())
    for a, b in zip(results[0][0].weights, results[1][0].weights)
)
steps = int(results[1][0].iterations.numpy())

with two.scope():
    gan = kgan.GAN(results[1][0].generator, results[1][0].discriminator)
    per_replica = tf.function(lambda: two.run(lambda: gan.draw(4, gan.next_seed())))()
    first, second = [v.numpy() for v in two.experimental_local_results(per_replica)]
figures = [
    [history["val_frechet_distance"][-1], history["val_recall"][-1]] for _, history in results
]
counts = results[1][0].evaluation_metrics[0].report()
latents_apart = float(np.abs(first - second).max())
print(json.dumps([apart, steps, latents_apart, results[1][1]["d_loss"], figures, counts]))
"""


def test_two_replicas_train_like_one_and_draw_apart():
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    found = json.loads(answer.stdout.splitlines()[-1])
    apart, steps, latents_apart, losses, figures, counts = found
    assert apart < 1e-5
    assert steps == 8
    assert latents_apart > 0.1
    assert all(loss == loss for loss in losses)
    # Both replicas' samples are in the figures, once each.
    assert figures[0] == pytest.approx(figures[1], rel=1e-4)
    assert counts == {"extractor": "values", "real": 128, "fake": 128}


WORKER = """
import json, sys
import numpy as np
import tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()
import keras
import kgan

keras.utils.set_random_seed(1)
with strategy.scope():
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    gan = kgan.GAN(generator, discriminator)
    gan.compile(penalties=["r1"], ema=0.9, metrics=["frechet_distance"])
points = np.random.default_rng(0).normal(size=(128, 2)).astype("float32")
history = gan.fit(
    points, batch_size=32, epochs=2, verbose=0, validation_data=points[:64]
).history
weights = np.concatenate([w.numpy().ravel() for w in gan.weights])
distance = history["val_frechet_distance"]
print(json.dumps([int(gan.iterations.numpy()), weights.tolist(), distance]))
"""


def _free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def test_two_workers_end_with_the_same_weights():
    workers = [f"localhost:{_free_port()}" for _ in range(2)]
    running = []
    for index in range(2):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(task)}
        running.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
        )
    try:
        answers = [worker.communicate(timeout=180) for worker in running]
    finally:
        for worker in running:
            worker.kill()
    assert [worker.returncode for worker in running] == [0, 0], answers[0][1][-2000:]
    first, second = (json.loads(out.splitlines()[-1]) for out, _ in answers)
    assert first == second
    assert first[0] == 8
    assert all(distance > 0 for distance in first[2])
