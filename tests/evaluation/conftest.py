import sys
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sources import generator, onnx_file, write_folder

import kgan


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of each test's own."""
    monkeypatch.setenv("KGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def pixels():
    """Makes smooth grey images `(n, 6, 6, 1)`, differently for each seed."""

    def make(count, seed, shape=(6, 6, 1)):
        random = np.random.default_rng(seed)
        mix = np.random.default_rng(99).normal(size=(np.prod(shape),) * 2) * 18
        values = 128 + 4 * seed + random.normal(size=(count, int(np.prod(shape)))) @ mix / 6
        return values.clip(0, 255).astype("uint8").reshape(count, *shape)

    return make


@pytest.fixture
def folders(tmp_path, pixels):
    """Two folders of 50 and 70 images, and their pixels."""
    a, b = pixels(50, 1), pixels(70, 2)
    return write_folder(tmp_path / "a", a), write_folder(tmp_path / "b", b), a, b


@pytest.fixture(scope="session")
def gan():
    network = generator()
    critic = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    made = kgan.GAN(network, critic, data_range=(-1, 1))
    made.compile()
    return made


@pytest.fixture(scope="session")
def files(gan, tmp_path_factory):
    """A generator in each kind of file."""
    folder = tmp_path_factory.mktemp("generators")
    gan.save(folder / "gan.keras")
    gan.generator.save(folder / "generator.keras")
    gan.export(folder / "saved_model", verbose=False)
    kernel, bias = gan.generator.get_weights()
    (folder / "generator.onnx").write_bytes(onnx_file(kernel, bias, (6, 6, 1)))
    return folder
