"""Shared fixtures: a working folder, small networks, small data, and a quiet TensorFlow."""

import os
import pathlib
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["KERAS_BACKEND"] = "tensorflow"

import browsing
import keras
import numpy as np
import pytest

import kgan

# A shell starts what it puts in the background (`pytest &`) with Ctrl-C ignored, which processes
# inherit; tests interrupt some of theirs.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Python started by a test, in its own folder, imports the package that the test imports.
_PACKAGE = str(pathlib.Path(kgan.__file__).resolve().parents[1])
os.environ["PYTHONPATH"] = os.pathsep.join(
    [_PACKAGE, *filter(None, [os.environ.get("PYTHONPATH")])]
)


@pytest.fixture(scope="session", autouse=True)
def _outside_the_checkout(tmp_path_factory):
    """Where fixtures of many tests are made; what a user left in the checkout is not looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("working"))
        # Nor does a test find, or leave, features in the user's cache.
        patch.setenv("KGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _working_folder(tmp_path, monkeypatch):
    """Every test works in a folder of its own, so that `runs/` there is nobody's."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(7)


@pytest.fixture
def browser():
    """A headless Chromium; where there is none, the test is skipped with the reason."""
    if why := browsing.absent():
        pytest.skip(why)
    with browsing.browser() as driver:
        yield driver


@pytest.fixture
def float64():
    """Layers made in the test compute in float64."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def networks():
    """Makes a small generator and discriminator of points, `batch_norm` and Dropout on request."""

    def make(batch_norm=False, dropout=0.0, sample_shape=(2,), latent=3, width=16):
        norm = [keras.layers.BatchNormalization()] if batch_norm else []
        drop = [keras.layers.Dropout(dropout)] if dropout else []
        generator = keras.Sequential(
            [
                keras.Input((latent,)),
                keras.layers.Dense(width, activation="tanh"),
                *norm,
                keras.layers.Dense(int(np.prod(sample_shape))),
                keras.layers.Reshape(sample_shape),
            ],
            name="generator",
        )
        norm = [keras.layers.BatchNormalization()] if batch_norm else []
        discriminator = keras.Sequential(
            [
                keras.Input(sample_shape),
                keras.layers.Flatten(),
                keras.layers.Dense(width, activation="tanh"),
                *norm,
                *drop,
                keras.layers.Dense(1),
            ],
            name="discriminator",
        )
        return generator, discriminator

    return make


@pytest.fixture
def take_turn():
    """Lets a player, by name, train once on a batch; returns what it found."""
    from kgan.training.gradients import gradients
    from kgan.training.update import update

    def take(gan, name, real, condition=None, earlier=None):
        player = next(player for player in gan.players if player.name == name)
        found = gradients(gan, player, real, condition, earlier=earlier)
        update(gan, player, found)
        return found

    return take


@pytest.fixture
def gan(networks):
    """An uncompiled GAN of 2-D points."""
    return kgan.GAN(*networks())


@pytest.fixture
def points():
    """256 points around (2, -1), float32 `(256, 2)`."""
    return np.random.default_rng(0).normal((2.0, -1.0), 0.3, (256, 2)).astype("float32")
