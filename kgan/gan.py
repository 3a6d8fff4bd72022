"""GAN: two Keras models, a generator and a discriminator, as one model.

`kgan.game.Game` has the methods that a family may override. `GAN` is the `Game` whose generator is
fed latents.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments, checks, packs
from kgan.errors import InputError
from kgan.game import Game as Game
from kgan.game import Recipe as Recipe
from kgan.inference.sampling import LatentSampling
from kgan.latents import Latents
from kgan.typing import Config, Self, Tensor, Tensors


@keras.saving.register_keras_serializable("kgan")
class GAN(LatentSampling, Game):
    """A generative adversarial network over any two Keras models (Goodfellow et al. 2014).

    Args:
        generator: takes a batch of latents, `(batch, *latent_shape)`, and returns samples,
            `(batch, *sample_shape)`: images, signals, points, anything.
        discriminator: takes samples and returns one raw score each, `(batch, 1)`, or one a
            patch, `(batch, ..., 1)`. No sigmoid at its end: the losses apply it.
        latents: the distribution of the latents: a shape for standard normal latents, or a
            `kgan.latents.Latents`. By default standard normal, of the generator's input shape.
        data_range: (low, high) of the samples, both the data's and the generator's; None
            disables the check of the data's range. "auto" takes it from the generator's last
            activation: tanh means (-1, 1), sigmoid (0, 1), anything else None. If the generator
            has no such activation, `generate` clips its samples to a range given here; training
            does not.
        classes: number of classes of a conditional model; 0 for an unconditional one. With
            classes the generator takes `[latents, labels]` and the discriminator
            `[samples, labels]`, with labels `(batch,)`, integers from 0; the dataset yields
            `(samples, labels)`.
        seed: seed of everything that the model draws at random. By default it is drawn from
            Python's `random`, which `keras.utils.set_random_seed` seeds.
        name: name of the model.
        pack: m, how many samples the discriminator scores together against mode collapse, as in
            PacGAN (Lin et al. 2018, section 2). It then takes `(batch, ..., m · channels)`: m
            samples side by side in the last axis. The paper has 2 to 4. Not with classes. Batches,
            and a replica's part of one, are best multiples of m: the last pack of others is filled
            with samples from their beginning.

    Attributes:
        pack_size: `pack`.

    Raises:
        InputError: if the networks do not fit the latents, each other or the losses.

    Example:

    ```python
    gan = kgan.GAN(generator, discriminator)
    gan.compile(loss="hinge", penalties=[kgan.penalties.R1(10.0)])
    gan.fit(dataset, epochs=20)
    images = gan.generate(16, seed=0)
    ```

    Families override the small methods below and those of `kgan.game.Game`, not the training step.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latents: int | tuple[int, ...] | Latents | None = None,
        data_range: tuple[float, float] | str | None = "auto",
        classes: int = 0,
        seed: int | None = None,
        name: str | None = None,
        pack: int = 1,
    ):
        super().__init__(seed=seed, name=name)
        for role, network in (("generator", generator), ("discriminator", discriminator)):
            if not isinstance(network, keras.Model):
                raise InputError(f"The {role} must be a keras.Model; got {network!r}.")
        self.classes = arguments.classes(classes)
        self.pack_size = arguments.integer("pack", pack)
        if self.pack_size > 1 and self.classes:
            raise InputError(
                f"pack={self.pack_size} and classes={self.classes}: the samples of a pack would "
                "have several labels. Packs are for models without classes."
            )
        plain = type(self).forward is GAN.forward
        self.latents = checks.find_latents(generator, latents, plain, self.classes)
        self.generator = generator
        self.discriminator = discriminator
        self.data_range = data_range
        if isinstance(data_range, str) and data_range == "auto":
            self.data_range = checks.output_range(generator)
        elif data_range is not None:
            self.data_range = arguments.interval("data_range", data_range, or_else="None")
        self._clips = self.data_range is not None and checks.output_range(generator) is None
        self._try_networks()
        self.built = True

    @property
    def networks(self) -> dict[str, keras.Model]:
        """The networks by role."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def _try_networks(self):
        """Runs both networks on two latents, and sets the shape of one sample."""
        condition = self.example_condition(2)
        latents = checks.tensors("The latents", self.draw(2, tf.constant([0, 0])), 2)
        fake = checks.one_sample_each(self.forward(latents, condition, training=False))
        self.sample_shape = sample_shape = tuple(fake.shape[1:])
        expected = getattr(self.discriminator, "input_shape", None)
        if isinstance(expected, list):
            expected = expected[0]
        # A family that overrides `score` may call its discriminator on another shape.
        plain = type(self).score is GAN.score
        scored = packs.folded_shape(sample_shape, self.pack_size)
        if plain and isinstance(expected, tuple) and not checks.same_shape(scored, expected[1:]):
            together = f", and packs of {self.pack_size} {scored}" if self.pack_size > 1 else ""
            raise InputError(
                f"The generator makes samples of shape {sample_shape}{together}, but the "
                f"discriminator takes {expected[1:]}. Build both for one shape."
            )
        checks.scores_are_raw(self.discriminator)
        checks.one_score_each(self.score(fake, condition))

    # Methods that families override, in addition to those of `Game`.

    def unpack(self, data: Any) -> tuple[Any, Any]:
        """Returns (real samples, condition) of an element of the dataset.

        The condition of a conditional model is the labels, `(batch,)`; else it is None.
        """
        real, *rest = data if isinstance(data, (tuple, list)) else (data,)
        if not self.classes:
            return real, None
        return real, checks.labels(rest[0] if rest else None, self.classes)

    def example_condition(self, count: int) -> Tensors:
        """Returns a condition for `count` samples to call the networks with, or None."""
        return tf.zeros([count], tf.int32) if self.classes else None

    def draw(self, count: int | Tensor, seed: Tensor, truncation: float | None = None) -> Tensors:
        """Draws latents for `count` samples."""
        return self.latents.sample(count, seed, truncation)

    def forward(
        self, latents: Tensors, condition: Tensors = None, training: bool = False
    ) -> Tensors:
        """Returns the generator's samples, `(batch, *sample_shape)`."""
        inputs = latents if condition is None else [latents, condition]
        return self.generator(inputs, training=training)

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        """Returns raw scores of samples, `(batch, 1)` or `(batch, ..., 1)`, at least in float32.

        With `pack` > 1 it takes samples or packs `(packs, pack, ...)`, and returns one score for
        each pack.
        """
        if self.pack_size > 1:
            samples = packs.folded(samples if self.are_packs(samples) else self.packs(samples))
        inputs = samples if condition is None else [samples, condition]
        scores = self.discriminator(inputs, training=training)
        checks.one_score_each(scores)
        return ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))

    def get_config(self) -> Config:
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "latents": keras.saving.serialize_keras_object(self.latents),
            "data_range": self.data_range,
            "classes": self.classes,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()

    def _shared_config(self) -> Config:
        pack = {"pack": self.pack_size} if self.pack_size > 1 else {}
        return super()._shared_config() | pack

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = cls.former_options(config) | config
        for name in ("generator", "discriminator", "latents"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
