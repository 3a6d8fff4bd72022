"""How good the samples are: Keras metrics over real and generated samples."""

import importlib

from kgan.metrics.named import METRICS

# Public names load when first used (PEP 562): the command line lists them without TensorFlow.
_OBJECTS = {
    "ClassifierAccuracy": "class_accuracy",
    "Coverage": "neighbours",
    "Density": "neighbours",
    "Diversity": "diversity",
    "Extractor": "extractors",
    "Features": "extractors",
    "FeatureMetric": "feature_metric",
    "FrechetDistance": "frechet",
    "InceptionScore": "inception",
    "KernelDistance": "kernel",
    "KerasModel": "extractors",
    "Memorisation": "memorisation",
    "ModeCoverage": "modes",
    "PSNR": "paired",
    "Precision": "neighbours",
    "Recall": "neighbours",
    "SSIM": "paired",
    "Statistics": "statistics",
    "frechet_distance": "frechet",
    "get": "measuring",
    "inception_score": "inception",
    "kernel_distance": "kernel",
    "manifold": "neighbours",
    "measure": "measuring",
    "psnr": "paired",
    "register": "named",
    "ssim": "paired",
    "truncation_curve": "truncation",
}

__all__ = sorted([*_OBJECTS, "extractors"])


def __getattr__(name):
    if name in _OBJECTS:
        return getattr(importlib.import_module(f"kgan.metrics.{_OBJECTS[name]}"), name)
    if name == "extractors":
        return importlib.import_module("kgan.metrics.extractors")
    raise AttributeError(f"module 'kgan.metrics' has no attribute {name!r}")


def register_all() -> None:
    """Imports every metric and extractor, so that saved models find their classes."""
    for module in {*_OBJECTS.values(), "extractors.classifiers", "extractors.inception"}:
        importlib.import_module(f"kgan.metrics.{module}")
    for registry in (METRICS, importlib.import_module("kgan.metrics.extractors").EXTRACTORS):
        registry.load_all()


def __dir__():
    return [*globals(), *__all__]
