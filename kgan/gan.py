"""GAN: two Keras models, a generator fed with noise and a discriminator, as one model.

`Game` lists what families change, each a method of a few lines; `GAN` is the game from noise.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments, bridge, checks
from kgan.data import kinds
from kgan.data.info import DataInfo
from kgan.errors import InputError
from kgan.inference.sampling import LatentSampling
from kgan.latents import Latents
from kgan.losses import Loss
from kgan.terms import Term, Turn
from kgan.training import step
from kgan.training.model import AdversarialModel
from kgan.training.players import Player
from kgan.typing import Config, Self, Tensor, Tensors


class Recipe(NamedTuple):
    """How long a paper trains, and in what batches.

    Attributes:
        batch_size: samples a batch.
        training_steps: steps of the whole training.
    """

    batch_size: int
    training_steps: int


class Game(AdversarialModel):
    """A game of a generator and a discriminator, whatever they are fed: noise, labels or images.

    `kgan.GAN` plays it from noise. A player may have several networks, and then samples and
    scores are structures (tuples, dictionaries) of tensors, one a network: their losses are
    summed, and a player trains all its networks in one turn.

    A subclass gives `networks` (roles that begin with "generator" and "discriminator"; further
    roles belong to whoever trains them), `unpack`, `example_condition`, `draw`, `forward`,
    `score` and `sample`. Everything else has a default here.
    """

    # What `fit` with arrays and the command line take where nothing else is said; families have
    # their papers'.
    batch_size = 64
    training_steps = 10_000

    # How many classes the model is told apart; 0 where it is told none.
    classes = 0
    # What the data is made of; a word of `kgan.data.kinds` will do, such as "pairs".
    reads = kinds.SAMPLES
    # Whether the family is always told a class, and so takes labelled data only.
    needs_labels = False
    # The logs that evaluation reports beside the metrics.
    evaluated_logs: tuple[str, ...] = ("d_loss", "g_loss", "d_real", "d_fake")
    # What a family logs in training beside them and its terms.
    game_logs: tuple[str, ...] = ()

    @classmethod
    def recipe(cls, **options: Any) -> Recipe:
        """Batch size and training steps of the paper, for a model made with these options."""
        return Recipe(cls.batch_size, cls.training_steps)

    @classmethod
    def for_data(cls, info: DataInfo, **options: Any) -> Self:
        """The family's model for a dataset of `kgan.data`, by what its `info` tells.

        Raises:
            InputError: for data without labels, where the family or `options` ask for classes.
        """
        if cls.needs_labels:
            options = {"classes": info.classes} | options
        if cls.needs_labels or options.get("classes"):
            classes = arguments.classes(options["classes"])
            checks.data_has_labels(cls.__name__, info, classes)
        made: Any = cls
        return made(image_shape=info.sample_shape, **options)

    # The players and what they minimise.

    def defaults(self) -> dict[str, Any]:
        """What `compile` uses where it is told nothing else: the paper's settings.

        Here Adam as in Radford et al. 2016, section 4, and the non-saturating loss.
        """
        return {
            "d_optimizer": keras.optimizers.Adam(2e-4, beta_1=0.5),
            "g_optimizer": keras.optimizers.Adam(2e-4, beta_1=0.5),
            "loss": "non_saturating",
            "penalties": (),
            "discriminator_steps": 1,
            "joint_batch": False,
            "shared_forward": False,
            "ema": None,
        }

    def make_players(self) -> list[Player]:
        """The players in the order in which they play; a game of three is a list of three.

        `compile` adds their optimizers, and the discriminator's number of updates a step.
        """
        return [
            self.player("discriminator", self.discriminator_plays),
            self.player("generator", self.generator_plays),
        ]

    def discriminator_plays(
        self,
        real: Tensors,
        condition: Tensors,
        generated: Any = None,
        earlier: dict[str, Turn] | None = None,
    ) -> tuple[Tensor, Turn]:
        """The discriminator's forward pass on a batch: (its loss without the terms, the `Turn`)."""
        return step.discriminator_plays(self, real, condition, generated, earlier or {})

    def generator_plays(
        self,
        real: Tensors,
        condition: Tensors,
        generated: Any = None,
        earlier: dict[str, Turn] | None = None,
    ) -> tuple[Tensor, Turn]:
        """The generator's forward pass on a batch: (its loss without the terms, the `Turn`)."""
        return step.generator_plays(self, real, condition, generated, earlier or {})

    def player(self, name: str, plays: Callable, **settings: Any) -> Player:
        """A player that trains what `trained_by` says; for `make_players`.

        Args:
            name: "discriminator", "generator", or the name of a further one.
            plays: how it plays; see `kgan.Player`.
            **settings: further attributes of `kgan.Player`.
        """
        variables = self.trained_by(name)
        trained = {id(v) for v in variables}
        networks = self.networks_of(name)
        networks += [
            network
            for network in self.networks.values()
            if network not in networks and any(id(v) in trained for v in network.variables)
        ]
        return Player(name, plays, networks, variables, **settings)

    def networks_of(self, player: str) -> list[keras.Model]:
        """The networks whose roles begin with the name of a player."""
        return [network for role, network in self.networks.items() if role.startswith(player)]

    def trained_by(self, player: str) -> list:
        """The variables that a player's turn updates."""
        return [v for network in self.networks_of(player) for v in network.trainable_variables]

    def check_loss(self, loss: Loss) -> None:
        """Refuses a loss that the game cannot be played with; here any will do.

        Raises:
            InputError: what `compile` then says.
        """

    def game_terms(self) -> list[Term]:
        """Terms without which it would not be this game; they join those of `compile`."""
        return []

    def discriminator_loss(self, real_scores: Tensors, fake_scores: Tensors) -> Tensor:
        """The discriminator's loss by the scores of both kinds, a scalar."""
        loss = _summed(self.loss.discriminator, real_scores, fake_scores)
        return self.loss.discriminator_weight * loss

    def generator_loss(self, fake_scores: Tensors, real_scores: Tensors = None) -> Tensor:
        """The generator's loss by the scores of its samples, a scalar."""
        if real_scores is None:
            return _summed(lambda scores: self.loss.generator(scores, None), fake_scores)
        return _summed(self.loss.generator, fake_scores, real_scores)

    def activity_losses(self, player: str) -> Tensor:
        """What the latest pass of a player's networks adds to its loss, a scalar."""
        networks = self.networks_of(player)
        losses = [loss for network in networks for loss in bridge.activity_losses(network)]
        return sum((ops.cast(loss, "float32") for loss in losses), 0.0)

    def own_losses(self, player: str) -> Tensor:
        """`activity_losses` and the regularizers of a player's weights, a scalar."""
        weights = [v for network in self.networks_of(player) for v in network.trainable_variables]
        losses = [v.regularizer(v) for v in weights if getattr(v, "regularizer", None) is not None]
        return self.activity_losses(player) + sum(
            (ops.cast(loss, "float32") for loss in losses), 0.0
        )

    def observe(self, player: Player, loss: Tensor, turn: Turn) -> None:
        """Called once a turn, before its update: logs, and whatever learns from the turn.

        Variables that it writes move with the turn, or stay where the turn is left out. Under
        `tf.distribute` it sees one replica's part of the batch.

        Args:
            player: whose turn it was; ask for its `name`.
            loss: without the terms, a scalar.
            turn: what was seen.
        """
        self.logs.track(f"{player.prefix}_loss", loss)
        if player.name == "discriminator":
            self.logs.track("d_real", step.mean(turn.real_scores))
            self.logs.track("d_fake", step.mean(turn.fake_scores))

    # Data and networks.

    def produce(self, real: Tensors, condition: Tensors = None) -> tuple[Any, Any]:
        """(what the generator is fed in a turn, what it makes of that), in training mode.

        Here a fresh latent for each real sample.
        """
        latents = self.draw(step.count(real), self.next_seed())
        return latents, self.forward(latents, condition, training=True)

    def judge(
        self, samples: Tensors, condition: Tensors = None, training: bool = False
    ) -> tuple[Any, Any]:
        """(scores, what else the discriminator's heads say), in one pass; None without others."""
        return self.score(samples, condition, training), None

    def shown(self, fake: Tensors, condition: Tensors = None) -> Tensors:
        """What the discriminator sees of generated samples in its turn; here the samples."""
        return fake

    def measured(
        self, real: Tensors, fake: Tensors, latents: Tensors, condition: Tensors = None
    ) -> tuple[Any, Any]:
        """The (real, fake) tensors that metrics compare in an evaluation."""
        return real, fake

    def examined(self, real: Tensors, condition: Tensors = None) -> list[tuple]:
        """(name, tensor, shape of one sample) of what is checked in every batch of the data."""
        return [("data", real, self.sample_shape)]

    def labels_of(self, condition: Tensors) -> Tensor | None:
        """The labels in a condition, `(batch,)`; None where the model is told no class."""
        return condition if self.classes else None


