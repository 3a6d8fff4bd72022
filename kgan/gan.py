"""GAN: two Keras models, a generator fed with noise and a discriminator, as one model."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import checks
from kgan.errors import InputError
from kgan.game import Game
from kgan.sampling import LatentSampling


@keras.saving.register_keras_serializable("kgan")
class GAN(LatentSampling, Game):
    """A generative adversarial network over any two Keras models (Goodfellow et al. 2014).

    Args:
        generator: takes a batch of latents, `(batch, *latent_shape)`, and returns samples,
            `(batch, *sample_shape)`: images, signals, points, anything.
        discriminator: takes samples and returns one raw score each, `(batch, 1)`, or one a
            patch, `(batch, ..., 1)`. No sigmoid at its end: the losses apply it.
        classes: where the model is told a class, how many there are. The generator then takes
            `[latents, labels]` and the discriminator `[samples, labels]`, with labels
            `(batch,)`, integers from 0; the dataset yields `(samples, labels)`.
        latents: where the noise comes from: a shape for standard normal latents, or a
            `kgan.latents.Latents`. By default standard normal, of the generator's input shape.
        data_range: (low, high) of the samples, both the data's and the generator's; None
            leaves it unchecked. "auto" reads it off the generator's last activation: tanh
            means (-1, 1), sigmoid (0, 1), anything else None. What a generator without such an
            activation draws beyond a range given here is clipped in `generate`, not in training.
        seed: of all the model draws; by default one that `keras.utils.set_random_seed` settles.
        name: name of the model.

    Raises:
        InputError: where the networks do not fit the latents, each other or the losses.

    Example:

    ```python
    gan = kgan.GAN(generator, discriminator)
    gan.compile(loss="hinge", penalties=[kgan.penalties.R1(10.0)])
    gan.fit(dataset, epochs=20)
    images = gan.generate(16, seed=0)
    ```

    Families override the small methods below and those of `kgan.game.Game`; `train_step` stays.
    """

    def __init__(
        self,
        generator,
        discriminator,
        latents=None,
        data_range="auto",
        classes=0,
        seed=None,
        name=None,
    ):
        super().__init__(seed=seed, name=name)
        for role, network in (("generator", generator), ("discriminator", discriminator)):
            if not isinstance(network, keras.Model):
                raise InputError(f"The {role} must be a keras.Model; got {network!r}.")
        self.classes = checks.class_count(classes)
        plain = type(self).forward is GAN.forward
        self.latents = checks.find_latents(generator, latents, plain, self.classes)
        self.generator = generator
        self.discriminator = discriminator
        self.data_range = data_range
        if data_range == "auto":
            self.data_range = checks.output_range(generator)
        elif data_range is not None:
            self.data_range = checks.value_range(data_range)
        self._clips = self.data_range is not None and checks.output_range(generator) is None
        self.sample_shape = self._try_networks()
        self.built = True

    @property
    def networks(self) -> dict[str, keras.Model]:
        """The networks by role."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def _try_networks(self):
        """The shape of one sample, found by sending two latents through both networks."""
        condition = self.example_condition(2)
        fake = self.forward(self.draw(2, tf.constant([0, 0])), condition, training=False)
        sample_shape = tuple(fake.shape[1:])
        expected = getattr(self.discriminator, "input_shape", None)
        if isinstance(expected, list):
            expected = expected[0]
        # A family with a `score` of its own may show its discriminator something else.
        plain = type(self).score is GAN.score
        if (
            plain
            and isinstance(expected, tuple)
            and not checks.same_shape(sample_shape, expected[1:])
        ):
            raise InputError(
                f"The generator makes samples of shape {sample_shape}, but the discriminator "
                f"takes {expected[1:]}. Build both for one shape."
            )
        checks.scores_are_raw(self.discriminator)
        checks.one_score_each(self.score(fake, condition))
        return sample_shape

    # What families change, beside what `kgan.game.Game` lets them.

    def unpack(self, data) -> tuple[Any, Any]:
        """(real samples, condition) of what the dataset yields.

        The condition is the labels, `(batch,)`, where the model is told a class, else None.
        """
        real, *rest = data if isinstance(data, (tuple, list)) else (data,)
        if not self.classes:
            return real, None
        return real, checks.labels(rest[0] if rest else None, self.classes)

    def example_condition(self, count: int):
        """A condition for `count` samples, to try the networks with; None where there is none."""
        return tf.zeros([count], tf.int32) if self.classes else None

    def draw(self, count, seed, truncation=None):
        """What the generator is fed, for `count` samples."""
        return self.latents.sample(count, seed, truncation)

    def forward(self, latents, condition=None, training=False):
        """Samples the generator makes of what it is fed."""
        inputs = latents if condition is None else [latents, condition]
        return self.generator(inputs, training=training)

    def score(self, samples, condition=None, training=False):
        """Raw scores of samples, `(batch, 1)` or `(batch, ..., 1)`, at least in float32."""
        inputs = samples if condition is None else [samples, condition]
        scores = self.discriminator(inputs, training=training)
        checks.one_score_each(scores)
        return ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "latents": keras.saving.serialize_keras_object(self.latents),
            "data_range": self.data_range,
            "classes": self.classes,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("generator", "discriminator", "latents"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
