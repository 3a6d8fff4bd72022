"""Samples of a trained model, in this process or in a SavedModel."""

import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kgan import arguments, bridge, checks, random
from kgan.data import memory
from kgan.errors import InputError
from kgan.inference import exploring, exporting
from kgan.inference.methods import Exploring
from kgan.inference.seeds import seed_pair
from kgan.training import out_of_memory
from kgan.training.execution import kernels
from kgan.typing import ArrayLike, PathLike, Tensor, Tensors

if TYPE_CHECKING:
    from kgan.inference.formats.checking import Price


class Sampling:
    """The part of a model that runs its generators in inference mode.

    It is a mixin, and uses `forward`, `data_range`, `average` and `endpoints` of the model.
    """

    # Attributes of the model.
    forward: Callable[..., Tensors]
    networks_of: Callable[[str], list[keras.Model]]
    data_range: Any
    average: Any
    # What is served, by name, and how other formats of Keras are written.
    endpoints: Callable[..., dict[str, exporting.Endpoint]]
    _export_by_keras: Callable[..., None]
    # Whether samples are clipped to `data_range`.
    _clips = False
    # The traced form of `sample`; `compile` resets it, because the average may change.
    _sampling: Any = None
    # The same for weights of the classes in place of labels.
    _mixing: Any = None

    def sample(self, latents: Tensors, condition: Tensors = None) -> Tensors:
        """Returns samples in inference mode, of the averaged generator if there is an average."""
        return self._sampled(latents, condition, self.averaged)

    def _sampled(self, latents, condition, weights):
        with weights():
            made = self.forward(latents, condition, training=False)
        return tf.nest.map_structure(self.finished, made)

    def export(
        self,
        filepath: PathLike,
        format: str = "tf_saved_model",
        verbose: int | str | None = None,
        precision: str | None = None,
        force: bool = False,
        **kwargs: Any,
    ) -> "Price | None":
        """Writes the generator for serving; loading it does not require kgan.

        A SavedModel has two signatures: `serve(latents)` and `sample(count, seed)`, which draws
        the same latents as `generate(count, seed=seed)`. For a conditional model they are
        `serve(latents, labels)` and `sample(labels, seed)`, with int32 labels `(n,)`. For a model
        that starts from images they are `serve(images)`, of CycleGAN `a2b(images)` and
        `b2a(images)`, for images of any size. They return samples in the data's range, of the
        averaged generator if there is an average.

        "onnx", "litert", "keras" and "web" hold `serve`. Such a file is run in its own runtime and
        compared with the model before it is kept; docs/formats.md says what each is for. Any other
        format is Keras's own, and holds the generator alone; a model that starts from images has
        none.

        Args:
            filepath: folder of the SavedModel, or file of another format; its end (.onnx, .tflite,
                .keras, .html) tells the format.
            format: "tf_saved_model", "keras", "onnx", "litert", "web", or another format of
                `keras.Model.export`.
            verbose: as in `keras.Model.export`.
            precision: "float32", "float16" or "int8", where the format has it; see docs/formats.md.
            force: whether to keep a file that ruins the samples.
            **kwargs: `endpoint`, "a2b" or "b2a", chooses the network of CycleGAN that a file
                holds; `representative`, images in the data's range, is what int8 measures by where
                a model starts from images. Others are as in `keras.Model.export`.

        Returns:
            What the file costs, `kgan.inference.formats.checking.Price`; None for what is written
            without a comparison, a SavedModel without `precision` and Keras's formats.

        Raises:
            InputError: for another format, if the model has several generators or a generator
                that cannot be copied with its averaged weights; for a folder that holds anything
                but an earlier export, or whose path is not UTF-8; for a file that would ruin the
                samples.
        """
        filepath = arguments.utf8_path("filepath", filepath)
        if exporting.is_compared(filepath, format, precision, kwargs):
            return exporting.compared(self, filepath, format, precision, force, kwargs)
        shown = exporting.shown(verbose)
        if format == "tf_saved_model":
            endpoints = self.endpoints(drawn=True)
            exporting.write_saved_model(
                filepath,
                {name: (call, inputs) for name, (call, inputs, _) in endpoints.items()},
                exporting.weights_of(exporting.networks_of(endpoints), self.average),
                verbose=shown,
                **kwargs,
            )
        else:
            self._export_by_keras(filepath, format, verbose=verbose, **kwargs)
        return None

    def averaged(self) -> contextlib.AbstractContextManager:
        """Returns a context in which networks use their averaged weights, if there are any.

        No variable is written, so that another thread may train the model at the same time.
        """
        if self.average is None:
            return contextlib.nullcontext()
        return keras.StatelessScope([(w, average.value) for w, average in self.average.pairs()])

    def finished(self, samples: Tensors) -> Tensor:
        """Returns samples in the data's range, at least in float32."""
        if self._clips:
            samples = ops.clip(samples, *self.data_range)
        return ops.cast(samples, keras.backend.result_type(samples.dtype, "float32"))


