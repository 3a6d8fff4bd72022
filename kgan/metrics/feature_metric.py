"""The base of the metrics that compare features of real and of generated samples."""

import json
import math
import os
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan.errors import InputError
from kgan.metrics import extractors
from kgan.metrics.record import KINDS, SIDES, Record
from kgan.typing import Config, ExtractorLike, PathLike, Range, Self, Shape, Tensors


class FeatureMetric(keras.metrics.Metric):
    """A metric over features of real and of generated samples.

    `update_state(real, fake)` streams batches, in a graph or eagerly; `result()` is asked once,
    eagerly, after the last. Metrics of one `compile(metrics=[...])` that use the same extractor
    share what they have seen.

    A subclass says what it keeps and computes:

    ```python
    class MeanShift(kgan.metrics.FeatureMetric):
        keeps = {"real": "moments", "fake": "moments"}

        def compute(self):
            return np.linalg.norm(self.kept("real").mean() - self.kept("fake").mean())
    ```

    Args:
        extractor: what turns samples into features: a name ("values", "digits", "cifar10",
            "inception", or a network of `keras.applications` such as "mobilenet_v2"), any Keras
            model that takes the samples as they are, or a `kgan.metrics.Extractor`. "auto" takes
            the values of anything but images, "digits" for grey images of 28x28 or 8x8, and
            "inception" for all others. Figures of different extractors do not compare.
        value_range: (low, high) of the samples. A GAN tells its own; say it where you call the
            metric yourself.
        name: in the logs.

    Attributes:
        keeps: by side ("real", "fake"), the kind of state: "moments", "features",
            "probabilities" or "classes".
        figures: names of the figures in the logs; `compute` returns a dictionary of them where
            there are several.
        preparations: how often it was prepared, and so began to fill other states than before.
    """

    keeps = {"real": "features", "fake": "features"}
    _direction: str | None = None
    # A model passes its condition to `update_state`.
    uses_condition = True
    # Whether it has an attribute `training` that asks for the samples the model was trained on.
    uses_training = False
    # States are kept in NumPy, outside of any graph.
    supports_jit = False

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        value_range: Range | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        extractors.check(extractor)
        self.extractor = extractor
        self.value_range: Any = None if value_range is None else tuple(value_range)
        # In a dictionary that Keras does not track: a record belongs to several metrics.
        self.__dict__["_record"] = Record()
        self.preparations = 0
        self._loaded_from = None

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures in the logs."""
        return (self.name,)

    def sides(self) -> dict[str, str]:
        """The kind of state kept of each side; by default `keeps`."""
        return self.keeps

    def compute(self) -> Any:
        """The figure, or a dictionary of figures, of what was kept; NumPy is welcome."""
        raise NotImplementedError

    def enough(self) -> tuple[int, str] | None:
        """(samples of a side this metric needs, why fewer mislead), for the warning."""
        return None

    @property
    def record(self) -> Record:
        """What this metric, and others over the same extractor, have seen."""
        return self._record

    @property
    def extractor_name(self) -> str | None:
        """Of the extractor that saw the samples, or of the loaded state; None before either."""
        extractor = self._record.extractor
        return self._loaded_from if extractor is None else extractor.name

    def kept(self, side: str) -> Any:
        """The state of a side: `kgan.metrics.states.Moments` or `Rows`."""
        return self._record.state(self.sides()[side], side)

    # The life of a Keras metric.

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        """Loads the extractor and checks that it reads such samples.

        A GAN calls it before its first evaluation, so that what does not fit is said before
        training. Called by hand it is not needed: the first batch does it.

        Args:
            sample_shape: of one sample.
            value_range: (low, high) of the values, where the metric was not told.
            shared: a dictionary that metrics evaluated together hand on; in it they find each
                other's records.

        Raises:
            InputError: where the extractor cannot be had, or does not fit the samples.
        """
        sample_shape = tuple(sample_shape)
        value_range = self.value_range or value_range
        shared = {} if shared is None else shared
        extractor = extractors.get(self.extractor, sample_shape)
        key = extractor.name if isinstance(self.extractor, str) else id(self.extractor)
        record = shared.get(("record", key, value_range))
        if record is None:
            extractor.prepare(sample_shape, value_range)
            record = Record(extractor)
            if self._loaded_from is not None:
                # What was loaded is this metric's alone.
                record.states = self._record.states
            else:
                shared["record", key, value_range] = record
        if self._loaded_from not in (None, record.extractor.name):
            raise InputError(
                f"The state of {self.name} is of extractor {self._loaded_from!r}; it cannot go on "
                f"with {record.extractor.name!r}."
            )
        for side, kind in self.sides().items():
            record.require(kind, side)
        if {"probabilities", "classes"} & set(self.sides().values()):
            _require_classes(record.extractor, sample_shape, value_range, self.name)
        self.__dict__["_record"] = record
        self.preparations += 1

    def update_state(self, real: Tensors, fake: Tensors, condition: Tensors = None) -> None:
        """Adds a batch of real and one of generated samples.

        Args:
            real, fake: `(batch, *sample_shape)`; a side that the metric does not keep may be
                None.
            condition: what the generated samples were made from, where the model has one.
        """
        if self._record.extractor is None:
            given = fake if real is None else real
            self.prepare(np.shape(given)[1:] if not hasattr(given, "shape") else given.shape[1:])
        self._record.update(self, real, fake, condition)

    def reset_state(self) -> None:
        """Forgets all samples."""
        self._record.reset()

    def result(self) -> Any:
        """The figure, or a dictionary of `figures`; NaN while nothing was seen.

        Raises:
            InputError: for features with NaN or Inf, or where one side is empty.
        """
        if not tf.executing_eagerly():
            raise InputError(
                f"{self.name} is computed once, after an evaluation, and cannot be asked within a "
                "tf.function. kgan's models do so; elsewhere call update_state, then result()."
            )
        counts = {side: self._record.count(side) for side in self.sides()}
        self._record.check()
        if not any(counts.values()):
            return self._undefined()
        for side, count in counts.items():
            if not count:
                raise InputError(
                    f"{self.name} has seen no {SIDES[side]} samples, and compares both sides. "
                    "Call update_state(real, fake) with batches that hold samples."
                )
        self._warn_of_few(min(counts.values()))
        cache, key = self._record.cache, ("result", id(self))
        if key not in cache:
            cache[key] = self.compute()
        return cache[key]

    def _undefined(self):
        if self.figures == (self.name,):
            return math.nan
        return dict.fromkeys(self.figures, math.nan)

    def _warn_of_few(self, count):
        needed = self.enough()
        if needed is None or count >= needed[0] or needed[1] in self._record.warned:
            return
        # Once for all the metrics that fall short for one reason, and not after every epoch.
        self._record.warned.add(needed[1])
        warnings.warn(
            f"{self.name} over {count} samples, with {needed[0]} or more needed: {needed[1]}",
            stacklevel=3,
        )

    # What a figure rests on.

    def report(self) -> dict:
        """What the figures rest on: the extractor, and the samples of each side."""
        extractor = self._record.extractor
        return {
            "extractor": None if extractor is None else extractor.name,
            **{side: self._record.count(side) for side in self.sides() if side != "condition"},
        }

    def merge_state(self, metrics: Iterable) -> None:
        """Adds what other metrics of the same kind have seen, as of other parts of the data.

        Raises:
            InputError: where their extractors differ.
        """
        # A record of its own: others that share the present one merge for themselves.
        record, names = Record(), set()
        for metric in (self, *metrics):
            if metric.sides() != self.sides():
                raise InputError(f"{metric.name} keeps other states than {self.name}.")
            name = metric.extractor_name
            names.add(name)
            if len(names - {None}) > 1:
                raise InputError(
                    f"Features of {name!r} cannot join features of another extractor in "
                    f"{self.name}. Merge metrics over one extractor."
                )
            record.merge(metric.record, self.sides())
        self.__dict__["_record"] = record
        self.preparations += 1

    def save_state(self, filepath: PathLike) -> None:
        """Writes what was seen to an `.npz` file, whole or not at all."""
        path = Path(filepath)
        arrays = {
            f"{side}/{name}": array
            for side, kind in self.sides().items()
            if (kind, side) in self._record.states
            for name, array in self._record.states[kind, side].arrays().items()
        }
        facts = {"extractor": self.report()["extractor"], "sides": self.sides()}
        write_npz(path, {"facts": json.dumps(facts), **arrays})

    def load_state(self, filepath: PathLike) -> None:
        """Takes up what `save_state` wrote, in place of what was seen.

        Raises:
            InputError: where there is no such file, or it is of another kind of metric or
                another extractor.
        """
        arrays = read_npz(filepath)
        try:
            facts = json.loads(str(arrays["facts"]))
            sides, name = facts["sides"], facts["extractor"]
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{filepath} holds no state of a metric.") from None
        if sides != self.sides():
            raise InputError(
                f"{filepath} holds the state {sides} of another metric; {self.name} keeps "
                f"{self.sides()}."
            )
        mine = self.report()["extractor"]
        if None not in (name, mine) and name != mine:
            raise InputError(
                f"{filepath} holds features of {name!r}, and {self.name} looks through {mine!r}."
            )
        self._record.reset()
        for side, kind in self.sides().items():
            found = {
                key.partition("/")[2]: array
                for key, array in arrays.items()
                if key.startswith(f"{side}/")
            }
            if found:
                self._record.require(kind, side)
                self._record.states[kind, side] = KINDS[kind].of_arrays(found)
        if mine is None:
            self._loaded_from = name

    def get_config(self) -> Config:
        extractor = self.extractor
        if not isinstance(extractor, str):
            extractor = keras.saving.serialize_keras_object(extractor)
        return {"extractor": extractor, "value_range": self.value_range, "name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        if isinstance(config.get("extractor"), dict):
            config["extractor"] = keras.saving.deserialize_keras_object(config["extractor"])
        return cls(**config)


def _require_classes(extractor, sample_shape, value_range, name):
    if extractor.trial(sample_shape, value_range).logits is None:
        raise InputError(
            f"{name} needs a classifier, and the extractor {extractor.name!r} gives no class "
            "scores. Take 'digits', 'cifar10', 'inception' or a Keras model that ends in them."
        )


def write_npz(path, arrays) -> None:
    """Writes an `.npz` file beside its place and moves it there."""
    path = Path(path)
    part = path.with_name(f".part-{path.name}")
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"Cannot write {path}: {error.strerror}.") from error


def read_npz(path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file.

    Raises:
        InputError: where there is none, or it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise InputError(f"There is no file {str(path)!r}.") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as an .npz file: {error}") from None
