"""The base class of metrics that compare features of real and of generated samples."""

import json
import math
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, records
from kgan.disk import writing
from kgan.errors import InputError
from kgan.metrics import extractors
from kgan.metrics.record import KINDS, SIDES, Record
from kgan.typing import Config, ExtractorLike, PathLike, Range, Self, Shape, Tensors


class FeatureMetric(keras.metrics.Metric):
    """A metric over features of real and of generated samples.

    `update_state(real, fake)` adds a batch, in a graph or eagerly. `result()` computes the figure
    eagerly, after the last batch. Metrics of one `compile(metrics=[...])` that use the same
    extractor share their features.

    A subclass defines which states it keeps, and computes its figure from them:

    ```python
    class MeanShift(kgan.metrics.FeatureMetric):
        keeps = {"real": "moments", "fake": "moments"}

        def compute(self):
            return np.linalg.norm(self.kept("real").mean() - self.kept("fake").mean())
    ```

    Args:
        extractor: computes features of samples: a name ("values", "digits", "cifar10",
            "colour", "inception", or a network of `keras.applications` such as "mobilenet_v2"),
            any Keras model that takes the samples as they are, or a `kgan.metrics.Extractor`.
            "auto" takes "digits" for grey images of 28x28 or 8x8 pixels, "colour" for all other
            images with 1, 3 or 4 channels and at least 8 pixels a side ("inception" if the metric
            needs class scores), and "values" for anything else. Figures over different extractors
            cannot be compared.
        value_range: (low, high) of the samples. A GAN passes its own; give it if you call the
            metric yourself.
        name: the name in the logs.

    Attributes:
        keeps: by side ("real", "fake"), the kind of state: "moments", "features",
            "probabilities" or "classes".
        figures: names of the figures in the logs; with several, `compute` returns a dictionary
            of them.
        preparations: how often the metric was given other states to fill, by `prepare` or
            `merge_state`.
    """

    keeps = {"real": "features", "fake": "features"}
    _direction: str | None = None
    # How many samples of each side are used, the first ones; None means all.
    most: int | None = None
    # Whether a model passes its condition to `update_state`.
    uses_condition = True
    # Whether the metric has an attribute `training`, the samples that the model was trained on.
    uses_training = False
    # States are kept in NumPy, outside of any graph, which XLA cannot compile.
    supports_jit = False
    # Under `tf.distribute` it gathers the samples of all replicas itself.
    gathers_samples = True

    def __init__(
        self,
        extractor: ExtractorLike = "auto",
        value_range: Range | None = None,
        name: str | None = None,
    ):
        if name is not None:
            arguments.text("name", name, or_else="None")
        if value_range is not None:
            value_range = arguments.interval("value_range", value_range, or_else="None")
        super().__init__(name=name)
        extractors.check(extractor)
        self.extractor = extractor
        self.value_range: Any = value_range
        # Keras does not track what is set in `__dict__`: several metrics share a record.
        self.__dict__["_record"] = Record()
        self.preparations = 0
        self._loaded_from = None

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures in the logs."""
        return (self.name,)

    def sides(self) -> dict[str, str]:
        """Returns the kind of state kept of each side; by default `keeps`."""
        return self.keeps

    def compute(self) -> Any:
        """Returns the figure, or a dictionary of `figures`, computed from the states.

        It runs eagerly, so it may use NumPy.
        """
        raise NotImplementedError

    def enough(self) -> tuple[int, str] | None:
        """Returns (samples that each side needs, why fewer mislead), which a warning quotes.

        None if any number of samples will do.
        """
        return None

    @property
    def record(self) -> Record:
        """The states of this metric, shared with other metrics over the same extractor."""
        return self._record

    @property
    def extractor_name(self) -> str | None:
        """The name of the extractor in use, else of that of a loaded state; None without both."""
        extractor = self._record.extractor
        return self._loaded_from if extractor is None else extractor.name

    def kept(self, side: str) -> Any:
        """Returns the state of a side: `kgan.metrics.states.Moments` or `Rows`."""
        return self._record.state(self.sides()[side], side)

    def prepare(
        self, sample_shape: Shape, value_range: Range | None = None, shared: dict | None = None
    ) -> None:
        """Loads the extractor and checks that it fits the samples.

        A GAN calls it before its first evaluation, so that errors are raised before training.
        A user need not call it: `update_state` does so for the first batch.

        Args:
            sample_shape: shape of one sample.
            value_range: (low, high) of the values; used if the metric has no `value_range`.
            shared: a dictionary in which metrics that are evaluated together share their
                records.

        Raises:
            InputError: if the extractor cannot be loaded, or does not fit the samples.
        """
        sample_shape = tuple(sample_shape)
        value_range = self.value_range or value_range
        shared = {} if shared is None else shared
        classes = bool({"probabilities", "classes"} & set(self.sides().values()))
        extractor = extractors.get(self.extractor, sample_shape, classes)
        key = extractor.name if isinstance(self.extractor, str) else id(self.extractor)
        record = shared.get(("record", key, value_range))
        if record is None:
            extractor.prepare(sample_shape, value_range)
            record = Record(extractor, sample_shape)
            if self._loaded_from is not None:
                # Other metrics must not share a state that this one has loaded.
                record.states = self._record.states
            else:
                shared["record", key, value_range] = record
        if self._loaded_from not in (None, record.extractor.name):
            raise InputError(
                f"The state of {self.name} was computed by the extractor {self._loaded_from!r}; "
                f"samples cannot be added to it with {record.extractor.name!r}."
            )
        for side, kind in self.sides().items():
            record.require(kind, side)
        if classes:
            _require_classes(record.extractor, sample_shape, value_range, self.name)
        self.__dict__["_record"] = record
        self.preparations += 1

    def update_state(self, real: Tensors, fake: Tensors, condition: Tensors = None) -> None:
        """Adds a batch of real and one of generated samples.

        Args:
            real, fake: `(batch, *sample_shape)`; a side that the metric does not keep may be
                None.
            condition: what the generated samples were conditioned on; None if nothing.
        """
        if self._record.extractor is None:
            given = fake if real is None else real
            self.prepare(np.shape(given)[1:] if not hasattr(given, "shape") else given.shape[1:])
        self._record.update(self, real, fake, condition)

    def reset_state(self) -> None:
        """Removes all samples."""
        self._record.reset()

    def result(self) -> Any:
        """Returns the figure, or a dictionary of `figures`; NaN before the first batch.

        Raises:
            InputError: for features with NaN or Inf, or if only one side has samples.
        """
        if not tf.executing_eagerly():
            raise InputError(
                f"{self.name} is computed once, after an evaluation, and not within a tf.function. "
                "kgan's models do so; elsewhere call update_state, then result()."
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
        # One warning for all the metrics with the same reason, and not after every epoch.
        self._record.warned.add(needed[1])
        warnings.warn(
            f"{self.name} over {count} samples, with {needed[0]} or more needed: {needed[1]}",
            stacklevel=3,
        )

    def report(self) -> dict:
        """Returns what the figures were computed with: the extractor and each side's samples.

        Where its features mean little for these samples, the entry "caveat" says why.
        """
        extractor, caveat = self._record.extractor, self._record.caveat()
        return {
            "extractor": None if extractor is None else extractor.name,
            **{side: self._record.count(side) for side in self.sides() if side != "condition"},
            **({"caveat": caveat} if caveat else {}),
        }

    def merge_state(self, metrics: Iterable) -> None:
        """Adds the samples of other metrics, for example of other parts of the data.

        Args:
            metrics: metrics that keep the same states.

        Raises:
            InputError: if they keep other states, or their extractors differ.
        """
        # A new record: the metrics that share the present one each merge themselves.
        record, names = Record(), set()
        for metric in (self, *metrics):
            if metric.sides() != self.sides():
                raise InputError(f"{metric.name} keeps other states than {self.name}.")
            name = metric.extractor_name
            names.add(name)
            if len(names - {None}) > 1:
                raise InputError(
                    f"Features of {name!r} cannot be added to features of another extractor in "
                    f"{self.name}. Merge metrics over one extractor."
                )
            record.merge(metric.record, self.sides())
        self.__dict__["_record"] = record
        self.preparations += 1

    def save_state(self, filepath: PathLike) -> None:
        """Writes the states to an `.npz` file, which never holds a part of them.

        Raises:
            InputError: if the file cannot be written.
        """
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
        """Replaces the states by those that `save_state` wrote.

        Raises:
            InputError: if there is no such file, or it was written by another kind of metric or
                with another extractor.
        """
        arrays = read_npz(filepath)
        try:
            facts = records.parse(str(arrays["facts"]).encode())
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
                f"{filepath} holds features of {name!r}, and {self.name} uses {mine!r}."
            )
        states = {}
        for side, kind in self.sides().items():
            found = {
                key.partition("/")[2]: array
                for key, array in arrays.items()
                if key.startswith(f"{side}/")
            }
            try:
                if found:
                    states[kind, side] = KINDS[kind].of_arrays(found)
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"{filepath} is damaged: the state {kind!r} of {side!r} in it is incomplete or "
                    f"has other arrays ({error})."
                ) from error
        self._record.reset()
        for (kind, side), state in states.items():
            self._record.require(kind, side)
            self._record.states[kind, side] = state
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
    """Raises an `InputError` for an extractor without class scores."""
    if extractor.trial(sample_shape, value_range).logits is None:
        raise InputError(
            f"{name} needs a classifier, and the extractor {extractor.name!r} gives no class "
            "scores. Take 'digits', 'cifar10', 'inception' or a Keras model that ends in them."
        )


def write_npz(path, arrays) -> None:
    """Writes an `.npz` file under another name, then renames it, so that it is never partial.

    Raises:
        InputError: if it cannot be written.
    """
    path = Path(path)

    def write(part):
        # Given a path, NumPy would append .npz to a name that ends otherwise.
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)

    try:
        writing.replace(path, write)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror}.") from error


def read_npz(path) -> dict[str, np.ndarray]:
    """Returns the arrays of an `.npz` file.

    Raises:
        InputError: if there is no such file, or it cannot be read.
    """
    try:
        return records.read_npz(path)
    except FileNotFoundError:
        raise InputError(f"There is no file {str(path)!r}.") from None
    except records.DAMAGE as error:
        raise InputError(f"{path} cannot be read as an .npz file: {error}") from None
