"""Distributions of the generator's latents, paths between latents, and directions among them."""

import itertools
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, random
from kgan.errors import InputError
from kgan.typing import ArrayLike, Config, Self, Tensor, Tensors


class Latents:
    """A distribution of latents; the base class. Override `sample`, and `get_config` for settings.

    Args:
        shape: shape of one latent, an int or a tuple: `100` and `(100,)` are the same.

    Raises:
        InputError: if `shape` is not made of positive integers.
    """

    def __init__(self, shape: int | tuple[int, ...]):
        shape = (shape,) if isinstance(shape, numbers.Real) else shape
        self.shape = arguments.shape("A latent's shape", shape, "one or more")

    def sample(
        self, count: int | Tensor, seed: Tensor, truncation: float | None = None
    ) -> tf.Tensor:
        """Draws latents.

        Args:
            count: number of latents, an int or a scalar integer tensor.
            seed: an integer tensor of shape `(2,)`; the same seed gives the same latents.
            truncation: None, or a bound on the distance from the centre, if the distribution
                supports it.

        Returns:
            A float32 tensor of shape `(count, *shape)`.
        """
        raise NotImplementedError

    def get_config(self) -> Config:
        return {"shape": self.shape}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


def _batch_shape(count, shape):
    return tf.concat([[tf.cast(count, tf.int32)], tf.constant(shape, tf.int32)], 0)


@keras.saving.register_keras_serializable("kgan")
class Normal(Latents):
    """Independent standard normal numbers."""

    def sample(self, count: int | Tensor, seed: Tensor, truncation: float | None = None) -> Tensor:
        """Draws latents as `Latents.sample` does.

        Args:
            count, seed: as in `Latents.sample`.
            truncation: a positive number of standard deviations; numbers beyond it are redrawn
                (the truncation trick, Brock et al. 2019, section 3.1). It raises fidelity and
                lowers variety.
        """
        shape = _batch_shape(count, self.shape)
        if truncation is None:
            return random.normal(shape, seed)
        # The inverse distribution function draws from the truncated distribution without redrawing.
        bound = arguments.number("truncation", truncation, above=0)
        edge = tf.math.erf(bound / np.sqrt(2.0))
        uniform = 2.0 * random.uniform(shape, seed) - 1.0
        latents = np.sqrt(2.0) * tf.math.erfinv(uniform * tf.cast(edge, tf.float32))
        return tf.clip_by_value(latents, -bound, bound)


@keras.saving.register_keras_serializable("kgan")
class Uniform(Latents):
    """Independent numbers, uniform in [low, high).

    The `truncation` of `sample`, in (0, 1], shrinks the interval about its middle by that factor.

    Args:
        shape: as in `Latents`.
        low, high: the bounds.

    Raises:
        InputError: for an invalid shape, or if `low` is not less than `high`.
    """

    def __init__(self, shape: int | tuple[int, ...], low: float = -1.0, high: float = 1.0):
        super().__init__(shape)
        self.low, self.high = arguments.interval("The bounds of uniform latents", (low, high))

    def sample(self, count: int | Tensor, seed: Tensor, truncation: float | None = None) -> Tensor:
        low, high = self.low, self.high
        if truncation is not None:
            middle, half = (
                (low + high) / 2,
                (high - low) / 2 * _shrinkage(truncation),
            )
            low, high = middle - half, middle + half
        shape = _batch_shape(count, self.shape)
        return low + (high - low) * random.uniform(shape, seed)

    def get_config(self) -> Config:
        return {**super().get_config(), "low": self.low, "high": self.high}


