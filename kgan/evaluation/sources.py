"""Tells what a source is: a run, a folder, a file, a data set, a model or arrays."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kgan import records
from kgan.errors import InputError
from kgan.evaluation.datasets import Arrays, Data
from kgan.evaluation.generators import KerasGenerator, Model, Run, SavedModel, of_keras_file
from kgan.evaluation.runtimes import LiteRT, Onnx
from kgan.evaluation.samples import Frame, Samples, Source
from kgan.metrics.statistics import Statistics
from kgan.training.model import AdversarialModel

TAKES = (
    "a folder of images, a data set by name, an .npz or .npy file of samples, a statistics file "
    "(mu, sigma), a run of `kgan train`, a SavedModel, an .onnx, .tflite or .keras file"
)
# What a run has beside its config.json, which other programs write too.
_OF_A_RUN = ("gan.keras", "checkpoints", "history.csv")


class StatisticsFile(Source):
    """Mean and covariance of features in place of samples."""

    kind = "statistics"

    def __init__(self, statistics: Statistics, name: str = "statistics in memory"):
        self.statistics, self.name = statistics, name

    def open(self, frame: Frame) -> Samples:
        raise InputError(
            f"{self.name} holds the mean and covariance of features, and no samples; only "
            "frechet_distance can be computed from it. Give the samples themselves."
        )


def find(given: Any, reference: bool = True) -> Source:
    """Returns the source that an argument names or is.

    Args:
        given: see `kgan.compare`.
        reference: whether it stands for real samples.

    Raises:
        InputError: if it is none; the message says what is taken.
    """
    if isinstance(given, Source):
        return given
    if isinstance(given, Statistics):
        return StatisticsFile(given)
    if isinstance(given, AdversarialModel):
        return Model(given)
    if isinstance(given, keras.Model):
        return KerasGenerator(given)
    if isinstance(given, (str, os.PathLike)):
        return _of_path(given, reference)
    pair = isinstance(given, tuple) and len(given) == 2
    if pair or isinstance(given, (list, np.ndarray)) or hasattr(given, "info"):
        return Arrays(given)
    raise InputError(f"A source is {TAKES}, an array or a dataset of kgan.data; got {given!r}.")


def is_run(path: Path) -> bool:
    """Whether a folder is one that `kgan train` filled."""
    return (path / "config.json").is_file() and any((path / n).exists() for n in _OF_A_RUN)


def _of_path(given, reference) -> Source:
    path = Path(given).expanduser()
    suffix = path.suffix.lower()
    if path.is_dir():
        if is_run(path):
            return Run(path)
        if (path / "saved_model.pb").is_file():
            return SavedModel(path)
    elif suffix in (".onnx", ".tflite", ".keras"):
        if not path.is_file():
            raise InputError(f"There is no file {given} (looked for {path.absolute()}).")
        kinds = {".onnx": Onnx, ".tflite": LiteRT, ".keras": of_keras_file}
        return kinds[suffix](path)
    elif suffix == ".npz" and path.is_file() and {"mu", "sigma"} <= _names_in(path):
        return StatisticsFile(Statistics.load(path), str(given))
    return Data(os.fspath(given), reference)


def _names_in(path: Path) -> set[str]:
    """Returns the names of the arrays in an `.npz` file; none if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return set(file.files)
    except records.DAMAGE:
        # Reading the samples will say what is wrong.
        return set()
