"""Latents at work: walks between samples, mixtures of classes, directions of variation.

They are functions of a model that is fed latents; `LatentSampling` has them as methods.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.errors import InputError
from kgan.inference import graphs
from kgan.inference.seeds import seed_pair
from kgan.latents import Codes, Directions, Normal, factorize, path
from kgan.typing import ArrayLike, Tensors


def drawn(gan: Any, seeds: Sequence[int], truncation: float | None = None) -> np.ndarray:
    """Returns the latents of `generate(1, seed=seed)` for each seed, `(n, *latent_shape)`."""
    seeds = arguments.listing("seeds", seeds, "integers")
    if not seeds:
        raise InputError("seeds must name one sample or more, such as [0, 1]; got none.")
    drawn = [gan.draw(1, seed_pair(arguments.seed(seed)), truncation) for seed in seeds]
    return np.concatenate([np.asarray(each) for each in drawn])


def walk(
    gan: Any,
    seeds: Sequence[int] | None = None,
    *,
    latents: ArrayLike = None,
    labels: int | Sequence[int] | None = None,
    steps: int = 30,
    spherical: bool | None = None,
    loop: bool = False,
    truncation: float | None = None,
) -> np.ndarray:
    """Generates the samples on the way from sample to sample; see `LatentSampling.walk`."""
    if (seeds is None) == (latents is None):
        raise InputError("A walk needs seeds, such as [0, 1, 2], or latents; give one of them.")
    if seeds is None:
        points = arguments.array("latents", latents)
    else:
        points = drawn(gan, seeds, truncation)
    classes = None if labels is None else np.atleast_1d(np.asarray(labels)).tolist()
    if classes is not None and len(classes) > 1 and len(points) == 1:
        points = np.repeat(points, len(classes), 0)
    if classes is not None and len(classes) not in (1, len(points)):
        raise InputError(
            f"A walk through {len(points)} samples has one label or {len(points)}; got "
            f"{len(classes)}."
        )
    if spherical is None:
        # Codes and uniform numbers would leave their ranges on a circle.
        spherical = isinstance(gan.latents, Normal)
    route = path(points, steps, spherical, loop)
    gan.check_count(len(route))
    if classes is None and not gan.classes:
        return gan.generate(latents=route)
    if classes is None and seeds is not None:
        # Those that `generate` draws with the samples.
        classes = [int(gan.draw_labels(1, seed_pair(seed))[0]) for seed in seeds]
    if classes is None:
        raise InputError(
            "This model is conditioned on a class: give labels, one for all or one a sample."
        )
    known = one_hot(gan, classes)
    if len(classes) == 1 or len({*classes}) == 1:
        return gan.generate(latents=route, labels=int(classes[0]))
    return gan.generate(latents=route, labels=path(known, steps, False, loop))


def one_hot(gan: Any, labels: ArrayLike) -> np.ndarray:
    """Returns labels as weights of the classes, `(n, classes)`.

    Raises:
        InputError: if the model has no classes, or not these.
    """
    labels = np.asarray(labels)
    if not gan.classes:
        raise InputError("This model is not conditioned on a class; leave labels out.")
    if labels.dtype.kind not in "iu" or not np.isin(labels, range(gan.classes)).all():
        raise InputError(f"labels lie in 0..{gan.classes - 1}; got {labels.tolist()}.")
    return np.eye(gan.classes, dtype=np.float32)[labels]


def class_weights(gan: Any, labels: ArrayLike, count: int) -> np.ndarray:
    """Returns checked weights of the classes, `(count, classes)`."""
    weights = np.asarray(labels, np.float32)
    if weights.shape != (count, gan.classes) or not np.isfinite(weights).all():
        raise InputError(
            f"labels as weights of the classes are finite numbers ({count}, {gan.classes}); got "
            f"shape {weights.shape}."
        )
    return weights


def mixer(gan: Any) -> Any:
    """Returns a function from latents and weights of the classes to samples.

    Raises:
        InputError: if the model's generator does not allow it; see `graphs.with_weights`.
    """
    generators = gan.networks_of("generator")
    if len(generators) != 1:
        raise InputError(
            f"Classes can be mixed in a model of one generator; this has {len(generators)}. Give "
            "integer labels."
        )
    network = graphs.with_weights(generators[0], gan.classes)

    def sample(latents: Tensors, weights: Tensors) -> Tensors:
        with gan.averaged():
            return gan.finished(network([latents, weights], training=False))

    return tf.function(sample, reduce_retracing=True, autograph=False)


def directions(gan: Any, count: int = 10) -> Directions:
    """Returns directions of variation; see `LatentSampling.directions`."""
    count = arguments.integer("count", count)
    generators = gan.networks_of("generator")
    if len(generators) != 1 or len(gan.latents.shape) != 1:
        raise InputError(
            "Directions are of one generator whose latents are vectors; this model has "
            f"{len(generators)} generators and latents of shape {gan.latents.shape}."
        )
    with gan.averaged():
        kernels = graphs.first_kernels(generators[0])
    matrix = np.concatenate(kernels)
    if not isinstance(gan.latents, Codes):
        return factorize(matrix, min(count, matrix.shape[1]))
    noise, first = gan.latents.noise, matrix.shape[1] - gan.latents.continuous
    codes = np.eye(matrix.shape[1], dtype=np.float32)[first:]
    names = tuple(f"code {place}" for place in range(1, len(codes) + 1))
    vectors, strengths = [codes], [np.full(len(codes), np.nan, np.float32)]
    if noise and count > len(codes):
        # The codes have directions of their own; what is left is the noise's.
        found = factorize(matrix[:, :noise], min(count - len(codes), noise))
        vectors.append(np.pad(found.vectors, ((0, 0), (0, matrix.shape[1] - noise))))
        strengths.append(found.strengths)
        names += found.names
    return Directions(
        names[:count], np.concatenate(vectors)[:count], np.concatenate(strengths)[:count]
    )
