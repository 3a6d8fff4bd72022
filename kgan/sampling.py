"""From latents to samples, in this process or in a SavedModel."""

import contextlib

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kgan import checks
from kgan.errors import InputError


class LatentSampling:
    """The part of a model that makes samples from latents: `generate`, `predict`, `export`.

    It relies on `draw`, `forward`, `latents`, `generator` and `average` of the model it is
    mixed into.
    """

    # The compiled form of `sample`; `compile` clears it, for the average may come or go.
    _sampling = None

    def sample(self, latents, condition=None):
        """Samples in inference mode, by the averaged generator where there is one."""
        if self.average is None:
            return self._inferred(latents, condition)
        with keras.StatelessScope([(w, average.value) for w, average in self.average.pairs()]):
            return self._inferred(latents, condition)

    def _inferred(self, latents, condition=None):
        samples = self.forward(latents, condition, training=False)
        # Networks may compute in half precision; what leaves them is for everyone.
        return ops.cast(samples, keras.backend.result_type(samples.dtype, "float32"))

    def call(self, inputs, training=False):
        """Samples from latents; `predict(latents)` goes through here."""
        return self.forward(inputs, training=True) if training else self.sample(inputs)

    def generate(
        self,
        n: int | None = None,
        *,
        latents=None,
        seed: int | None = None,
        truncation: float | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """New samples, in the data's range.

        Args:
            n: how many; may be left out where `latents` says it.
            latents: an array of latents, `(n, *latent_shape)`, in place of drawn ones.
            seed: the same seed gives the same samples; None draws new ones at each call.
            truncation: draw latents nearer the centre; see the latents' `sample`.
            batch_size: samples made at a time.

        Returns:
            A float array of shape `(n, *sample_shape)`, made by the averaged generator where
            `compile(ema=...)` asked for one.

        Raises:
            InputError: for a count that is no positive integer, or latents of another shape.
        """
        checks.positive("batch_size", batch_size)
        if latents is None:
            if n is None:
                raise InputError("generate needs a number of samples: `generate(16)`.")
            n = checks.positive("n", n)
            if seed is not None and not isinstance(seed, (int, np.integer)):
                raise InputError(f"seed must be an integer or None; got {seed!r}.")
            if seed is None:
                seed = ops.cast(self._sampling_seeds.next(), "int32")
            else:
                seed = _seed_pair(seed)
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
        if self._sampling is None:
            self._sampling = tf.function(self.sample, reduce_retracing=True, autograph=False)
            # TensorFlow counts traces by name, and warns when several models have one each.
            self._sampling._omit_frequent_tracing_warning = True
        batches = [
            self._sampling(
                tf.nest.map_structure(lambda t, start=start: t[start : start + batch_size], latents)
            ).numpy()
            for start in range(0, n, batch_size)
        ]
        return np.concatenate(batches)

    def preview(self, count: int = 64, seed: int = 0) -> dict[str, np.ndarray]:
        """Named arrays of samples that show how the model is doing, for callbacks to draw."""
        return {"samples": self.generate(count, seed=seed)}

    def export(self, filepath, format="tf_saved_model", verbose=None, **kwargs):
        """Writes the generator for serving; it loads where kgan is not installed.

        A SavedModel gets two signatures: `serve(latents)` and `sample(count, seed)`, which
        draws the latents of `generate(count, seed=seed)` itself. Both return samples in the
        data's range, by the averaged generator where there is one. Other formats ("onnx", ...)
        are Keras's own, of the generator.

        Args:
            filepath: folder of the SavedModel, or file of another format.
            format: "tf_saved_model", or what `keras.Model.export` knows.
            verbose, **kwargs: as in `keras.Model.export`.
        """
        with self._averaged_generator():
            if format != "tf_saved_model":
                self.generator.export(filepath, format=format, verbose=verbose, **kwargs)
                return
            archive = keras.export.ExportArchive()
            # The network that is served, and not the whole GAN, with its optimizers.
            archive.track(self.generator)
            latents = tf.TensorSpec((None, *self.latents.shape), tf.float32, name="latents")
            archive.add_endpoint("serve", self._inferred, [latents])
            archive.add_endpoint(
                "sample",
                lambda count, seed: self._inferred(self.draw(count, _seed_pair(seed))),
                [
                    tf.TensorSpec((), tf.int32, name="count"),
                    tf.TensorSpec((), tf.int64, name="seed"),
                ],
            )
            archive.write_out(str(filepath), verbose=bool(verbose), **kwargs)

    @contextlib.contextmanager
    def _averaged_generator(self):
        """Puts the averaged weights into the generator for a while, where there are any."""
        pairs = self.average.pairs() if self.average is not None else []
        raw = [ops.copy(weight.value) for weight, _ in pairs]
        try:
            for weight, average in pairs:
                weight.assign(average.value)
            yield
        finally:
            for (weight, _), value in zip(pairs, raw, strict=True):
                weight.assign(value)


def _seed_pair(seed):
    """The seed of `generate(seed=...)`, an int or a scalar integer tensor, as two int32."""
    if isinstance(seed, (int, np.integer)):
        # Any Python integer is welcome; its lowest 64 bits count.
        seed = (int(seed) + 2**63) % 2**64 - 2**63
    return tf.bitcast(tf.cast(seed, tf.int64), tf.int32)
