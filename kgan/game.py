"""The game: the one place where two players take turns, and what families change of it."""

import functools
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import checks, losses, optimizers
from kgan import penalties as penalty_terms
from kgan.adversarial import AdversarialModel
from kgan.averaging import WeightAverage
from kgan.errors import InputError
from kgan.execution import Execution
from kgan.logs import Logs
from kgan.phases import Generated, Phase, part_of, take_turn
from kgan.terms import Term, Turn
from kgan.terms import get as find_term


class Game(AdversarialModel):
    """A game of two players, whatever they are fed: noise, labels or images.

    `kgan.GAN` plays it from noise. A player may have several networks, and then samples and
    scores are structures (tuples, dictionaries) of tensors, one a network: their losses are
    summed, and a player trains all its networks in one turn.

    A subclass gives `networks` (roles that begin with "generator" and "discriminator"),
    `unpack`, `example_condition`, `draw`, `forward`, `score` and `sample`.
    """

    # What `fit` with arrays and the command line take where nothing else is said; families have
    # their papers'.
    batch_size = 64
    training_steps = 10_000

    average = None

    @classmethod
    def recipe(cls, **options) -> tuple[int, int]:
        """(batch size, training steps) of the paper, for a model made with these options."""
        return cls.batch_size, cls.training_steps

    # What the data is made of: "samples", or the "pairs", "domains" or "crops" of `kgan.data`.
    reads = "samples"
    # Whether the family is always told a class, and so takes labelled data only.
    needs_labels = False

    @classmethod
    def for_data(cls, info, **options) -> "Game":
        """The family's model for a dataset of `kgan.data`, by what its `info` tells.

        Raises:
            InputError: for data without labels, where the family or `options` ask for classes.
        """
        if cls.needs_labels:
            options = {"classes": info.classes} | options
            checks.data_has_labels(cls.__name__, info, options["classes"])
        elif options.get("classes"):
            checks.data_has_labels(cls.__name__, info, options["classes"])
        return cls(image_shape=info.sample_shape, **options)

    # The logs that evaluation reports beside the metrics.
    evaluated_logs = ("d_loss", "g_loss", "d_real", "d_fake")
    # What a family logs in training beside them and its terms.
    game_logs = ()

    def networks_of(self, player: str) -> list[keras.Model]:
        """The networks of "generator" or "discriminator"."""
        return [network for role, network in self.networks.items() if role.startswith(player)]

    # The game: what families change.

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

    def game_terms(self) -> list[Term]:
        """Terms without which it would not be this game; they join those of `compile`."""
        return []

    def judge(self, samples, condition=None, training=False) -> tuple[Any, Any]:
        """(scores, what else the discriminator's heads say), in one pass; None without others."""
        return self.score(samples, condition, training), None

    def trained_by(self, player: str) -> list:
        """The variables that a player's turn updates."""
        return [v for network in self.networks_of(player) for v in network.trainable_variables]

    def phases(self) -> list[Phase]:
        """The turns of one training step, in order."""
        discriminator = Phase(
            "discriminator",
            "d",
            self.trained_by("discriminator"),
            self.d_optimizer,
            self._discriminator_plays,
        )
        generator = Phase(
            "generator",
            "g",
            self.trained_by("generator"),
            self.g_optimizer,
            self._generator_plays,
        )
        return [discriminator] * self.discriminator_steps + [generator]

    def observe(self, phase: Phase, loss, turn: Turn) -> None:
        """Called once a turn, before its update: logs, and whatever learns from the turn.

        Under `tf.distribute` it sees one replica's part of the batch.
        """
        self.logs.track(f"{phase.prefix}_loss", loss)
        if phase.player == "discriminator":
            self.logs.track("d_real", _mean(turn.real_scores))
            self.logs.track("d_fake", _mean(turn.fake_scores))

    def shown(self, fake, condition=None):
        """What the discriminator sees of generated samples in its turn; here the samples."""
        return fake

    def measured(self, real, fake, latents, condition=None) -> tuple[Any, Any]:
        """The (real, fake) tensors that metrics compare in an evaluation."""
        return real, fake

    def examined(self, real, condition=None) -> list[tuple]:
        """(name, tensor, shape of one sample) of what is checked in every batch of the data."""
        return [("data", real, self.sample_shape)]

    def labels_of(self, condition):
        """The labels in a condition, `(batch,)`; None where the model is told no class."""
        return condition if self.classes else None

    # The turns.

    def _discriminator_plays(self, real, condition, generated=None):
        if generated is None:
            latents = self.draw(_count(real), self.next_seed())
            with self.state_kept():
                fake = self.forward(latents, condition, training=True)
        else:
            latents, fake = generated.latents, generated.samples
        fake = self.shown(tf.nest.map_structure(tf.stop_gradient, fake), condition)
        (real_scores, real_heads), (fake_scores, fake_heads), slopes = self._judge_both(
            real, fake, condition
        )
        loss = self._discriminator_loss(real_scores, fake_scores)
        turn = Turn(
            self,
            real,
            fake,
            latents,
            condition,
            real_scores,
            fake_scores,
            real_heads,
            fake_heads,
            slopes,
        )
        return loss + _own_losses(self.networks_of("discriminator")), turn

    def _judge_both(self, real, fake, condition):
        """(scores, heads) of either kind, and the function `slopes` of `Turn`."""
        if not self.joint_batch:
            of_real, real_slopes = self._judge_recorded(real, condition)
            of_fake, fake_slopes = self._judge_recorded(fake, condition)
            return of_real, of_fake, lambda kind: {"real": real_slopes, "fake": fake_slopes}[kind]()
        both = ops.concatenate([fake, ops.cast(real, fake.dtype)])
        if condition is not None:
            condition = tf.nest.map_structure(lambda c: ops.concatenate([c, c]), condition)
        judged, joint_slopes = self._judge_recorded(both, condition)
        count = tf.shape(fake)[0]
        halves = {"real": slice(count, None), "fake": slice(None, count)}

        def half(kind):
            return tf.nest.map_structure(
                lambda part: None if part is None else part[halves[kind]], judged
            )

        return half("real"), half("fake"), lambda kind: joint_slopes()[halves[kind]]

    def _judge_recorded(self, samples, condition):
        """What `judge` says in training, and how to ask for the slope of the scores there."""
        samples = tf.nest.map_structure(tf.convert_to_tensor, samples)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([part for part in tf.nest.flatten(samples) if part.dtype.is_floating])
            judged = self.judge(samples, condition, training=True)
            # Scores of a sample do not depend on its neighbours (save through batch statistics),
            # so the gradient of the sum holds every sample's own.
            total = sum(ops.sum(scores) for scores in tf.nest.flatten(judged[0]))

        @functools.cache
        def slopes():
            return tape.gradient(total, samples)

        return judged, slopes

    def _generator_plays(self, real, condition, generated=None):
        if generated is None:
            latents = self.draw(_count(real), self.next_seed())
            fake = self.forward(latents, condition, training=True)
            own_losses = _own_losses(self.networks_of("generator"))
        else:
            latents, fake, own_losses = generated.latents, *generated.outputs
        real_scores = real_heads = None
        with self.state_kept():
            fake_scores, fake_heads = self.judge(fake, condition, training=True)
            if self.loss.generator_uses_real:
                real_scores, real_heads = self.judge(real, condition, training=True)
        loss = self._generator_loss(fake_scores, real_scores)
        turn = Turn(
            self, real, fake, latents, condition, real_scores, fake_scores, real_heads, fake_heads
        )
        return loss + own_losses, turn

    def train_step(self, data):
        """One step: each phase once, each on real samples of its own where it asks for them."""
        self.logs.begin()
        real, condition = self.unpack(data)
        # When the data runs out, nothing may run ahead of it: neither counters nor seeds.
        with tf.control_dependencies([t for t in tf.nest.flatten(data) if t is not None]):
            self._play(real, condition)
            return self.reported()

    def _play(self, real, condition):
        phases = self.phases()
        generated = self._generate_once(real, condition) if self.shared_forward else None
        # A phase that comes n times takes n parts of the batch, one after the other; the others
        # take the last part.
        parts = self.discriminator_steps
        for place, phase in enumerate(phases):
            before = sum(earlier is phase for earlier in phases[:place])
            repeated = sum(other is phase for other in phases) > 1
            part = part_of((real, condition), before if repeated else parts - 1, parts)
            take_turn(self, phase, *part, generated)
        if self.average is not None:
            self.average.update(self.iterations)
        self.iterations.assign_add(1)

    def _generate_once(self, real, condition):
        latents = self.draw(_count(real), self.next_seed())
        with tf.GradientTape() as tape:
            samples = self.forward(latents, condition, training=True)
            own_losses = tf.convert_to_tensor(_own_losses(self.networks_of("generator")))
        return Generated(latents, samples, own_losses, tape)

    def _discriminator_loss(self, real_scores, fake_scores):
        loss = _summed(self.loss.discriminator, real_scores, fake_scores)
        return self.loss.discriminator_weight * loss

    def _generator_loss(self, fake_scores, real_scores=None):
        if real_scores is None:
            return _summed(lambda scores: self.loss.generator(scores, None), fake_scores)
        return _summed(self.loss.generator, fake_scores, real_scores)

    # Training.

    def compile(
        self,
        d_optimizer=None,
        g_optimizer=None,
        loss=None,
        penalties=None,
        terms: Iterable = (),
        metrics: Iterable = (),
        discriminator_steps: int | None = None,
        accumulation_steps: int = 1,
        ema=None,
        joint_batch: bool | None = None,
        shared_forward: bool | None = None,
        log_gradient_norms: bool = False,
        skip_nonfinite: bool = True,
        run_eagerly: bool = False,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
    ):
        """Settles how the game is trained. Without arguments: as the model's paper does.

        Args:
            d_optimizer, g_optimizer: a Keras optimizer, or its name, for each player. Learning
                rate schedules, gradient clipping (`global_clipnorm`, `clipnorm`, `clipvalue`)
                and weight decay are the optimizer's own arguments.
            loss: a name from `kgan.losses` ("non_saturating", "hinge", ...) or a
                `kgan.losses.Loss`.
            penalties: terms that regularize the discriminator: names ("r1", "r2",
                "gradient_penalty", "dragan", "lecam", "consistency") or `kgan.penalties`
                objects. None means the paper's, `[]` none at all.
            terms: further `kgan.Term` objects; a plain function of a `kgan.terms.Turn`
                becomes a term of the generator.
            metrics: for validation and `evaluate`: metrics of `kgan.metrics`, or their names
                ("frechet_distance", "precision", ...), or your own Keras metrics with
                `update_state(real, fake)`. One with a true `uses_condition` gets `condition=`.
            discriminator_steps: updates of the discriminator a step, each on fresh real
                samples and fresh latents (WGAN, algorithm 1). A step then takes as many
                batches of the dataset, and an epoch has that many times fewer steps.
            accumulation_steps: work through each batch in so many slices to save memory; the
                update is the whole batch's, batch statistics apart.
            ema: decay of an exponential moving average of the generator (0.999, say), or a
                schedule of it. `generate`, evaluation, callbacks and exports then use it.
                None means the paper's; 0 none at all.
            joint_batch: score real and generated samples in one batch. The same function
                without batch normalization, other statistics with it.
            shared_forward: train both players on the same generated samples; saves a forward
                pass of the generator. For one discriminator step and no accumulation.
            log_gradient_norms: log `d_gradient_norm` and `g_gradient_norm`.
            skip_nonfinite: leave out an update whose gradient holds NaN or Inf. On one device
                only; with float16, loss scaling does it.
            run_eagerly: as in `keras.Model.compile`.
            steps_per_execution: as there; "auto" takes as many as last a tenth of a second and
                keep callbacks at the steps they look at. See docs/performance.md.
            jit_compile: compile with XLA; "auto" tries it in trainings of some minutes, where
                every operation of the step can be compiled, and keeps the faster way.

        Raises:
            InputError: for an unknown name, or settings that cannot go together.
        """
        given = {
            "d_optimizer": d_optimizer,
            "g_optimizer": g_optimizer,
            "loss": loss,
            "penalties": penalties,
            "discriminator_steps": discriminator_steps,
            "joint_batch": joint_batch,
            "shared_forward": shared_forward,
            "ema": ema,
        }
        settings = self.defaults() | {k: v for k, v in given.items() if v is not None}
        if steps_per_execution != "auto":
            checks.positive("steps_per_execution", steps_per_execution, or_else="'auto'")
        self.accumulation_steps = checks.positive("accumulation_steps", accumulation_steps)
        self.discriminator_steps = checks.positive(
            "discriminator_steps", settings["discriminator_steps"]
        )
        self.shared_forward = bool(settings["shared_forward"])
        if self.shared_forward and (self.discriminator_steps > 1 or accumulation_steps > 1):
            raise InputError(
                "shared_forward makes one batch of samples a step; it cannot go with "
                f"discriminator_steps={self.discriminator_steps} and "
                f"accumulation_steps={accumulation_steps}. Set both to 1 or turn it off."
            )
        adversarial = losses.get(settings["loss"])
        ema = settings["ema"] or None
        if jit_compile not in (True, False, "auto"):
            raise InputError(f"jit_compile is True, False or 'auto'; got {jit_compile!r}.")
        self.joint_batch = bool(settings["joint_batch"])
        self.log_gradient_norms = bool(log_gradient_norms)
        self.skip_nonfinite = bool(skip_nonfinite)
        self.execution = Execution(jit_compile == "auto", steps_per_execution == "auto")
        self.xla_choice = -1
        norms = ("d_gradient_norm", "g_gradient_norm") if log_gradient_norms else ()
        with self.distribute_strategy.scope():
            game = self.game_terms()
            self.terms = (
                *game,
                *(penalty_terms.get(penalty) for penalty in checks.listed(settings["penalties"])),
                *(find_term(term) for term in checks.listed(terms)),
            )
            super().compile(
                optimizer=None,
                run_eagerly=run_eagerly,
                steps_per_execution=1 if self.execution.open_steps else steps_per_execution,
                jit_compile=False if self.execution.open_xla else jit_compile,
            )
            self.logs = Logs(
                [*self.evaluated_logs, *self.game_logs, *(term.name for term in self.terms), *norms]
            )
            self._set_optimizers(settings["d_optimizer"], settings["g_optimizer"])
            self.average = None
            if ema is not None:
                self.average = WeightAverage(self.networks_of("generator"), ema)
        self._sampling = None
        self.loss = adversarial
        self._set_metrics(metrics)
        self._compile_arguments = {
            "d_optimizer": self.d_optimizer,
            "g_optimizer": self.g_optimizer,
            "loss": self.loss,
            # The game's own come with the family.
            "penalties": list(self.terms[len(game) :]),
            "metrics": list(self.evaluation_metrics),
            "discriminator_steps": self.discriminator_steps,
            "accumulation_steps": self.accumulation_steps,
            "ema": ema or 0,
            "joint_batch": self.joint_batch,
            "shared_forward": self.shared_forward,
            "log_gradient_norms": self.log_gradient_norms,
            "skip_nonfinite": self.skip_nonfinite,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }

    def _set_optimizers(self, d_optimizer, g_optimizer):
        if d_optimizer is g_optimizer and not isinstance(d_optimizer, str):
            raise InputError(
                "The players share one optimizer object; its moments belong to one set of "
                "weights. Give each player its own."
            )
        float16 = any(
            layer.compute_dtype == "float16"
            for network in self.networks.values()
            for layer in network._flatten_layers()
        )
        self.d_optimizer = optimizers.get(d_optimizer, float16)
        self.g_optimizer = optimizers.get(g_optimizer, float16)
        # Unbuilt optimizers are left out when a saved model is loaded.
        for optimizer in (self.d_optimizer, self.g_optimizer):
            phases = [phase for phase in self.phases() if phase.optimizer is optimizer]
            trained = {id(v): v for phase in phases for v in phase.variables}
            optimizer.build(list(trained.values()))
        self.optimizer = optimizers.Players(self.d_optimizer, self.g_optimizer)

    def test_step(self, data):
        """Losses and scores of the networks in inference mode, and the metrics' updates."""
        self.logs.begin()
        real, condition = self.unpack(data)
        with tf.control_dependencies(tf.nest.flatten(real)):
            latents = self.draw(_count(real), self.evaluation_seed())
        fake = self.sample(latents, condition)
        real_scores, fake_scores = self.score(real, condition), self.score(fake, condition)
        self.logs.track("d_loss", self._discriminator_loss(real_scores, fake_scores))
        self.logs.track("g_loss", self._generator_loss(fake_scores, real_scores))
        self.logs.track("d_real", _mean(real_scores))
        self.logs.track("d_fake", _mean(fake_scores))
        real, fake = self.measured(real, fake, latents, condition)
        for metric in self.evaluation_metrics:
            if getattr(metric, "uses_condition", False):
                metric.update_state(real, fake, condition=condition)
            else:
                metric.update_state(real, fake)
        return self.reported(self.evaluated_logs)


def _count(samples):
    """How many samples a batch holds, a scalar tensor."""
    return tf.shape(tf.nest.flatten(samples)[0])[0]


def _summed(loss, *scores):
    """A loss over the scores of each network of a player, summed."""
    parts = zip(*map(tf.nest.flatten, scores), strict=True)
    return sum((loss(*part) for part in parts), 0.0)


def _mean(scores):
    means = [ops.mean(part) for part in tf.nest.flatten(scores)]
    return sum(means) / len(means)


def _own_losses(networks):
    """Weight and activity regularizers of networks; 0 where they have none."""
    losses = [loss for network in networks for loss in network.losses]
    return sum((ops.cast(loss, "float32") for loss in losses), 0.0)
