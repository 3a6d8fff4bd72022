"""From a trained model to samples, in this process or in a SavedModel."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kgan import arguments, bridge, checks, random
from kgan.errors import InputError
from kgan.inference import exporting
from kgan.training.execution import kernels
from kgan.typing import ArrayLike, PathLike, Tensor, Tensors


class Sampling:
    """The part of a model that runs its generators in inference mode.

    It relies on `forward`, `data_range` and `average` of the model it is mixed into.
    """

    # Of the model that it is mixed into.
    forward: Callable[..., Tensors]
    networks_of: Callable[[str], list[keras.Model]]
    data_range: Any
    average: Any
    # Whether samples may leave `data_range`, and are brought back.
    _clips = False
    # The compiled form of `sample`; `compile` clears it, for the average may come or go.
    _sampling: Any = None

    def sample(self, latents: Tensors, condition: Tensors = None) -> Tensors:
        """Samples in inference mode, by the averaged generator where there is one."""
        with self.averaged():
            made = self.forward(latents, condition, training=False)
        return tf.nest.map_structure(self.finished, made)

    def averaged(self) -> contextlib.AbstractContextManager:
        """A context in which networks compute with their averaged weights, where there are any.

        Nothing is written, so that a training may go on beside it in another thread.
        """
        if self.average is None:
            return contextlib.nullcontext()
        return keras.StatelessScope([(w, average.value) for w, average in self.average.pairs()])

    def finished(self, samples: Tensors) -> Tensor:
        """Samples as users get them: in the data's range, at least in float32."""
        if self._clips:
            samples = ops.clip(samples, *self.data_range)
        # Networks may compute in half precision; what leaves them is for everyone.
        return ops.cast(samples, keras.backend.result_type(samples.dtype, "float32"))


