"""Which values of a monitored quantity are the better ones."""

import re

from kgan import bridge
from kgan.errors import InputError

LESS = {"loss", "distance", "fid", "kid", "error", "kl", "mse", "mae", "lpips", "penalty", "norm"}
MORE = {
    "accuracy",
    "auc",
    "coverage",
    "density",
    "diversity",
    "f1",
    "modes",
    "precision",
    "psnr",
    "quality",
    "recall",
    "score",
    "ssim",
}


def direction(monitor: str, model) -> str:
    """`"min"` or `"max"` for a name in the logs.

    The metric of that name is asked first, then the words of the name itself.

    Raises:
        InputError: Neither tells.
    """
    name = monitor.removeprefix("val_")
    for metric in getattr(model, "metrics", ()):
        if metric.name == name and (known := bridge.direction(metric)) is not None:
            return "max" if known == "up" else "min"
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    if words & LESS:
        return "min"
    if words & MORE:
        return "max"
    raise InputError(
        f"Whether less or more of {monitor!r} is better cannot be told from its name. "
        "Give mode='min' or mode='max'."
    )


def better(value: float, than: float, mode: str) -> bool:
    """Whether a value beats another, `mode` being `"min"` or `"max"`."""
    return value > than if mode == "max" else value < than
