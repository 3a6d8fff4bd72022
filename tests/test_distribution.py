"""Training on two replicas, in a process of its own: devices are split before TensorFlow starts."""

import json
import subprocess
import sys

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
print(json.dumps([apart, steps, float(np.abs(first - second).max()), results[1][1]["d_loss"]]))
"""


def test_two_replicas_train_like_one_and_draw_apart():
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    apart, steps, latents_apart, losses = json.loads(answer.stdout.splitlines()[-1])
    assert apart < 1e-5
    assert steps == 8
    assert latents_apart > 0.1
    assert all(loss == loss for loss in losses)
