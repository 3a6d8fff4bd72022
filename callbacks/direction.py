"""Whether less or more of a monitored quantity is better."""

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
    """Returns `"min"` or `"max"`, the better direction of a quantity in the logs.

    It is that of the metric of this name, if the metric has one; else the words of the name
    decide.

    Args:
        monitor: Name in the logs, with or without `val_`.
        model: The model whose metrics are searched.

    Raises:
        InputError: If neither gives a direction.
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
    """Returns whether `value` is better than `than`; `mode` is `"min"` or `"max"`."""
    return value > than if mode == "max" else value < than
