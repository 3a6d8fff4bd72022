"""Makes metrics by their names, with what each needs of the extractor, the data and the run."""

import inspect
from collections.abc import Iterable
from typing import Any

import keras

from kgan.errors import InputError
from kgan.metrics.named import METRICS

# Metrics that suit both images and points. The others are measured only if named.
DEFAULT = (
    "frechet_distance",
    "kernel_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "diversity",
)
# Metrics that compare each image with its own target, for models trained on pairs.
PAIRED = ("psnr", "ssim")


def checked(names: Iterable[str]) -> list[str]:
    """Returns names of metrics without repeats; raises an `InputError` for an unknown one."""
    names = list(dict.fromkeys(names))
    for name in names:
        METRICS.find(name)
    return names


def make(
    name: str, asked: bool, extractor: Any = None, reference: Any = None, modes: Any = None
) -> keras.metrics.Metric:
    """Makes a metric.

    Args:
        name: name of the metric.
        asked: whether the user named it.
        extractor: the extractor, or None.
        reference: statistics of the real samples for the Fréchet distance, or None.
        modes: modes of the data, or None.

    Raises:
        InputError: if the name is unknown, or the metric needs what the data does not have.
    """
    found = METRICS.find(name).load()
    known = inspect.signature(found).parameters
    settings: dict[str, Any] = {}
    if extractor is not None and "extractor" in known and (asked or name != "diversity"):
        settings["extractor"] = extractor
    if name == "frechet_distance" and reference is not None:
        settings["reference"] = reference
    if name == "mode_coverage":
        if modes is None:
            raise InputError(
                "mode_coverage counts the modes of data whose modes are known: 'ring', 'grid' and "
                "'stacked_mnist'. Leave it out for other data."
            )
        settings["modes"] = modes
    return found(**settings)


def need_training(metric: Any) -> InputError:
    """Returns the error for a metric over training samples that nobody has named."""
    return InputError(
        f"{metric.name} compares with the samples that the generator was trained on, which only a "
        "run of `kgan train` tells. Name them: training=SOURCE in Python, --training SOURCE on "
        "the command line."
    )
