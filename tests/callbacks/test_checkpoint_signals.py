"""SIGTERM and its like while `gan.fit` runs with a `Checkpoint`. Real processes."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import kgan
from kgan.callbacks import Checkpoint, latest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")

# A training that takes minutes, unless it is ended.
CODE = """
import sys, time
import keras, numpy as np, kgan

class Slow(keras.callbacks.Callback):
    steps_between = 1
    def on_train_batch_end(self, batch, logs=None):
        print("step", flush=True)
        time.sleep(float(sys.argv[2]))
    def on_train_end(self, logs=None):
        print("ended properly", flush=True)

def made():
    keras.utils.set_random_seed(0)
    networks = [
        keras.Sequential([keras.Input((one,)), keras.layers.Dense(other)])
        for one, other in ((3, 2), (2, 1))
    ]
    gan = kgan.GAN(*networks, seed=1)
    gan.compile(jit_compile=False)
    return gan

data = np.random.default_rng(0).normal(size=(50, 2)).astype("float32")
if __name__ == "__main__":
    checkpoint = kgan.callbacks.Checkpoint(sys.argv[1], every_epochs=1000)
    made().fit(data, batch_size=10, epochs=1000, verbose=0, callbacks=[checkpoint, Slow()])
"""


@pytest.fixture
def training(tmp_path):
    """Starts the training, and returns its process after a few steps."""
    processes = []

    def start(folder, pause, steps=7):
        words = [sys.executable, "-c", CODE, str(folder), str(pause)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(words, **pipes))
        for _ in range(steps):
            line = processes[-1].stdout.readline()
            assert line == "step\n", processes[-1].stderr.read()
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


# The command line is stopped so in the normal tests.
@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_state_is_saved_and_goes_on_as_the_unbroken_run(tmp_path, training, number, status):
    process = training(tmp_path, 0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert "Traceback" not in err
    assert f"Stopped by {number.name} after" in out and "resume=True" in out
    assert "ended properly" in out
    taken = latest(tmp_path).iterations
    assert 7 <= taken < 5000
    assert [path.name for path in tmp_path.iterdir()] == [f"step-{taken:07d}"]
    names = {}
    exec(CODE, names)
    unbroken, resumed = names["made"](), names["made"]()
    epochs = taken // 5 + 2
    fit = {"batch_size": 10, "epochs": epochs, "verbose": 0}
    unbroken.fit(names["data"], **fit)
    resumed.fit(names["data"], **fit, callbacks=[Checkpoint(tmp_path, resume=True)])
    assert int(resumed.iterations) == int(unbroken.iterations)
    np.testing.assert_array_equal(resumed.generate(4, seed=0), unbroken.generate(4, seed=0))


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(tmp_path, training):
    process = training(tmp_path, 30, steps=1)
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 143, err
    assert "ended properly" not in out
    assert not any(tmp_path.iterdir())


def test_a_handler_of_the_users_is_left_alone(tmp_path, gan, points):
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        gan.compile(jit_compile=False)

        class Signal(kgan.callbacks.Checkpoint):
            def on_train_batch_end(self, batch, logs=None):
                super().on_train_batch_end(batch, logs)
                signal.raise_signal(signal.SIGTERM)

        gan.fit(points, epochs=2, batch_size=128, verbose=0, callbacks=[Signal(tmp_path)])
        assert seen and int(gan.iterations) == 4
    finally:
        signal.signal(signal.SIGTERM, before)
