"""Fidelity and variety of samples as functions of the truncation of the latents."""

from collections.abc import Callable, Iterable

import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.metrics.neighbours import manifold
from kgan.metrics.reading import read_features
from kgan.typing import ArrayLike, ExtractorLike, Range


def truncation_curve(
    generate: Callable,
    real: ArrayLike,
    truncations: Iterable[float | None] = (0.5, 0.7, 0.85, 1.0, None),
    count: int | None = None,
    extractor: ExtractorLike = "auto",
    k: int = 3,
    value_range: Range | None = None,
    seed: int = 0,
) -> list[dict]:
    """Computes precision, recall, density and coverage of a generator for several truncations.

    Brock et al. 2019, section 3.1, exchange variety for fidelity by drawing latents nearer the
    centre. Kynkäänniemi et al. 2019, section 3, plot this trade-off as a curve of precision
    against recall. All rows use the same seed. `kgan.pictures.truncation_plot` draws the rows.

    ```python
    rows = kgan.metrics.truncation_curve(gan.generate, test_images, value_range=gan.data_range)
    ```

    Args:
        generate: a function like `gan.generate`, called as
            `generate(count, seed=seed, truncation=t)`.
        real: real samples: an array, a dataset, or any iterable of batches or `(batch, labels)`.
        truncations: truncations of the latents, as their `sample` takes them. Normal latents
            redraw numbers beyond this many standard deviations; any positive number. Uniform
            latents are drawn from this share of the interval, at most 1. None does not truncate.
        count: samples of each side; None takes all real samples, and generates as many.
        extractor: as in `kgan.metrics.FeatureMetric`.
        k: the radius of a sample's ball is the distance to its k-th nearest neighbour.
        value_range: (low, high) of the generated samples, and of real samples in arrays.
            Datasets of `kgan.data` are scaled to it. None takes the range of such a dataset.
        seed: seed of the latents.

    Returns:
        A row for each truncation, in the given order: a dictionary of `truncation`, `precision`,
        `recall`, `density`, `coverage`, and `real` and `generated`, the samples of each side.

    Raises:
        InputError: if there is no truncation, the latents do not accept one, there are no more
            than k samples, or the extractor does not fit.
    """
    truncations = arguments.listing("truncations", truncations, "an iterable of numbers or None")
    count = None if count is None else arguments.integer("count", count, or_else="None")
    if not callable(generate):
        raise InputError(f"generate must be a function like gan.generate; got {generate!r}.")
    if not truncations:
        raise InputError("There is no truncation to measure: truncations is empty.")
    if value_range is not None:
        value_range = arguments.interval("value_range", value_range, or_else="None")
    value_range = value_range or getattr(getattr(real, "info", None), "value_range", None)
    real, network = read_features(real, extractor, value_range, count)
    rows = []
    for truncation in truncations:
        samples = np.asarray(generate(len(real), seed=seed, truncation=truncation))
        fake, _ = read_features(samples, network, value_range)
        if fake.shape[1] != real.shape[1]:
            raise InputError(
                f"The generated samples have {fake.shape[1]} features and the real ones "
                f"{real.shape[1]}; both must be of one shape."
            )
        rows.append(
            {"truncation": truncation}
            | manifold(real, fake, (k,))[k]
            | {"real": len(real), "generated": len(fake)}
        )
    return rows
