"""Folders of images, a small generator, and a file of it in the format of ONNX."""

import keras
import numpy as np
from PIL import Image


def write_folder(folder, images, names=None):
    """Writes uint8 images `(n, height, width, channels)` as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, image in enumerate(images):
        name = f"{place:03}.png" if names is None else f"{names[place]}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / name)
    return folder


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
