"""Metrics that are given the samples themselves, of both sides in one order: pairs."""

import dataclasses
from typing import Any

import keras
import numpy as np

from kgan.errors import InputError
from kgan.evaluation.samples import Frame, Source, need_same_shape
from kgan.metrics import PSNR, SSIM

# So few names show what does not fit.
_SHOWN = 3


def check(metrics: list, left: Source, right: Source) -> None:
    """Checks that both sides can be read in pairs.

    Raises:
        InputError: if one of them draws samples, which are no one's target.
    """
    for metric in metrics:
        drawn = next((source for source in (left, right) if source.generates), None)
        if drawn is not None:
            kind = "its own target" if isinstance(metric, (PSNR, SSIM)) else "its own partner"
            raise InputError(
                f"{metric.name} compares each sample with {kind}, and what {drawn.name} draws has "
                "none. Take it for models that translate or enlarge images, and compare the folder "
                "that they wrote with the folder of the targets."
            )


def measure(
    metrics: list, left: Source, right: Source, frame_a: Frame, frame_b: Frame, count: int
) -> tuple[dict[str, float], int]:
    """Measures sample i of one side against sample i of the other.

    Returns:
        The figures by name, and the number of pairs.

    Raises:
        InputError: if the sides have different names or numbers of samples, or other shapes.
    """
    a, b = (
        source.open(dataclasses.replace(frame, ordered=True))
        for source, frame in ((left, frame_a), (right, frame_b))
    )
    need_same_shape(a, b.shape, left.name, right.name)
    _check_partners(metrics[0].name, a, b, left.name, right.name)
    for metric in metrics:
        metric.reset_state()
        if hasattr(metric, "prepare"):
            metric.prepare(a.shape, a.value_range, {})
    used = 0
    for (fake, _), (real, _) in zip(a.batches(count), b.batches(count), strict=False):
        number = min(len(fake), len(real))
        fake = keras.ops.convert_to_tensor(fake[:number])
        real = keras.ops.convert_to_tensor(real[:number])
        for metric in metrics:
            metric.update_state(real, fake)
        used += number
    figures: dict[str, Any] = {}
    for metric in metrics:
        result = metric.result()
        figures |= result if isinstance(result, dict) else {metric.name: result}
    return {name: float(np.asarray(value)) for name, value in figures.items()}, used


def _check_partners(metric, a, b, a_name, b_name) -> None:
    if a.names is not None and b.names is not None and a.names != b.names:
        lone = sorted(set(a.names) ^ set(b.names))
        shown = ", ".join(lone[:_SHOWN]) + (", ..." if len(lone) > _SHOWN else "")
        raise InputError(
            f"{metric} compares each image of {a_name} with the one of the same name in {b_name}; "
            f"{len(lone)} have no partner: {shown}. Give both the same names."
        )
    if a.size != b.size:
        raise InputError(
            f"{metric} compares each sample with its own target, and {a_name} has {a.size} samples "
            f"and {b_name} {b.size}. Give both the same number, in the same order."
        )
