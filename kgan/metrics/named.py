"""The registry of the named metrics, which loads a metric when it is first used."""

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
            "usefulness": "Usefulness",
        }.items()
    ],
)


def register(name: str, metric: Any, description: str = "") -> None:
    """Registers a metric of your own under a name.

    The name can then be used in `compile`, `evaluate` and `kgan evaluate -m`. A package whose
    users run `kgan` declares an entry point of the group `kgan.metrics` instead; see
    `kgan.registry`.

    Args:
        name: the name of the metric.
        metric: a function that returns a metric, such as a subclass of `keras.metrics.Metric`
            whose `update_state` takes (real, fake); or its location, "module:Class". All
            arguments of the function need defaults.
        description: one line that tells users what the metric is.

    Raises:
        InputError: if the name is taken.
    """
    METRICS.register(name, metric, description)
