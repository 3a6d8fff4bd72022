"""TensorFlow Datasets without a network, on a tiny data set written here in its format."""

import os
import socket

import numpy as np
import pytest
import tensorflow_datasets as tfds

import kgan.data
from kgan.data import tfds as reader
from kgan.errors import InputError

COUNT = 30


def write(folder, name, features, examples):
    """A data set on disk as TFDS would have prepared it; read without its builder's code."""
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            "train": list(enumerate(examples)),
            "test": list(enumerate(examples[:4])),
        },
        data_dir=folder,
        disable_shuffling=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three data sets: of one size, of mixed sizes, and without images."""
    folder = tmp_path_factory.mktemp("tfds")
    random = np.random.default_rng(0)
    label = tfds.features.ClassLabel(names=["even", "odd"])
    write(
        folder,
        "tiny_squares",
        {"image": tfds.features.Image(shape=(6, 6, 1)), "label": label},
        [
            {"image": random.integers(0, 256, (6, 6, 1)).astype("uint8"), "label": index % 2}
            for index in range(COUNT)
        ],
    )
    write(
        folder,
        "tiny_mixed",
        {"image": tfds.features.Image(shape=(None, None, 3))},
        [
            {"image": random.integers(0, 256, (5 + index % 3, 9, 3)).astype("uint8")}
            for index in range(COUNT)
        ],
    )
    write(
        folder,
        "tiny_words",
        {"text": tfds.features.Text()},
        [{"text": "word"} for _ in range(COUNT)],
    )
    return folder


def read(dataset):
    batches = [batch if isinstance(batch, tuple) else (batch,) for batch in dataset]
    return [np.concatenate(column) for column in zip(*batches, strict=True)]


@pytest.mark.parametrize("cache", [True, False])
def test_images_and_labels(folder, cache):
    dataset = kgan.data.load(
        "tiny_squares", data_dir=folder, batch_size=5, shuffle=False, cache=cache
    )
    info = dataset.info
    assert (info.sample_shape, info.class_names, info.size) == ((6, 6, 1), ("even", "odd"), COUNT)
    assert info.cached == cache
    images, labels = read(dataset)
    assert (labels == np.arange(COUNT) % 2).all()
    plain = tfds.builder("tiny_squares", data_dir=folder).as_dataset(split="train")
    expected = np.stack([example["image"] for example in plain.as_numpy_iterator()])
    np.testing.assert_allclose(images, expected / 127.5 - 1, atol=1e-6)


def test_streamed_order_is_a_function_of_seed_and_epoch(folder):
    def load(seed=1):
        return kgan.data.load("tiny_squares", data_dir=folder, batch_size=5, cache=False, seed=seed)

    dataset = load()
    epochs = [read(dataset)[0] for _ in range(3)]
    assert len({epoch.tobytes() for epoch in epochs}) == 3
    again = load()
    again.position.seek(2, skip_batches=4)
    np.testing.assert_array_equal(read(again)[0], epochs[2][20:])
    assert not np.array_equal(read(load(seed=2))[0], epochs[0])
    assert len({image.tobytes() for image in epochs[0]}) == COUNT


def test_the_environment_names_the_folder(folder, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    assert kgan.data.load("tiny_squares", split="test", batch_size=2).info.size == 4
    assert kgan.data.load("tiny_squares", split="train[:50%]", batch_size=2).info.size == 15


@pytest.mark.parametrize("cache", [True, False])
def test_mixed_sizes(folder, cache):
    with pytest.raises(InputError, match=r"different sizes.*size=64"):
        kgan.data.load("tiny_mixed", data_dir=folder)
    dataset = kgan.data.load(
        "tiny_mixed", data_dir=folder, size=(4, 6), channels=1, batch_size=10, cache=cache
    )
    (images,) = read(dataset)
    assert images.shape == (COUNT, 4, 6, 1)
    assert images.min() < -0.3 < 0.3 < images.max()


def test_without_images(folder):
    with pytest.raises(InputError, match=r"no feature 'image'.*text"):
        kgan.data.load("tiny_words", data_dir=folder)


def test_unknown_split_and_configuration(folder):
    with pytest.raises(InputError, match=r"no split 'valid'.*train"):
        kgan.data.load("tiny_squares", data_dir=folder, split="valid")
    with pytest.raises(InputError, match=r"Unknown configuration of 'cycle_gan'.*'horse2zebra'"):
        kgan.data.load("cycle_gan/horse2zebr", data_dir=folder)


def test_no_network_is_said_at_once(folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise socket.gaierror("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(InputError, match=r"'fashion_mnist' is not .* no network .*'digits'"):
        kgan.data.load("fashion_mnist", data_dir=folder)


def test_download_can_be_forbidden(folder, monkeypatch):
    monkeypatch.setattr(reader, "online", lambda: pytest.fail("asked the network"))
    with pytest.raises(InputError, match=r"download=False.*'digits'"):
        kgan.data.load("fashion_mnist", data_dir=folder, download=False)


def test_a_download_that_fails(folder, monkeypatch):
    builder = tfds.builder("fashion_mnist", data_dir=folder)

    def fail(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reader, "online", lambda: True)
    monkeypatch.setattr(type(builder), "download_and_prepare", fail)
    with pytest.raises(InputError, match=r"fetching it failed: .*No space left"):
        kgan.data.load("fashion_mnist", data_dir=folder)


@pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get("TFDS_DATA_DIR", ""), "mnist", "3.0.1")),
    reason="TFDS_DATA_DIR does not name a folder with MNIST",
)
def test_mnist_has_its_known_statistics():
    dataset = kgan.data.load("mnist", batch_size=1000, value_range=(0, 1))
    assert dataset.info.sample_shape == (28, 28, 1)
    images, labels = read(dataset)
    assert images.shape == (60_000, 28, 28, 1)
    assert images.mean(dtype="float64") == pytest.approx(0.1307, abs=5e-5)
    assert images.std(dtype="float64") == pytest.approx(0.3081, abs=5e-5)
    assert np.bincount(labels)[:2].tolist() == [5923, 6742]
