"""The metrics that go by a name, without loading any."""

from typing import Any

from kgan.registry import Entry, Registry

METRICS = Registry(
    "metric",
    "kgan.metrics",
    [
        Entry(name, f"kgan.metrics:{class_name}")
        for name, class_name in {
            "classifier_accuracy": "ClassifierAccuracy",
            "coverage": "Coverage",
            "density": "Density",
            "diversity": "Diversity",
            "frechet_distance": "FrechetDistance",
            "inception_score": "InceptionScore",
            "kernel_distance": "KernelDistance",
            "memorisation": "Memorisation",
            "mode_coverage": "ModeCoverage",
            "precision": "Precision",
            "psnr": "PSNR",
            "recall": "Recall",
            "ssim": "SSIM",
        }.items()
    ],
)


def register(name: str, metric: Any, description: str = "") -> None:
    """Adds a metric of your own, and so a name for `compile`, `evaluate` and `kgan evaluate -m`.

    A package whose users run `kgan` names it under the entry points `kgan.metrics` instead; see
    `kgan.registry`.

    Args:
        name: what it goes by.
        metric: what makes one, such as a class of `keras.metrics.Metric` whose `update_state` gets
            (real, fake); or where it is, "module:Class". Its arguments have defaults.
        description: one line for people.

    Raises:
        InputError: where the name is taken.
    """
    METRICS.register(name, metric, description)