def _summed(loss, *scores):
    """A loss over the scores of each network of a player, summed."""
    parts = zip(*map(tf.nest.flatten, scores), strict=True)
    return sum((loss(*part) for part in parts), 0.0)


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

    Families override the small methods below and those of `kgan.gan.Game`; the step stays.
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
    ):
        super().__init__(seed=seed, name=name)
        for role, network in (("generator", generator), ("discriminator", discriminator)):
            if not isinstance(network, keras.Model):
                raise InputError(f"The {role} must be a keras.Model; got {network!r}.")
        self.classes = arguments.classes(classes)
        plain = type(self).forward is GAN.forward
        self.latents = checks.find_latents(generator, latents, plain, self.classes)
        self.generator = generator
        self.discriminator = discriminator
        self.data_range = data_range
        if data_range == "auto":
            self.data_range = checks.output_range(generator)
        elif data_range is not None:
            self.data_range = arguments.interval("data_range", data_range, or_else="None")
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

    # What families change, beside what `Game` lets them.

    def unpack(self, data: Any) -> tuple[Any, Any]:
        """(real samples, condition) of what the dataset yields.

        The condition is the labels, `(batch,)`, where the model is told a class, else None.
        """
        real, *rest = data if isinstance(data, (tuple, list)) else (data,)
        if not self.classes:
            return real, None
        return real, checks.labels(rest[0] if rest else None, self.classes)

    def example_condition(self, count: int) -> Tensors:
        """A condition for `count` samples, to try the networks with; None where there is none."""
        return tf.zeros([count], tf.int32) if self.classes else None

    def draw(self, count: int | Tensor, seed: Tensor, truncation: float | None = None) -> Tensors:
        """What the generator is fed, for `count` samples."""
        return self.latents.sample(count, seed, truncation)

    def forward(
        self, latents: Tensors, condition: Tensors = None, training: bool = False
    ) -> Tensors:
        """Samples the generator makes of what it is fed."""
        inputs = latents if condition is None else [latents, condition]
        return self.generator(inputs, training=training)

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        """Raw scores of samples, `(batch, 1)` or `(batch, ..., 1)`, at least in float32."""
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
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        for name in ("generator", "discriminator", "latents"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
