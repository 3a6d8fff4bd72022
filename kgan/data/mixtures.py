"""Synthetic mixtures of Gaussians in the plane: the usual tests for mode collapse."""

import numpy as np

from kgan import arguments
from kgan.data import memory
from kgan.data.info import Modes, Source
from kgan.data.splits import bounds, parse
from kgan.errors import unknown

# PacGAN's experiments draw this many points for training and as many for validation.
SAMPLES = 100_000


def ring(
    split: str = "train",
    *,
    seed: int = 0,
    n: int = SAMPLES,
    radius: float = 1.0,
    std: float = 0.01,
) -> Source:
    """Draws points from eight Gaussians on a circle, the "2D-ring".

    As in PacGAN (Lin et al. 2018, section 4.1; its code: radius 1, variance 0.01² on
    each axis, 100,000 points), which takes the test from VEEGAN (Srivastava et al. 2017).
    `radius=2, std=0.02` is the ring of unrolled GANs (Metz et al. 2017).

    Args:
        split: "train", "test", or a slice of one; the two are drawn independently.
        seed: seed of the draw.
        n: points in the split, before any slice is taken.
        radius: radius of the circle.
        std: standard deviation of each Gaussian along each axis.

    Returns:
        A `Source` of float32 points `(n, 2)`; the label of a point is its mode, 0 to 7.

    Raises:
        InputError: for an unknown split, or a number that is not positive.
    """
    radius = arguments.number("radius", radius, above=0)
    angles = np.arange(8) * (2 * np.pi / 8)
    centres = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _mixture("ring", centres, std, n, split, seed)


def grid(split: str = "train", *, seed: int = 0, n: int = SAMPLES, std: float = 0.05) -> Source:
    """Draws points from 25 Gaussians centred at (-4, -2, 0, 2, 4)², the "2D-grid".

    As in PacGAN (Lin et al. 2018, section 4.1: variance 0.0025 on each axis). The arguments,
    the result and the errors are those of `ring`; the labels are 0 to 24.
    """
    axis = np.arange(-4.0, 5.0, 2.0)
    centres = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return _mixture("grid", centres, std, n, split, seed)


def _mixture(name, centres, std, n, split, seed) -> Source:
    """Draws `n` points; every mode is equally likely, and the label of a point is its mode."""
    part = parse(split)[0]
    if part not in ("train", "test"):
        raise unknown(f"split of {name!r}:", part, ("train", "test"))
    std = arguments.number("std", std, above=0)
    n = arguments.integer("n", n)
    memory.must_fit(60 * n, f"Drawing n={n} points", "Give a smaller n.")
    # Each part has a random stream of its own, so the test points differ from the training ones.
    random = np.random.default_rng([seed, part == "test"])
    modes = random.integers(len(centres), size=n)
    points = centres[modes] + random.normal(scale=std, size=(n, centres.shape[1]))
    kept = bounds(split, n)
    return Source(
        name=name,
        split=split,
        values=points.astype("float32")[kept],
        labels=modes.astype("int32")[kept],
        modes=Modes(np.full(len(centres), 1 / len(centres)), centres.astype("float32"), std),
    )
