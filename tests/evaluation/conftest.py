import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

import kgan


def write_folder(folder, images, names=None):
    """Writes uint8 images `(n, height, width, channels)` as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, image in enumerate(images):
        name = f"{place:03}.png" if names is None else f"{names[place]}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / name)
    return folder


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


def generator(latent=4, shape=(6, 6, 1)):
    """A small generator of images in [-1, 1]."""
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((latent,)),
            keras.layers.Dense(int(np.prod(shape)), activation="tanh"),
            keras.layers.Reshape(shape),
        ],
        name="generator",
    )


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


def onnx_file(kernel, bias, shape) -> bytes:
    """An ONNX model tanh(x kernel + bias) reshaped, in the bytes of its protocol buffer.

    The numbers of the fields are those of onnx.proto; opset 13.
    """

    def number(value):
        out = b""
        while value > 127:
            out, value = out + bytes([value % 128 + 128]), value // 128
        return out + bytes([value])

    def field(place, value):
        if isinstance(value, int):
            return number(place * 8) + number(value)
        value = value.encode() if isinstance(value, str) else value
        return number(place * 8 + 2) + number(len(value)) + value

    def tensor(name, array):
        kind = {"float32": 1, "int64": 7}[array.dtype.name]
        dims = b"".join(field(1, side) for side in array.shape)
        return dims + field(2, kind) + field(8, name) + field(9, array.tobytes())

    def node(op, inputs, output):
        return b"".join(field(1, each) for each in inputs) + field(2, output) + field(4, op)

    def value(name, sides):
        dims = b"".join(
            field(1, field(1, side) if isinstance(side, int) else field(2, side)) for side in sides
        )
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))

    nodes = [
        node("Gemm", ["latents", "kernel", "bias"], "sums"),
        node("Tanh", ["sums"], "flat"),
        node("Reshape", ["flat", "shape"], "samples"),
    ]
    constants = [
        tensor("kernel", np.float32(kernel)),
        tensor("bias", np.float32(bias)),
        tensor("shape", np.array([-1, *shape], "int64")),
    ]
    graph = b"".join(field(1, each) for each in nodes) + field(2, "generator")
    graph += b"".join(field(5, each) for each in constants)
    graph += field(11, value("latents", ["n", len(kernel)]))
    graph += field(12, value("samples", ["n", *shape]))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))
