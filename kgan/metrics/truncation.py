"""Fidelity against variety: precision and recall over the truncation of the latents."""

from collections.abc import Callable, Iterable

import numpy as np

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
    """Precision, recall, density and coverage of a generator for several truncations.

    Brock et al. 2019, section 3.1, trade variety for fidelity by drawing latents nearer the
    centre; Kynkäänniemi et al. 2019, section 3, draw the trade as a curve of precision against
    recall. Each row takes the same seed. `kgan.pictures.truncation_plot` draws the rows.

    ```python
    rows = kgan.metrics.truncation_curve(gan.generate, test_images, value_range=gan.data_range)
    ```

    Args:
        generate: called as `generate(count, seed=seed, truncation=t)`, such as `gan.generate`.
        real: real samples: an array, a dataset, or any iterable of batches or `(batch, labels)`.
        truncations: what the latents' `sample` takes. For normal latents numbers beyond this many
            standard deviations are redrawn, any positive number; for uniform ones the interval
            shrinks to this part of itself, at most 1. None does not truncate.
        count: samples of each side; None takes all the real ones, and generates as many.
        extractor: as in `kgan.metrics.FeatureMetric`.
        k: the neighbour that a sample's ball reaches to.
        value_range: (low, high) of the generated samples and of real ones in arrays; datasets of
            `kgan.data` are brought to it. None means the dataset's own.
        seed: of the latents.

    Returns:
        A row for each truncation, in the order given: a dictionary of `truncation`, `precision`,
        `recall`, `density`, `coverage`, and `real` and `generated`, the samples of each side.

    Raises:
        InputError: for no truncation, one that the latents do not take, k samples or fewer, or
            an extractor that does not fit.
    """
    truncations = list(truncations)
    if not truncations:
        raise InputError("There is no truncation to look at: truncations is empty.")
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
