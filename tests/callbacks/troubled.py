"""Trainings that are built to fail, one for each kind of trouble, in a few seconds each."""

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

import kgan
from kgan.callbacks import CollapseMonitor

layers = keras.layers


@functools.cache
def digits() -> np.ndarray:
    """Returns 1,497 handwritten digits of 8x8 pixels in [-1, 1], in a fixed order."""
    data = kgan.data.load("digits", shuffle=False, drop_remainder=False)
    images = np.concatenate([batch[0].numpy() for batch in data])
    return images[np.random.default_rng(0).permutation(len(images))]


def spots() -> np.ndarray:
    """Returns 512 images of 16x16 pixels: a soft spot each, and a little noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:16, 0:16]
    places, sizes = rng.uniform(4, 12, (512, 2, 1, 1)), rng.uniform(2, 4, (512, 1, 1))
    squares = (y - places[:, 0]) ** 2 + (x - places[:, 1]) ** 2
    images = rng.uniform(0.5, 1.2, (512, 1, 1)) * np.exp(-squares / (2 * sizes**2)) - 0.5
    return (images + rng.normal(0, 0.05, images.shape))[..., None].astype("float32")


def dense(width: int = 64) -> tuple[keras.Model, keras.Model]:
    """Returns networks for 8x8 pixels."""
    generator = [layers.Dense(width, activation="relu") for _ in range(2)]
    discriminator = [layers.Dense(width, activation="leaky_relu") for _ in range(2)]
    end = [layers.Dense(64, activation="tanh"), layers.Reshape((8, 8, 1))]
    return (
        keras.Sequential([keras.Input((16,)), *generator, *end]),
        keras.Sequential(
            [keras.Input((8, 8, 1)), layers.Flatten(), *discriminator, layers.Dense(1)]
        ),
    )


def rectified() -> tuple[keras.Model, keras.Model]:
    """Returns networks for 8x8 pixels whose discriminator has units that can die."""
    generator, _ = dense()
    units = [layers.Dense(8, activation="relu") for _ in range(4)]
    score = layers.Dense(1, use_bias=False)
    return generator, keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), *units, score])


def convolutional(transposed: bool = True) -> tuple[keras.Model, keras.Model]:
    """Returns networks for 16x16 pixels, which enlarge by transposed convolutions or before."""

    def larger(channels, activation):
        if transposed:
            return [layers.Conv2DTranspose(channels, 3, 2, "same", activation=activation)]
        convolution = layers.Conv2D(channels, 3, padding="same", activation=activation)
        return [kgan.layers.Upsample(), convolution]

    base = [layers.Dense(512, activation="relu"), layers.Reshape((4, 4, 32))]
    steps = [layers.Conv2D(n, 4, 2, "same", activation="leaky_relu") for n in (16, 32)]
    return (
        keras.Sequential([keras.Input((8,)), *base, *larger(16, "relu"), *larger(1, "tanh")]),
        keras.Sequential([keras.Input((16, 16, 1)), *steps, layers.Flatten(), layers.Dense(1)]),
    )


@dataclass(frozen=True)
class Run:
    """A training that fails.

    Attributes:
        kind: the kind of trouble.
        steps: how many steps it takes to be seen.
        rates: learning rates of discriminator and generator.
        data: returns the training samples.
        networks: returns generator and discriminator.
        beta_1: of both optimizers, as in `keras.optimizers.Adam`.
        settings: further arguments of `compile`.
        monitor: arguments of the monitor.
        held_out: returns samples that are not trained on.
        seed: of everything.
    """

    kind: str
    steps: int
    rates: tuple[float, float]
    data: Callable[[], np.ndarray] = digits
    networks: Callable[[], tuple] = dense
    beta_1: float = 0.9
    settings: dict[str, Any] = field(default_factory=dict)
    monitor: dict[str, Any] = field(default_factory=dict)
    held_out: Callable[[], np.ndarray] | None = None
    seed: int = 1

    def fit(self, changes: dict | None = None, networks=None, steps=None, style="python"):
        """Trains; returns (the model, its monitor).

        Args:
            changes: arguments of `compile` in place of those that fail.
            networks: (generator, discriminator) in place of those that fail.
            steps: number of steps in place of `steps`.
            style: of the advice.
        """
        gan = kgan.GAN(*(networks or self.networks()), seed=self.seed)
        optimizers = [keras.optimizers.Adam(rate, beta_1=self.beta_1) for rate in self.rates]
        given = {"d_optimizer": optimizers[0], "g_optimizer": optimizers[1]}
        gan.compile(**given | self.settings | (changes or {}), jit_compile=False)
        data = self.data()
        few = np.tile(data, (max(1, 256 // len(data)), 1, 1, 1))
        monitor = CollapseMonitor(
            data,
            held_out=None if self.held_out is None else self.held_out(),
            style=style,
            **{"every_steps": 20, "least_steps": 100, "warmup": 50} | self.monitor,
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="After step")
            gan.fit(
                few,
                batch_size=32,
                steps_per_epoch=steps or self.steps,
                epochs=1,
                verbose=0,
                callbacks=[monitor],
            )
        return gan, monitor


# Few pictures show two kinds of trouble, the second one later.
_FEW: dict[str, Any] = {
    "rates": (1e-3, 1e-3),
    "data": lambda: digits()[:40],
    "held_out": lambda: digits()[800:1056],
    "networks": lambda: dense(128),
    "beta_1": 0.5,
    "monitor": {"every_steps": 60, "warmup": 5000},
}
RUNS = (
    Run("collapse", 260, (1e-4, 1e-2)),
    Run("discriminator_won", 260, (2e-3, 1e-5), settings={"loss": "minimax"}),
    Run(
        "discriminator_dead",
        300,
        (2e-1, 1e-3),
        networks=rectified,
        beta_1=0.0,
        settings={"loss": "hinge"},
    ),
    Run("divergence", 240, (3e-2, 3e-2), settings={"loss": "wasserstein"}),
    Run("standstill", 300, (1e-4, 1e-6)),
    Run("memorised", 2600, **_FEW),
    Run("overfitting", 1200, **_FEW | {"monitor": {"every_steps": 25, "warmup": 5000}}),
    Run("checkerboard", 250, (1e-3, 1e-3), data=spots, networks=convolutional, beta_1=0.5),
    Run(
        "clipping",
        300,
        (1e-3, 2e-3),
        data=lambda: digits() * np.float32(0.5),
        monitor={"diversity": 0.05},
    ),
)