@keras.saving.register_keras_serializable("kgan")
class Codes(Latents):
    """Noise and codes that a network recovers from the samples (InfoGAN, Chen et al. 2016).

    A latent holds `noise` numbers, uniform in [-1, 1); then for each entry K of `categorical` a
    one-hot vector of length K, every category equally likely; then `continuous` numbers, uniform
    in [-1, 1).

    Args:
        noise: number of noise entries.
        categorical: the number of categories of each categorical code; an integer stands for one
            code, and 0 for none.
        continuous: number of continuous codes.

    Raises:
        InputError: for a negative number, or fewer than two categories.
    """

    def __init__(self, noise: int, categorical: int | Iterable[int] = (10,), continuous: int = 2):
        if isinstance(categorical, numbers.Real) and not isinstance(categorical, bool):
            categorical = (categorical,) if categorical else ()
        if not isinstance(categorical, (tuple, list)):
            raise InputError(
                "categorical is the numbers of categories, such as (10,), or one number; got "
                f"{categorical!r}."
            )
        self.noise = arguments.integer("noise", noise, least=0)
        self.continuous = arguments.integer("continuous", continuous, least=0)
        self.categorical = tuple(arguments.integer("categorical", k, least=2) for k in categorical)
        super().__init__(self.noise + sum(self.categorical) + self.continuous)

    def sample(self, count: int | Tensor, seed: Tensor, truncation: float | None = None) -> Tensor:
        """Draws latents; `truncation` shrinks the intervals as it does for `Uniform`."""
        codes = len(self.categorical)
        numbers = Uniform(self.noise + codes + self.continuous).sample(count, seed)
        noise, chosen, continuous = tf.split(numbers, [self.noise, codes, self.continuous], 1)
        width = 1.0 if truncation is None else _shrinkage(truncation)
        one_hot = [
            tf.one_hot(tf.cast((chosen[:, i] + 1) / 2 * k, tf.int32), k)
            for i, k in enumerate(self.categorical)
        ]
        return tf.concat([width * noise, *one_hot, width * continuous], 1)

    def split(self, latents: Tensors) -> tuple:
        """Returns (noise, list of each categorical code's one-hot vectors, continuous codes)."""
        sizes = [self.noise, *self.categorical, self.continuous]
        edges = np.cumsum([0, *sizes])
        parts = [latents[:, a:b] for a, b in itertools.pairwise(edges)]
        return parts[0], parts[1:-1], parts[-1]

    def with_codes(
        self, latents: ArrayLike, categorical: Any = None, continuous: Any = None
    ) -> np.ndarray:
        """Returns a copy of latents in which some codes are set to given values.

        Args:
            latents: the latents to copy, `(n, *shape)`.
            categorical: the category of the first categorical code, an integer or integers
                `(n,)`; or a dictionary from the index of a code to its category, `{1: 3}`.
            continuous: the value of the first continuous code, a number or numbers `(n,)`; or a
                dictionary, `{0: -1.0, 1: numpy.linspace(-2, 2, n)}`.

        Raises:
            InputError: for a code or category that does not exist, or a wrong number of values.
        """
        latents = np.array(arguments.array("latents", latents, (2,)), np.float32)
        if latents.shape[1:] != self.shape:
            raise InputError(f"latents must have shape (n, {self.shape[0]}); got {latents.shape}.")
        _, one_hot, numbers = self.split(latents)
        for code, values in _values_by_code("categorical", categorical, len(one_hot)):
            known = self.categorical[code]
            values = np.asarray(values)
            if (
                not np.issubdtype(values.dtype, np.integer)
                or not np.isin(values, range(known)).all()
            ):
                raise InputError(
                    f"Categorical code {code} has the categories 0..{known - 1}; got {values}."
                )
            one_hot[code][:] = np.eye(known)[_one_per_latent(values, len(latents)).astype(int)]
        for code, values in _values_by_code("continuous", continuous, self.continuous):
            numbers[:, code] = _one_per_latent(values, len(latents))
        return latents

    def get_config(self) -> Config:
        return {
            "noise": self.noise,
            "categorical": self.categorical,
            "continuous": self.continuous,
        }


def _shrinkage(truncation):
    return arguments.number("truncation of uniform latents", truncation, above=0, most=1)


def _values_by_code(kind, given, codes):
    """Returns (index of a code, its values) for each code that is given."""
    given = given if isinstance(given, dict) else {} if given is None else {0: given}
    for code in given:
        if code not in range(codes):
            raise InputError(f"There is no {kind} code {code!r}; the latents have {codes} of them.")
    return [(code, arguments.array(kind, values)) for code, values in given.items()]


def _one_per_latent(values, count):
    if np.shape(values) not in ((), (count,)):
        raise InputError(
            f"A code is one value or {count}, one per latent; got shape {np.shape(values)}."
        )
    return np.broadcast_to(values, (count,))


def get(latents: "int | tuple | dict | Latents") -> Latents:
    """Returns standard normal latents of a shape, or the `Latents` object itself.

    Raises:
        InputError: for anything but a shape, a `Latents` or its serialized config.
    """
    if isinstance(latents, dict):
        return arguments.config("latents", latents)
    if isinstance(latents, (int, np.integer, tuple, list)):
        return Normal(latents)
    if not hasattr(latents, "sample") or not hasattr(latents, "shape"):
        raise InputError(
            f"latents must be a shape or a kgan.latents.Latents; got {latents!r}. "
            "For example latents=100, or latents=kgan.latents.Uniform(100)."
        )
    return latents


