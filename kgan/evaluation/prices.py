"""What a generator in another format costs in Fréchet distance."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.evaluation.comparing import compare
from kgan.inference.formats.checking import Price
from kgan.inference.seeds import seed_pair
from kgan.typing import ExtractorLike

# A distance that grows by more than half is worse than what most trainings differ by.
MOST_GROWTH = 1.5
_BATCH = 250


def with_distance(
    price: Price,
    run: Callable[..., np.ndarray],
    gan: Any,
    real: Any,
    *,
    extractor: ExtractorLike = "auto",
    count: int = 2000,
    seed: int = 0,
    force: bool = False,
) -> Price:
    """Returns a price with the Fréchet distances of the model and of the file to real samples.

    Both make their samples of the same latents, so that chance moves both distances alike.

    Args:
        price: of the file.
        run: from inputs by name to samples, in the file's own runtime.
        gan: the model, which starts from latents.
        real: real samples, as the `b` of `kgan.compare`.
        extractor: as in `kgan.compare`.
        count: samples of each; not more than there are real ones.
        seed: of the latents.
        force: whether a file may make much worse samples.

    Raises:
        InputError: if the distance grows by more than half, unless `force`.
    """
    count = arguments.integer("count", count, least=2)
    inputs = {"latents": np.asarray(gan.draw(count, seed_pair(seed)), np.float32)}
    if gan.classes:
        inputs["labels"] = (np.arange(count) % gan.classes).astype(np.int32)
    before = gan.generate(**inputs)
    after = np.concatenate(
        [
            run(**{name: values[start : start + _BATCH] for name, values in inputs.items()})
            for start in range(0, count, _BATCH)
        ]
    )
    found = []
    for samples in (before, after):
        compared = compare(
            # Rounding may leave the range of the data, which readers refuse.
            samples if gan.data_range is None else samples.clip(*gan.data_range),
            real,
            ["frechet_distance"],
            extractor=extractor,
            value_range=gan.data_range if len(gan.sample_shape) == 3 else None,
            count=count,
            cache=False,
        )
        found.append(compared.figures["frechet_distance"])
    report = compared.rests_on["frechet_distance"]
    if not force and not found[1] <= MOST_GROWTH * found[0]:
        raise InputError(
            f"{price.format} in {price.precision} ruins the samples: their Fréchet distance grows "
            f"from {found[0]:.3g} to {found[1]:.3g}, by more than half. No file was kept; take "
            "float16, or keep it with --force."
        )
    return dataclasses.replace(
        price, frechet=(found[0], found[1]), extractor=str(report.get("extractor", extractor))
    )