class LatentSampling(Sampling):
    """Samples from noise: `generate`, `predict`, `preview`, `export`.

    It relies on `draw`, `latents` and `networks_of` of the model, beside what `Sampling` does.
    """

    # Of the model that it is mixed into.
    draw: Callable[..., Tensors]
    latents: Any
    classes: int
    accelerate: Any
    _sampling_seeds: keras.random.SeedGenerator

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        """Samples from latents, or from `[latents, labels]`; `predict` goes through here."""
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
        """New samples, in the data's range.

        Args:
            n: how many; may be left out where `latents` or `labels` say it.
            labels: the class of each sample, for models that are told one: an integer for all,
                or an array `(n,)`. None draws them, every class equally often.
            latents: an array of latents, `(n, *latent_shape)`, in place of drawn ones.
            seed: the same seed gives the same samples; None draws new ones at each call.
            truncation: draw latents nearer the centre; see the latents' `sample`.
            batch_size: samples made at a time.

        Returns:
            A float array of shape `(n, *sample_shape)`, made by the averaged generator where
            `compile(ema=...)` asked for one.

        Raises:
            InputError: for a count that is no positive integer, latents of another shape, or
                labels that the model does not know.
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
            latents = self.draw(n, seed, truncation)
        else:
            latents = ops.convert_to_tensor(latents, "float32")
            if not checks.same_shape(tuple(latents.shape[1:]), self.latents.shape):
                raise InputError(
                    f"latents have shape {tuple(latents.shape)}; expected "
                    f"(n, {', '.join(map(str, self.latents.shape))})."
                )
            if n not in (None, latents.shape[0]):
                raise InputError(f"n={n} was asked for, but {latents.shape[0]} latents were given.")
            n = int(latents.shape[0])
        condition = self._asked_for(labels, n, seed)
        if self._sampling is None:
            self._sampling = bridge.not_warned_of_retracing(
                tf.function(self._made, reduce_retracing=True, autograph=False)
            )
        inputs = (latents,) if condition is None else (latents, condition)
        batches = [
            self._sampling(
                *tf.nest.map_structure(lambda t, start=start: t[start : start + batch_size], inputs)
            ).numpy()
            for start in range(0, n, batch_size)
        ]
        return np.concatenate(batches)

    def _made(self, *inputs):
        with kernels.faster(self.networks_of("generator"), accelerate=self.accelerate):
            return self.sample(*inputs)

    def _asked_for(self, labels, n, seed):
        """What the generator is told beside `n` latents: labels, or None where it is told none."""
        if not self.classes:
            if labels is not None:
                raise InputError("This model is told no class; leave labels out.")
            return None
        if labels is None:
            return self.draw_labels(n, seed)
        labels = np.asarray(labels)
        if not np.issubdtype(labels.dtype, np.integer) or labels.shape not in ((), (n,)):
            raise InputError(
                f"labels are an integer or integers of shape ({n},), one a sample; got dtype "
                f"{labels.dtype} and shape {labels.shape}."
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < self.classes:
            raise InputError(
                f"labels lie in 0..{self.classes - 1}; got {labels.min()}..{labels.max()}."
            )
        return tf.constant(np.broadcast_to(labels, (n,)), tf.int32)

    def draw_labels(self, count: int | Tensor, seed: Tensor) -> Tensor:
        """Labels for `count` samples, every class equally likely, a function of the seed."""
        seed = tf.convert_to_tensor(seed) ^ tf.constant([0, 0x1ABE1], tf.int32)
        return tf.cast(random.uniform([count], seed) * self.classes, tf.int32)

    @property
    def preview_columns(self) -> int | None:
        """How many columns the pictures of `preview` have: one a class; None where it is free."""
        return self.classes if 0 < self.classes <= 32 else None

    def preview(self, count: int = 64, seed: int = 0) -> dict[str, np.ndarray]:
        """Named arrays of samples that show how the model is doing, for callbacks to draw.

        Where the model is told a class, sample i is of class i modulo their number, and the
        last row of such a table is full.
        """
        labels = None
        if self.classes:
            if count > self.classes:
                count -= count % self.classes
            labels = np.arange(count) % self.classes
        return {"samples": self.generate(count, labels=labels, seed=seed)}

    @property
    def signatures(self) -> str:
        """What the SavedModel of `export` answers to, in words."""
        if self.classes:
            return "serve(latents, labels) and sample(labels, seed)"
        return "serve(latents) and sample(count, seed)"

    def export(
        self,
        filepath: PathLike,
        format: str = "tf_saved_model",
        verbose: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        """Writes the generator for serving; it loads where kgan is not installed.

        A SavedModel gets two signatures: `serve(latents)` and `sample(count, seed)`, which
        draws the latents of `generate(count, seed=seed)` itself. Of a model that is told a class
        they are `serve(latents, labels)` and `sample(labels, seed)`, with int32 labels `(n,)`.
        They return samples in the data's range, by the averaged generator where there is one.
        Other formats ("onnx", ...) are Keras's own, of the generator.

        Args:
            filepath: folder of the SavedModel, or file of another format.
            format: "tf_saved_model", or what `keras.Model.export` knows.
            verbose, **kwargs: as in `keras.Model.export`.
        """
        generators = self.networks_of("generator")
        if format != "tf_saved_model":
            if len(generators) > 1:
                raise InputError(
                    f"A model of {len(generators)} generators exports as a SavedModel only; "
                    f"got format={format!r}."
                )
            network = exporting.averaged_copy(generators[0], self.average)
            network.export(filepath, format=format, verbose=verbose, **kwargs)
            return
        latents = tf.TensorSpec((None, *self.latents.shape), tf.float32, name="latents")
        count = tf.TensorSpec((), tf.int32, name="count")
        seed = tf.TensorSpec((), tf.int64, name="seed")
        labels = tf.TensorSpec((None,), tf.int32, name="labels")
        if self.classes:
            endpoints = {
                "serve": (self.sample, [latents, labels]),
                "sample": (self._sampled_as, [labels, seed]),
            }
        else:
            endpoints = {
                "serve": (self.sample, [latents]),
                "sample": (self._sampled, [count, seed]),
            }
        exporting.write_saved_model(
            filepath, endpoints, generators, self.average, verbose=bool(verbose), **kwargs
        )

    def _sampled(self, count, seed):
        return self.sample(self.draw(count, seed_pair(seed)))

    def _sampled_as(self, labels, seed):
        return self.sample(self.draw(tf.shape(labels)[0], seed_pair(seed)), labels)


def seed_pair(seed):
    """The seed of `generate(seed=...)`, an int or a scalar integer tensor, as two int32."""
    if isinstance(seed, (int, np.integer)):
        # Any Python integer is welcome; its lowest 64 bits count.
        seed = (int(seed) + 2**63) % 2**64 - 2**63
    return tf.bitcast(tf.cast(seed, tf.int64), tf.int32)
