"""Sources that draw samples: runs, models, SavedModels."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import latents as latent_spaces
from kgan.data import kinds, ranges
from kgan.errors import InputError
from kgan.evaluation.datasets import Data
from kgan.evaluation.samples import BATCH, RANGE, Frame, Samples, Source, scaled
from kgan.inference.seeds import seed_pair
from kgan.runs import RunFolder, trained
from kgan.runs.loading import load
from kgan.training.model import AdversarialModel
from kgan.typing import Range

# Samples that show the shape, the range and the layout of what a file draws.
_TRIAL = 64
# Between the seeds of successive batches.
_STEP = 1_000_003
_DISTRIBUTIONS = {"normal": latent_spaces.Normal, "uniform": latent_spaces.Uniform}


class Model(Source):
    """A GAN in memory.

    Args:
        gan: the model.
        name: what the user called it.
    """

    kind = "model"
    generates = True

    def __init__(self, gan: AdversarialModel, name: str = ""):
        self.gan, self.name = gan, name or gan.name

    def open(self, frame: Frame) -> Samples:
        gan: Any = self.gan
        if kinds.of(gan).from_images:
            command = kinds.of(gan).command
            raise InputError(
                f"{self.name} starts from images, so nothing can be drawn from it alone. Write "
                f"what it makes, by `kgan {command}`, and compare the folder of that."
            )
        target = RANGE if gan.data_range is not None else None

        def read(count: int, labels: Any) -> Iterator[tuple[np.ndarray, Any]]:
            # All at once, so that they are the samples of `generate(count, seed=seed)`.
            latents = gan.draw(count, seed_pair(frame.seed))
            for start in range(0, count, BATCH):
                own = None if labels is None else labels[start : start + BATCH]
                part = tf.nest.map_structure(lambda t, s=start: t[s : s + BATCH], latents)
                made = gan.generate(latents=part, labels=own, seed=frame.seed)
                yield scaled(made, gan.data_range), own

        return Samples(
            shape=tuple(gan.sample_shape),
            value_range=target,
            read=read,
            classes=gan.classes,
            conditional=bool(gan.classes),
        )


class Run(Model):
    """The folder of a training of `kgan train`.

    Args:
        path: the folder.
        gan: its model, where it is loaded already; None loads it when it is first used.
    """

    kind = "run"

    def __init__(self, path: Path, gan: AdversarialModel | None = None):
        self.run, self.name = RunFolder(path), str(path)
        self.settings = self.run.config()["settings"]
        self._gan: Any = gan

    @property
    def gan(self) -> AdversarialModel:
        """The model, loaded when it is first used."""
        if self._gan is None:
            self._gan = trained(self.run)
        return self._gan

    def training(self, labels: bool = False) -> Source:
        """Returns what the run was trained on, on request with the labels that it has."""
        settings = self.settings
        shape = self.gan.sample_shape
        options = {"split": settings["split"], "data_dir": settings["data_dir"]}
        if not labels:
            options["labels"] = False
        if len(shape) == 3:
            options |= {"size": tuple(shape[:2]), "channels": settings["channels"]}
        return Data(settings["data"], options=options)


class Drawn(Source):
    """A function that draws samples, of which only the samples tell the shape and the range."""

    generates = True

    def open(self, frame: Frame) -> Samples:
        draw, conditional = self.prepared(frame)
        trial = self._made(draw, _TRIAL, np.zeros(_TRIAL, "int64") if conditional else None, 0)
        turned = _channels_first(trial.shape)
        trial = _channels_last(trial) if turned else trial
        given = self._range(trial, frame)

        def read(count: int, labels: Any) -> Iterator[tuple[np.ndarray, Any]]:
            for batch, start in enumerate(range(0, count, BATCH)):
                own = None if labels is None else labels[start : start + BATCH]
                number = min(BATCH, count - start)
                made = self._made(draw, number, own, frame.seed + batch * _STEP)
                yield scaled(_channels_last(made) if turned else made, given), own

        return Samples(
            shape=trial.shape[1:],
            value_range=None if given is None else RANGE,
            read=read,
            classes=(frame.classes or 0) if conditional else 0,
            conditional=conditional,
        )

    def prepared(self, frame: Frame) -> tuple[Callable[..., Any], bool]:
        """Returns a function of (count, labels, seed), and whether it needs labels."""
        raise NotImplementedError

    def _made(self, draw, count, labels, seed) -> np.ndarray:
        try:
            made = np.asarray(draw(count, labels, seed))
        except InputError:
            raise
        except Exception as error:  # runtimes raise errors of many classes
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"{self.name} draws no samples: {line} Expected a generator that takes latents "
                "(batch, ...), and class numbers if it is conditional."
            ) from error
        if made.ndim < 2 or len(made) != count or made.dtype.kind not in "fiu":
            raise InputError(
                f"{self.name} makes {made.dtype} of shape {made.shape} of {count} latents; "
                f"expected samples ({count}, ...)."
            )
        return made

    def _range(self, trial, frame) -> Range | None:
        if frame.value_range is not None:
            return frame.value_range
        if trial.ndim != 4:
            return None
        try:
            return ranges.source_range(trial)
        except InputError:
            raise InputError(
                f"{self.name} draws values from {trial.min():g} to {trial.max():g}, which do not "
                "tell their range. Give it, as value_range=(-1, 1) in Python or --range -1 1."
            ) from None


class KerasGenerator(Drawn):
    """A Keras model from latents, or latents and class numbers, to samples."""

    kind = "Keras model"

    def __init__(self, model: keras.Model, name: str = ""):
        self.model, self.name = model, name or model.name

    def prepared(self, frame: Frame) -> tuple[Callable[..., Any], bool]:
        inputs = [(each.shape[1:], each.dtype) for each in self.model.inputs]
        space, conditional = space_of(self.name, inputs, frame.latents)

        def draw(count, labels, seed):
            latents = space.sample(count, seed_pair(seed))
            if not conditional:
                return self.model(latents, training=False)
            return self.model(
                [latents, labels_for(labels, self.model.inputs[1].shape)], training=False
            )

        return draw, conditional


class SavedModel(Drawn):
    """A SavedModel that `gan.export` wrote, or another with one signature of latents."""

    kind = "SavedModel"

    def __init__(self, path: Path):
        self.path, self.name = path, str(path)

    def prepared(self, frame: Frame) -> tuple[Callable[..., Any], bool]:
        try:
            loaded = tf.saved_model.load(str(self.path))
        except Exception as error:  # damaged files raise errors of many classes
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"The SavedModel {self.path} cannot be loaded: {line}") from error
        signatures = loaded.signatures
        # TensorFlow drops what is loaded when nobody holds it.
        self._loaded = loaded
        if "sample" in signatures:
            return self._of_kgan(signatures["sample"])
        served = next(
            (signatures[n] for n in ("serve", "serving_default") if n in signatures), None
        )
        if served is None:
            raise InputError(
                f"{self.path} has the signatures {', '.join(signatures) or 'none'}; expected "
                "'sample', which `gan.export` writes, or 'serving_default' from latents to samples."
            )
        known = served.structured_input_signature[1]
        specs = sorted(known.values(), key=lambda spec: (not spec.dtype.is_floating, spec.name))
        space, conditional = space_of(
            self.name, [(spec.shape[1:], spec.dtype.name) for spec in specs], frame.latents
        )

        def draw(count, labels, seed):
            given = [space.sample(count, seed_pair(seed))]
            if conditional:
                given.append(labels_for(labels, specs[1].shape))
            named = {
                spec.name: tf.cast(v, spec.dtype) for spec, v in zip(specs, given, strict=True)
            }
            return next(iter(served(**named).values()))

        return draw, conditional

    @staticmethod
    def _of_kgan(sample) -> tuple[Callable[..., Any], bool]:
        conditional = "labels" in sample.structured_input_signature[1]

        def draw(count, labels, seed):
            given = (
                {"labels": tf.constant(labels, tf.int32)}
                if conditional
                else {"count": tf.constant(count, tf.int32)}
            )
            made = sample(seed=tf.constant(seed, tf.int64), **given)
            return next(iter(made.values()))

        return draw, conditional


def of_keras_file(path: Path) -> Source:
    """Returns the source of a `.keras` file: a GAN of kgan's, or a generator.

    Raises:
        InputError: if it cannot be loaded.
    """
    try:
        return Model(load(path), str(path))
    except InputError as error:
        if not str(error).endswith("not a GAN."):
            raise
    return KerasGenerator(keras.saving.load_model(path, compile=False), str(path))


def space_of(name, inputs, distribution):
    """Returns the latents of a generator, and whether its second input is a class.

    Args:
        name: the name of the source.
        inputs: (shape without the batch, dtype) of each input, that of the latents first.
        distribution: "normal" or "uniform".
    """
    if distribution not in _DISTRIBUTIONS:
        raise InputError(
            f"latents are drawn from {' or '.join(_DISTRIBUTIONS)}; got {distribution!r}."
        )
    shape = tuple(inputs[0][0]) if inputs else ()
    known = all(isinstance(side, int) for side in shape)
    if len(inputs) not in (1, 2) or not shape or not known or "int" in str(inputs[0][1]):
        shown = "; ".join(f"{kind} {tuple(sides)}" for sides, kind in inputs) or "none"
        raise InputError(
            f"{name} takes the inputs {shown}; expected latents of a known shape, and class "
            "numbers if it is conditional."
        )
    return _DISTRIBUTIONS[distribution](shape), len(inputs) == 2


def labels_for(labels, shape):
    """Returns labels as a generator's input of a shape takes them: numbers, or one-hot rows."""
    width = shape[-1] if len(shape) == 2 else None
    labels = np.asarray(labels)
    if isinstance(width, int) and width > 1:
        return tf.one_hot(labels, width)
    return tf.constant(labels.reshape(-1, 1) if len(shape) == 2 else labels)


def _channels_first(shape) -> bool:
    return len(shape) == 4 and shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4)


def _channels_last(images: np.ndarray) -> np.ndarray:
    return np.moveaxis(images, 1, -1)