def interpolate(
    start: ArrayLike, end: ArrayLike, steps: int = 8, spherical: bool = True
) -> np.ndarray:
    """Returns latents interpolated from `start` to `end`, both included.

    Args:
        start, end: two latents of the same shape.
        steps: number of latents, at least 2.
        spherical: interpolates along the great circle (White 2016, section 2.1), which keeps the
            norm that normal latents have; False interpolates linearly.

    Returns:
        A float32 array of shape `(steps, *shape)`.

    Raises:
        InputError: if the shapes differ, or `steps` is less than 2.
    """
    start = arguments.array("start", start).astype(np.float64)
    end = arguments.array("end", end).astype(np.float64)
    steps = arguments.integer("steps", steps, least=2)
    spherical = arguments.flag("spherical", spherical)
    if start.shape != end.shape:
        raise InputError(
            "interpolate needs two latents of one shape; "
            f"got start of {start.shape} and end of {end.shape}."
        )
    t = np.linspace(0.0, 1.0, steps).reshape(-1, *[1] * start.ndim)
    if spherical:
        norms = np.linalg.norm(start) * np.linalg.norm(end)
        # A latent of zeros has no direction, and is led to along a line.
        cosine = np.vdot(start, end) / norms if norms else 1.0
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))
        if np.sin(angle) > 1e-6:
            path = np.sin((1 - t) * angle) * start + np.sin(t * angle) * end
            return (path / np.sin(angle)).astype(np.float32)
    return ((1 - t) * start + t * end).astype(np.float32)


def path(
    points: ArrayLike, steps: int = 30, spherical: bool = True, loop: bool = False
) -> np.ndarray:
    """Returns latents on the way from point to point.

    Args:
        points: two or more latents, `(n, *shape)`.
        steps: number of latents from one point to the next, the next one left out.
        spherical: as in `interpolate`.
        loop: whether the way leads back to the first point, without repeating it, so that an
            animation of it has no seam.

    Returns:
        A float32 array of shape `(n * steps, *shape)` for a loop, else
        `((n - 1) * steps + 1, *shape)`, from the first point to the last.

    Raises:
        InputError: for fewer than two points, or `steps` below 1.
    """
    points = arguments.array("points", points).astype(np.float32)
    steps = arguments.integer("steps", steps)
    loop = arguments.flag("loop", loop)
    if points.ndim < 2 or len(points) < 2:
        raise InputError(f"A path needs two or more latents (n, *shape); got {points.shape}.")
    corners = [*points, points[0]] if loop else list(points)
    parts = [interpolate(a, b, steps + 1, spherical)[:-1] for a, b in itertools.pairwise(corners)]
    return np.concatenate(parts if loop else [*parts, points[-1:]])


@dataclass(frozen=True)
class Directions:
    """Directions of variation among latents that are vectors.

    Attributes:
        names: what to call each, such as "direction 1" or "code 1".
        vectors: of unit length, `(n, size)`, float32.
        strengths: how much a step along each changes what the generator's first layer returns; NaN
            for codes, which are directions by construction.
    """

    names: tuple[str, ...]
    vectors: np.ndarray
    strengths: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def moved(self, latents: ArrayLike, amounts: ArrayLike) -> np.ndarray:
        """Returns latents moved along the directions.

        Args:
            latents: `(n, size)`.
            amounts: how far along each direction, `(directions,)` or `(n, directions)`. Fewer
                stand for the first directions.

        Raises:
            InputError: for latents of another size, or more amounts than directions.
        """
        latents = arguments.array("latents", latents, (2,))
        amounts = np.atleast_2d(arguments.array("amounts", amounts, (1, 2)))
        if latents.shape[1] != self.vectors.shape[1] or amounts.shape[1] > len(self):
            raise InputError(
                f"There are {len(self)} directions of latents of {self.vectors.shape[1]} numbers; "
                f"got latents of {latents.shape[1]} and {amounts.shape[1]} amounts."
            )
        return (latents + amounts @ self.vectors[: amounts.shape[1]]).astype(np.float32)


def factorize(matrix: ArrayLike, count: int | None = None) -> Directions:
    """Returns the directions to which a linear map of latents responds most.

    Closed-form factorization (Shen & Zhou 2021, section 3.2): the eigenvectors of AᵀA of the
    largest eigenvalues, where A is the weight of the generator's first layer.

    Args:
        matrix: A, `(outputs, size)`.
        count: how many directions; None returns all, `size`.

    Returns:
        `Directions`, the strongest first; a vector's largest entry is positive. Their strengths
        are the square roots of the eigenvalues.

    Raises:
        InputError: if `matrix` has not two axes, or `count` is not in 1..size.
    """
    matrix = arguments.array("matrix", matrix, (2,)).astype(np.float64)
    size = matrix.shape[1]
    count = arguments.integer("count", size if count is None else count, most=size)
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    order = np.argsort(values)[::-1][:count]
    vectors = vectors.T[order]
    # An eigenvector has no sign of its own; with one, a direction is the same on every machine.
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], 1)
    vectors = vectors * np.where(largest < 0, -1.0, 1.0)
    strengths = np.sqrt(np.maximum(values[order], 0.0))
    names = tuple(f"direction {place}" for place in range(1, count + 1))
    return Directions(names, vectors.astype(np.float32), strengths.astype(np.float32))