class LatentSampling(Exploring, Sampling):
    """Sampling from latents: `generate`, `predict`, `preview`, `export`.

    It is a mixin, and also uses `draw`, `latents` and `networks_of` of the model.
    """

    # Attributes of the model.
    draw: Callable[..., Tensors]
    latents: Any
    sample_shape: tuple
    classes: int
    accelerate: Any
    _sampling_seeds: keras.random.SeedGenerator

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        """Returns samples for latents, or for `[latents, labels]`; Keras's `predict` calls it."""
        inputs = inputs if self.classes else [inputs]
        return self.forward(*inputs, training=True) if training else self.sample(*inputs)

    def generate(
        self,
        n: int | None = None,
        *,
        labels: ArrayLike = None,
        latents: Tensors = None,
        seed: int | None = None,
        truncation: float | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Generates samples.

        Args:
            n: number of samples; optional if `latents`, or `labels` as an array, are given.
            labels: the classes of the samples, for conditional models: an integer for all
                samples, or integers `(n,)`. None draws them; all classes are equally likely.
                Weights of the classes, floats `(n, classes)`, mix them where the generator
                allows it: (0.5, 0.5, 0) is half way between the first two.
            latents: latents `(n, *latent_shape)` to use instead of drawing them.
            seed: the same seed gives the same samples; None draws new ones at each call.
            truncation: draws latents closer to the centre; see `sample` of the latents.
            batch_size: number of samples that are generated at a time.

        Returns:
            A float array of shape `(n, *sample_shape)` in the data's range. With
            `compile(ema=...)` the averaged generator makes it.

        Raises:
            InputError: if `n` is not a positive integer, the latents have another shape, or the
                labels are not classes of the model.
        """
        arguments.integer("batch_size", batch_size)
        seed = arguments.seed(seed)
        if seed is None:
            seed = ops.cast(self._sampling_seeds.next(), "int32")
        else:
            seed = seed_pair(seed)
        if n is None and latents is None and np.ndim(labels) != 0:
            n = len(labels)
        if latents is None:
            if n is None:
                raise InputError("generate needs a number of samples: `generate(16)`.")
            n = arguments.integer("n", n)
            self.check_count(n)
            latents = self.draw(n, seed, truncation)
        else:
            if not tf.is_tensor(latents):
                latents = arguments.array("latents", latents)
            latents = ops.convert_to_tensor(latents, "float32")
            if not checks.same_shape(tuple(latents.shape[1:]), self.latents.shape):
                raise InputError(
                    f"latents have shape {tuple(latents.shape)}; expected "
                    f"(n, {', '.join(map(str, self.latents.shape))})."
                )
            if n not in (None, latents.shape[0]):
                raise InputError(f"n={n} was asked for, but {latents.shape[0]} latents were given.")
            n = int(latents.shape[0])
        condition = self._condition_for(labels, n, seed)
        sampling = self._sampler(condition)
        inputs = (latents,) if condition is None else (latents, condition)
        with out_of_memory.advice("Sampling", out_of_memory.SAMPLING):
            batches = [
                sampling(
                    *tf.nest.map_structure(lambda t, s=start: t[s : s + batch_size], inputs)
                ).numpy()
                for start in range(0, n, batch_size)
            ]
            return np.concatenate(batches)

    def _sampler(self, condition):
        """Returns the traced function from latents, and a condition, to samples."""
        if condition is not None and condition.dtype.is_floating:
            if self._mixing is None:
                self._mixing = exploring.mixer(self)
            return self._mixing
        if self._sampling is None:
            self._sampling = bridge.without_retracing_warning(
                tf.function(self._accelerated_sample, reduce_retracing=True, autograph=False)
            )
        return self._sampling

    def check_count(self, n: int) -> None:
        """Checks that so many samples, their latents and labels fit into the free memory.

        Raises:
            InputError: if they do not.
        """
        numbers = 2 * _numbers(self.sample_shape) + _numbers(self.latents.shape)
        # Labels are made as integers of 64 bits, from others.
        size = 4 * numbers + (24 if self.classes else 0)
        memory.must_fit(n * size, f"Generating {n} samples", "Ask for fewer at a time.")

    def _accelerated_sample(self, *inputs):
        with kernels.faster(self.networks_of("generator"), accelerate=self.accelerate):
            return self.sample(*inputs)

    def _condition_for(self, labels, n, seed):
        """Returns the labels of `n` samples, given or drawn; None for an unconditional model."""
        if not self.classes:
            if labels is not None:
                raise InputError("This model is not conditioned on a class; leave labels out.")
            return None
        if labels is None:
            return self.draw_labels(n, seed)
        labels = np.asarray(labels)
        if labels.ndim == 2 and labels.dtype.kind == "f":
            return tf.constant(exploring.class_weights(self, labels, n))
        if not np.issubdtype(labels.dtype, np.integer) or labels.shape not in ((), (n,)):
            raise InputError(
                f"labels are an integer or integers of shape ({n},), one a sample, or floats "
                f"({n}, {self.classes}) that weigh the classes; got dtype "
                f"{labels.dtype} and shape {labels.shape}."
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < self.classes:
            raise InputError(
                f"labels lie in 0..{self.classes - 1}; got {labels.min()}..{labels.max()}."
            )
        return tf.constant(np.broadcast_to(labels, (n,)), tf.int32)

    def draw_labels(self, count: int | Tensor, seed: Tensor) -> Tensor:
        """Draws int32 labels `(count,)` by a seed; all classes are equally likely."""
        seed = tf.convert_to_tensor(seed) ^ tf.constant([0, 0x1ABE1], tf.int32)
        return tf.cast(random.uniform([count], seed) * self.classes, tf.int32)

    @property
    def preview_columns(self) -> int | None:
        """The number of columns in pictures of `preview`: the classes; None allows any number."""
        return self.classes if 0 < self.classes <= 32 else None

    def preview(self, count: int = 64, seed: int = 0) -> dict[str, np.ndarray]:
        """Generates samples that show the state of training, for callbacks.

        In a conditional model sample i has the class i modulo the number of classes, and the
        number of samples is rounded down to full rows of all classes.

        Args:
            count: number of samples.
            seed: the same seed gives the same latents.

        Returns:
            Arrays of samples by name.
        """
        count = arguments.integer("count", count)
        self.check_count(count)
        labels = None
        if self.classes:
            if count > self.classes:
                count -= count % self.classes
            labels = np.arange(count) % self.classes
        return {"samples": self.generate(count, labels=labels, seed=seed)}

    @property
    def signatures(self) -> str:
        """The signatures of the SavedModel of `export`, in words."""
        if self.classes:
            return "serve(latents, labels) and sample(labels, seed)"
        return "serve(latents) and sample(count, seed)"

    def _export_by_keras(self, filepath, format, **kwargs):
        generators = self.networks_of("generator")
        if len(generators) > 1:
            raise InputError(
                f"format={format!r} holds one network; this model draws with {len(generators)}. "
                "Take 'onnx', 'litert', 'web' or 'savedmodel'."
            )
        network = exporting.averaged_copy(generators[0], self.average)
        exporting.write_other(network, filepath, format, **kwargs)

    def endpoints(
        self,
        weights: Callable[[], contextlib.AbstractContextManager] | None = None,
        drawn: bool = False,
    ) -> dict[str, exporting.Endpoint]:
        """Returns what is served, by name: a function, its inputs, and the networks that it runs.

        Args:
            weights: returns a context in which networks use other weights; None uses the averaged.
            drawn: whether to add "sample", which draws the latents itself.
        """
        weights = weights or self.averaged
        networks = self.networks_of("generator")
        latents = tf.TensorSpec((None, *self.latents.shape), tf.float32, name="latents")
        labels = tf.TensorSpec((None,), tf.int32, name="labels")
        seed = tf.TensorSpec((), tf.int64, name="seed")
        count = tf.TensorSpec((), tf.int32, name="count")

        def serve(latents, labels=None):
            return self._sampled(latents, labels, weights)

        def sample(number, seed):
            size = tf.shape(number)[0] if self.classes else number
            latents = self.draw(size, seed_pair(seed))
            return serve(latents, number) if self.classes else serve(latents)

        # With its own names of the arguments, by which a SavedModel is called.
        def sample_count(count, seed):
            return sample(count, seed)

        def sample_labels(labels, seed):
            return sample(labels, seed)

        given = [latents, labels] if self.classes else [latents]
        found: dict[str, exporting.Endpoint] = {"serve": (serve, given, networks)}
        if drawn and self.classes:
            found["sample"] = (sample_labels, [labels, seed], networks)
        elif drawn:
            found["sample"] = (sample_count, [count, seed], networks)
        return found


def _numbers(shape) -> int:
    """Returns how many numbers a shape holds at least; unknown sides count as 1."""
    return math.prod(side or 1 for side in shape)
