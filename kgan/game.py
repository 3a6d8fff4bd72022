"""Game: the methods that a family may override, each of a few lines."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments, bridge, checks, packs
from kgan.data import kinds
from kgan.data.info import DataInfo
from kgan.losses import Loss
from kgan.terms import Term, Turn
from kgan.training import step
from kgan.training.model import AdversarialModel
from kgan.training.players import Player
from kgan.typing import Config, Self, Tensor, Tensors


class Recipe(NamedTuple):
    """A paper's batch size and length of training.

    Attributes:
        batch_size: samples per batch.
        training_steps: training steps in all.
    """

    batch_size: int
    training_steps: int


class Game(AdversarialModel):
    """A generator and a discriminator that are fed latents, labels or images.

    `kgan.GAN` is the subclass for latents. A player may have several networks; then samples and
    scores are structures (tuples, dictionaries) with one tensor per network, the losses of the
    networks are summed, and one update trains all of them.

    A subclass defines `networks` (roles that begin with "generator" and "discriminator", and
    further roles for further players), `unpack`, `example_condition`, `draw`, `forward`, `score`
    and `sample`. All other methods have a default here.
    """

    # Defaults of `fit` with arrays and of the command line; families set those of their papers.
    batch_size = 64
    training_steps = 10_000

    # Number of classes that the model is conditioned on; 0 for an unconditional model.
    classes = 0
    # How many samples the discriminator scores together; see `kgan.packs`.
    pack_size = 1
    # The kind of data that the model takes, one of `kgan.data.kinds`, such as "pairs".
    reads = kinds.SAMPLES
    # Whether the family is always conditioned on a class, and so requires labelled data.
    needs_labels = False
    # The logs that an evaluation reports in addition to the metrics.
    evaluated_logs: tuple[str, ...] = ("d_loss", "g_loss", "d_real", "d_fake")
    # Names of further logs of training that the family tracks in `observe`.
    game_logs: tuple[str, ...] = ()

    @classmethod
    def recipe(cls, **options: Any) -> Recipe:
        """Returns the paper's batch size and training steps for a model with these options."""
        return Recipe(cls.batch_size, cls.training_steps)

    @classmethod
    def former_options(cls, config: Config) -> dict[str, Any]:
        """Returns options of a model whose defaults were others when its config was written."""
        return {}

    @classmethod
    def for_data(cls, info: DataInfo, **options: Any) -> Self:
        """Returns a model of this family that fits a dataset of `kgan.data`.

        `options` are further arguments of the constructor.

        Raises:
            InputError: if the family or `options` require labels and the data has none.
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
        """Returns the settings that `compile` uses for arguments left at None, by name.

        A family returns its paper's. The base class returns Adam as in Radford et al. 2016,
        section 4, and the non-saturating loss.
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
        """Returns the players in the order in which a training step updates them.

        `compile` adds their optimizers and the discriminator's updates per step.
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
        """Returns (the discriminator's loss without terms, its `Turn`); see `kgan.Player`."""
        return step.discriminator_plays(self, real, condition, generated, earlier or {})

    def generator_plays(
        self,
        real: Tensors,
        condition: Tensors,
        generated: Any = None,
        earlier: dict[str, Turn] | None = None,
    ) -> tuple[Tensor, Turn]:
        """Returns (the generator's loss without terms, its `Turn`); see `kgan.Player`."""
        return step.generator_plays(self, real, condition, generated, earlier or {})

    def player(self, name: str, plays: Callable, **settings: Any) -> Player:
        """Returns a player that trains the variables of `trained_by(name)`, for `make_players`.

        Args:
            name: "discriminator", "generator", or the name of a further player.
            plays: the player's forward pass; see `kgan.Player`.
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
        """Returns the networks whose roles begin with the name of a player."""
        return [network for role, network in self.networks.items() if role.startswith(player)]

    def trained_by(self, player: str) -> list:
        """Returns the variables that a player trains."""
        return [v for network in self.networks_of(player) for v in network.trainable_variables]

    def check_loss(self, loss: Loss) -> None:
        """Raises an `InputError` if the family cannot be trained with a loss; here never."""

    def game_terms(self) -> list[Term]:
        """Returns the terms that belong to the family itself; `compile` adds the user's."""
        return []

    def discriminator_loss(self, real_scores: Tensors, fake_scores: Tensors) -> Tensor:
        """Returns the discriminator's loss from the scores of a batch, a scalar."""
        loss = _summed(self.loss.discriminator, real_scores, fake_scores)
        return self.loss.discriminator_weight * loss

    def generator_loss(self, fake_scores: Tensors, real_scores: Tensors = None) -> Tensor:
        """Returns the generator's loss from the scores of a batch, a scalar."""
        if real_scores is None:
            return _summed(lambda scores: self.loss.generator(scores, None), fake_scores)
        return _summed(self.loss.generator, fake_scores, real_scores)

    def activity_losses(self, player: str) -> Tensor:
        """Returns the sum of the losses that a player's networks added in their latest call."""
        networks = self.networks_of(player)
        losses = [loss for network in networks for loss in bridge.activity_losses(network)]
        return sum((ops.cast(loss, "float32") for loss in losses), 0.0)

    def own_losses(self, player: str) -> Tensor:
        """Returns `activity_losses` plus the regularization of a player's weights, a scalar."""
        weights = [v for network in self.networks_of(player) for v in network.trainable_variables]
        losses = [v.regularizer(v) for v in weights if getattr(v, "regularizer", None) is not None]
        return self.activity_losses(player) + sum(
            (ops.cast(loss, "float32") for loss in losses), 0.0
        )

    def observe(self, player: Player, loss: Tensor, turn: Turn) -> None:
        """Tracks the logs of a player's turn and updates variables that adapt to it.

        It is called once before each update. Variables that it writes change only if the update is
        applied. Under `tf.distribute` it gets one replica's part of the batch.

        Args:
            player: the player; its `name` says which.
            loss: its loss without the terms, a scalar.
            turn: the samples, scores and latents of this update.
        """
        self.logs.track(f"{player.prefix}_loss", loss)
        if player.name == "discriminator":
            self.logs.track("d_real", step.mean(turn.real_scores))
            self.logs.track("d_fake", step.mean(turn.fake_scores))

    # Data and networks.

    def produce(self, real: Tensors, condition: Tensors = None) -> tuple[Any, Any]:
        """Returns (latents, generated samples) for an update, in training mode.

        The base class draws one latent for each real sample.
        """
        latents = self.per_sample(step.count(real), self.draw)
        return latents, self.forward(latents, condition, training=True)

    def judge(
        self, samples: Tensors, condition: Tensors = None, training: bool = False
    ) -> tuple[Any, Any]:
        """Returns (scores, outputs of further heads of the discriminator or None), in one pass."""
        return self.score(samples, condition, training), None

    def packs(self, samples: Tensors) -> Tensors:
        """Returns samples as they are scored: packs `(batch / m, m, ...)` with m = `pack` > 1."""
        return samples if self.pack_size == 1 else packs.grouped(samples, self.pack_size)

    def are_packs(self, samples: Tensors) -> bool:
        """Returns whether samples are in packs already."""
        return self.pack_size > 1 and len(samples.shape) > len(self.sample_shape) + 1

    def shown(self, fake: Tensors, condition: Tensors = None) -> Tensors:
        """Returns the generated samples that the discriminator is trained on; here all of them."""
        return fake

    def measured(
        self, real: Tensors, fake: Tensors, latents: Tensors, condition: Tensors = None
    ) -> tuple[Any, Any]:
        """Returns the (real, fake) tensors that metrics compare in an evaluation."""
        return real, fake

    def examined(self, real: Tensors, condition: Tensors = None) -> list[tuple]:
        """Returns (name, tensor, shape of one sample) of the tensors of a batch to be checked."""
        return [("data", real, self.sample_shape)]

    def labels_of(self, condition: Tensors) -> Tensor | None:
        """Returns the labels in a condition, `(batch,)`; None for an unconditional model."""
        return condition if self.classes else None


def _summed(loss, *scores):
    """Returns the sum of a loss over the networks of a player."""
    parts = zip(*map(tf.nest.flatten, scores), strict=True)
    return sum((loss(*part) for part in parts), 0.0)
