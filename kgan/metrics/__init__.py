"""Keras metrics over real and generated samples, which measure the quality of a generator."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgan.metrics import extractors as extractors
    from kgan.metrics.class_accuracy import ClassifierAccuracy as ClassifierAccuracy
    from kgan.metrics.diversity import Diversity as Diversity
    from kgan.metrics.extractors import Extractor as Extractor
    from kgan.metrics.extractors import Features as Features
    from kgan.metrics.extractors import KerasModel as KerasModel
    from kgan.metrics.feature_metric import FeatureMetric as FeatureMetric
    from kgan.metrics.frechet import FrechetDistance as FrechetDistance
    from kgan.metrics.frechet import frechet_distance as frechet_distance
    from kgan.metrics.inception import InceptionScore as InceptionScore
    from kgan.metrics.inception import inception_score as inception_score
    from kgan.metrics.judgement import Verdict as Verdict
    from kgan.metrics.judgement import verdict as verdict
    from kgan.metrics.kernel import KernelDistance as KernelDistance
    from kgan.metrics.kernel import kernel_distance as kernel_distance
    from kgan.metrics.measuring import get as get
    from kgan.metrics.measuring import measure as measure
    from kgan.metrics.memorisation import Memorisation as Memorisation
    from kgan.metrics.modes import ModeCoverage as ModeCoverage
    from kgan.metrics.named import register as register
    from kgan.metrics.neighbours import Coverage as Coverage
    from kgan.metrics.neighbours import Density as Density
    from kgan.metrics.neighbours import Precision as Precision
    from kgan.metrics.neighbours import Recall as Recall
    from kgan.metrics.neighbours import manifold as manifold
    from kgan.metrics.paired import PSNR as PSNR
    from kgan.metrics.paired import SSIM as SSIM
    from kgan.metrics.paired import psnr as psnr
    from kgan.metrics.paired import ssim as ssim
    from kgan.metrics.sides import Nearest as Nearest
    from kgan.metrics.sides import nearest as nearest
    from kgan.metrics.statistics import Statistics as Statistics
    from kgan.metrics.truncation import truncation_curve as truncation_curve
    from kgan.metrics.usefulness_metric import Usefulness as Usefulness
    from kgan.metrics.usefulness_metric import UsefulnessReport as UsefulnessReport
    from kgan.metrics.usefulness_metric import usefulness as usefulness

from kgan.metrics.named import METRICS

# Loaded when first used (PEP 562): the command line lists the names without TensorFlow.
_OBJECTS = {
    "ClassifierAccuracy": "class_accuracy",
    "Coverage": "neighbours",
    "Density": "neighbours",
    "Diversity": "diversity",
    "Extractor": "extractors",
    "FeatureMetric": "feature_metric",
    "Features": "extractors",
    "FrechetDistance": "frechet",
    "InceptionScore": "inception",
    "KerasModel": "extractors",
    "KernelDistance": "kernel",
    "Memorisation": "memorisation",
    "ModeCoverage": "modes",
    "Nearest": "sides",
    "PSNR": "paired",
    "Precision": "neighbours",
    "Recall": "neighbours",
    "SSIM": "paired",
    "Statistics": "statistics",
    "Usefulness": "usefulness_metric",
    "UsefulnessReport": "usefulness_metric",
    "Verdict": "judgement",
    "frechet_distance": "frechet",
    "get": "measuring",
    "inception_score": "inception",
    "kernel_distance": "kernel",
    "manifold": "neighbours",
    "measure": "measuring",
    "nearest": "sides",
    "psnr": "paired",
    "register": "named",
    "ssim": "paired",
    "truncation_curve": "truncation",
    "usefulness": "usefulness_metric",
    "verdict": "judgement",
}

__all__ = sorted([*_OBJECTS, "extractors"])


if not TYPE_CHECKING:  # type checkers use the imports above, and so report misspelt names

    def __getattr__(name: str) -> Any:
        if name in _OBJECTS:
            return getattr(importlib.import_module(f"kgan.metrics.{_OBJECTS[name]}"), name)
        if name == "extractors":
            return importlib.import_module("kgan.metrics.extractors")
        raise AttributeError(f"module 'kgan.metrics' has no attribute {name!r}")


def register_all() -> None:
    """Imports every metric and extractor, so that Keras finds the classes of saved models."""
    own = {"extractors.classifiers", "extractors.colour", "extractors.inception"}
    for module in {*_OBJECTS.values()} | own:
        importlib.import_module(f"kgan.metrics.{module}")
    for registry in (METRICS, importlib.import_module("kgan.metrics.extractors").EXTRACTORS):
        registry.load_all()


def __dir__() -> list[str]:
    return [*globals(), *__all__]
