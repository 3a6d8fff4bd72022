"""What is exported: a function of a model with averaged weights, its inputs, and trials of it."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan.errors import InputError
from kgan.inference.seeds import seed_pair

# Seeds of what a file is calibrated with, and of what it is judged by: never the same samples.
CALIBRATION, JUDGEMENT = 0xCA11B, 0x1DE4
# The height and width of images that stand in where a model starts from images and none are given:
# no multiples of any stride, so that the ends are tried that `translate` adds and takes off.
_SIDES = (30, 37)


@dataclasses.dataclass(frozen=True)
class Served:
    """A function from named inputs to samples in the data's range.

    Attributes:
        name: of the endpoint in a SavedModel.
        call: takes tensors in the order of `inputs`, returns samples.
        inputs: what it takes, of any batch size.
        networks: the networks that it runs.
        gan: the model.
    """

    name: str
    call: Callable[..., Any]
    inputs: tuple[tf.TensorSpec, ...]
    networks: tuple[keras.Model, ...]
    gan: Any

    @property
    def from_images(self) -> bool:
        """Whether it takes images instead of latents."""
        return self.inputs[0].name == "images"

    def function(self) -> Any:
        """Returns it traced, with the output named "samples"."""
        return tf.function(
            lambda *inputs: {"samples": self.call(*inputs)},
            input_signature=self.inputs,
            autograph=False,
        )

    def trials(self, count: int, seed: int, images: Any = None) -> dict[str, np.ndarray]:
        """Returns `count` inputs by name: drawn latents and labels, or images.

        Args:
            count: how many.
            seed: the same seed draws the same.
            images: for a model that starts from images, those to take, in the data's range. None
                takes its `examples`, and without any smooth noise.
        """
        if not self.from_images:
            pair = seed_pair(seed)
            found = {"latents": np.asarray(self.gan.draw(count, pair), np.float32)}
            if len(self.inputs) > 1:
                # All classes, in turn.
                found["labels"] = (np.arange(count) % self.gan.classes).astype(np.int32)
            return found
        if images is None and self.gan.examples is not None:
            images = self.gan.examples[1 if self.name == "b2a" else 0]
        if images is None:
            images = smooth_noise(count, self.inputs[0].shape[-1], self.gan.data_range, seed)
        images = np.asarray(images, np.float32)
        return {"images": images[np.arange(min(count, len(images)))]}


def of(gan: Any, endpoint: str | None = None, weights: Callable[[], Any] | None = None) -> Served:
    """Returns what a model serves under a name.

    Args:
        gan: the model.
        endpoint: "serve", or "a2b" or "b2a" of CycleGAN; None takes the only one.
        weights: returns a context in which networks use other weights; None uses the averaged.

    Raises:
        InputError: if there is no such endpoint, or there are several.
    """
    found = gan.endpoints(weights)
    if endpoint is None and len(found) == 1:
        endpoint = next(iter(found))
    if endpoint not in found:
        raise InputError(
            f"{type(gan).__name__} serves {' and '.join(found)}, and a file holds one: choose by "
            f"endpoint={next(iter(found))!r}, on the command line --direction; got {endpoint!r}."
        )
    call, inputs, networks = found[endpoint]
    return Served(endpoint, call, tuple(inputs), tuple(networks), gan)


def in_float32(gan: Any) -> Any:
    """Returns a model that calculates in float32: itself, or a twin with its averaged weights.

    The weights of a half precision are float32. Other runtimes lack its operations, or round
    elsewhere than TensorFlow does.
    """
    config = gan.get_config()
    if config.get("precision", "float32") == "float32":
        return gan
    twin = type(gan).from_config(config | {"precision": "float32"})
    means = {} if gan.average is None else {id(w): mean for w, mean in gan.average.pairs()}
    pairs = zip(twin.networks_of("generator"), gan.networks_of("generator"), strict=True)
    for mine, theirs in pairs:
        for weight, given in zip(mine.weights, theirs.weights, strict=True):
            weight.assign(means.get(id(given), given))
    if gan.latents is None:
        twin.examples = gan.examples
    return twin


def smooth_noise(count: int, channels: int, data_range: Any, seed: int) -> np.ndarray:
    """Returns images of soft random spots, `(count, 30, 37, channels)`, over the whole range."""
    coarse = np.random.default_rng(seed).random((count, 5, 5, channels), np.float32)
    images = np.asarray(tf.image.resize(coarse, _SIDES, "bicubic")).clip(0, 1)
    low, high = data_range or (-1.0, 1.0)
    return (low + (high - low) * images).astype(np.float32)


def value_range(gan: Any, samples: np.ndarray) -> float:
    """Returns how far apart the ends of the data's range are, or those of samples without one."""
    low, high = gan.data_range or (samples.min(), samples.max())
    return max(float(high) - float(low), float(np.finfo(np.float32).tiny))


class Rounded:
    """The weights of networks in fewer bits, as which a SavedModel stores them.

    Args:
        networks: the networks.
        average: the `WeightAverage` to take their weights from; None takes their own.
        precision: "float16", or "int8": kernels are whole numbers from -127 to 127 times a float32
            number for each index of their last axis, and vectors stay as they are.

    Attributes:
        stored: the `tf.Variable` that hold them, for whoever saves a function of them.
    """

    def __init__(self, networks: Sequence[keras.Model], average: Any, precision: str):
        means = {} if average is None else {id(w): mean.value for w, mean in average.pairs()}
        weights = {id(weight): weight for network in networks for weight in network.weights}
        self.stored: list[tf.Variable] = []
        self._parts = []
        for key, weight in weights.items():
            parts = _rounded(tf.convert_to_tensor(means.get(key, weight.value)), precision)
            self._parts.append((weight, [tf.Variable(part) for part in parts]))
            self.stored += self._parts[-1][1]

    def scope(self) -> contextlib.AbstractContextManager:
        """Returns a context in which the networks calculate in float32 with these weights."""
        return keras.StatelessScope(
            [
                (weight, functools.reduce(tf.multiply, [tf.cast(p, weight.dtype) for p in parts]))
                for weight, parts in self._parts
            ]
        )


def halvable(values: Any) -> bool:
    """Returns whether float16 has numbers as large as these."""
    return bool(np.abs(np.asarray(values)).max(initial=0.0) <= np.finfo(np.float16).max)


def _rounded(value: tf.Tensor, precision: str) -> list[tf.Tensor]:
    """Returns the factors of a weight; what is not float32 counts, and is no weight to round."""
    if value.dtype != tf.float32:
        return [value]
    if precision == "float16":
        return [tf.cast(value, tf.float16) if halvable(value) else value]
    if value.shape.rank < 2:
        return [value]
    largest = tf.reduce_max(tf.abs(value), axis=list(range(value.shape.rank - 1)))
    # Zeros alone have no largest to divide by.
    scale = tf.where(largest > 0, largest, 1.0) / 127.0
    return [tf.cast(tf.round(value / scale), tf.int8), scale]
