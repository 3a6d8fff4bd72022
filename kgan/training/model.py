"""The game as Keras sees it: a `keras.Model` with `compile`, `fit`, `evaluate` and its state."""

import contextlib
import random
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments, bridge, replicas
from kgan.errors import InputError
from kgan.losses import Loss
from kgan.training import feed, frozen, settings, state, step
from kgan.training.evaluation import EvaluatedModel, Measures
from kgan.training.execution import choice, loops
from kgan.training.execution.choice import Execution
from kgan.training.players import Optimizers, Player
from kgan.typing import ArrayLike, Config, Tensor

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"kgan trains with TensorFlow, but Keras is configured for {keras.backend.backend()!r}. "
        "Set the environment variable KERAS_BACKEND=tensorflow before Keras is imported."
    )


class _Counters:
    """Counts that are no weights: `EarlyStopping` may put weights back, but not time."""

    def __init__(self):
        self.iterations = _counter("iterations")
        self.evaluated_batches = _counter("evaluated_batches")
        # Whether training goes by XLA: 1 or 0, -1 while that is open.
        self.xla = _counter("xla")


def _counter(name):
    return keras.Variable(
        0, dtype="int64", trainable=False, aggregation="only_first_replica", name=name
    )


class AdversarialModel(EvaluatedModel):
    """A Keras model of several players; `kgan.GAN` is the one with two networks.

    What it is made of is said by the methods of `kgan.gan.Game`, which families override. This
    class connects them with Keras.

    Attributes:
        seed: the seed of all that the model draws.
        players: those of the compiled game; see `Player`.
        resume_within_epoch: set it after restoring a state from the middle of an epoch; the
            next `fit` then enters its data where that state left it.
        updates_are_unknown: whether a state was loaded that does not count its updates.
        execution: how training steps are executed.
        measures: the metrics of evaluations.
    """

    # The `WeightAverage` of the generator, where `compile(ema=...)` asked for one.
    average: Any = None

    def __init__(self, seed: int | None = None, name: str | None = None):
        arguments.seed_and_name(seed, name)
        super().__init__(name=name)
        self.seed = random.randrange(2**31) if seed is None else arguments.seed(seed)
        # Training, and sampling by the way, draw apart: looking must not change the run.
        self._training_seeds = keras.random.SeedGenerator(self.seed)
        self._sampling_seeds = keras.random.SeedGenerator(self.seed + 1)
        self._counters = _Counters()
        self._settings: settings.Settings | None = None
        self._sampling = None
        self._joint_optimizer = None
        # None before `compile`.
        self.average = None
        self.logs: Any = None
        self.loss: Any = None
        self.measures = Measures()
        self.resume_within_epoch = False
        self.updates_are_unknown = False
        self.execution = Execution()

    # What is drawn and counted.

    @property
    def iterations(self) -> keras.Variable:
        """Training steps taken since the model's birth, an int64 variable saved with it."""
        return self._counters.iterations

    @property
    def evaluated_batches(self) -> keras.Variable:
        """Batches of the evaluation that is going on, an int64 variable."""
        return self._counters.evaluated_batches

    @property
    def xla_choice(self) -> int:
        """Whether `jit_compile="auto"` came to XLA: 1 or 0; -1 while that is open."""
        return int(self._counters.xla.numpy())

    @xla_choice.setter
    def xla_choice(self, value):
        self._counters.xla.assign(value)

    def counts(self) -> dict[str, keras.Variable]:
        """What is counted and saved, by name."""
        counts = {"iterations": self.iterations, "xla": self._counters.xla}
        return counts | {f"updates/{player.prefix}": player.count for player in self.players}

    def next_seed(self) -> Tensor:
        """A fresh seed of the training stream, an int32 tensor of shape `(2,)`."""
        return replicas.seed_of_its_own(ops.cast(self._training_seeds.next(), "int32"))

    def state_kept(self) -> contextlib.AbstractContextManager:
        """A context in which layers run in training mode and their state stays as it is.

        Batch-norm averages and spectral-norm vectors are read, and what layers write is dropped;
        seed generators move on, or the next turn would draw this one's latents and Dropout masks
        again.
        """
        return state.dropped(self)

    # Settings. They are read off one object, so that a `compile` that fails changes none.

    def compile(
        self,
        d_optimizer: str | keras.optimizers.Optimizer | None = None,
        g_optimizer: str | keras.optimizers.Optimizer | None = None,
        loss: str | Loss | None = None,
        penalties: Iterable | None = None,
        terms: Iterable = (),
        metrics: Iterable = (),
        discriminator_steps: int | None = None,
        accumulation_steps: int = 1,
        ema: float | Callable | None = None,
        joint_batch: bool | None = None,
        shared_forward: bool | None = None,
        log_gradient_norms: bool = False,
        skip_nonfinite: bool = True,
        run_eagerly: bool = False,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
        optimizers: dict[str, Any] | None = None,
        accelerate: bool | None = None,
    ) -> None:
        """Settles how the game is trained. Without arguments: as the model's paper does.

        Args:
            d_optimizer, g_optimizer: a Keras optimizer, or its name, for each player. Learning
                rate schedules, gradient clipping (`global_clipnorm`, `clipnorm`, `clipvalue`)
                and weight decay are the optimizer's own arguments.
            loss: a name from `kgan.losses` ("non_saturating", "hinge", ...) or a
                `kgan.losses.Loss`.
            penalties: terms that regularize the discriminator: names ("r1", "r2",
                "gradient_penalty", "dragan", "lecam", "consistency"), `kgan.penalties` objects, or
                functions of a `kgan.terms.Turn`. None means the paper's, `[]` none at all.
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
            skip_nonfinite: leave out a turn whose loss, gradients or layer state hold NaN or Inf:
                nothing of it then changes the model. On several replicas weights are not
                protected so.
            run_eagerly: as in `keras.Model.compile`.
            steps_per_execution: as there; "auto" takes as many as last a tenth of a second and
                keep callbacks at the steps they look at. See docs/performance.md.
            jit_compile: compile with XLA; "auto" tries it in trainings of some minutes, where
                every operation of the step can be compiled, and keeps the faster way.
            optimizers: optimizers of further players by name, `{"encoder": "adam"}`, in games that
                have such; those of the first two may stand here too.
            accelerate: False runs Keras's own layers and Keras's own Adam in place of the faster
                forms that give the same numbers. None goes by the environment variable
                `KGAN_ACCELERATE`, and means True where that is not set.

        Raises:
            InputError: for an unknown name, or settings that cannot go together. The model then
                stays as it was.
        """
        given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        with self.distribute_strategy.scope():
            found = settings.checked(self, given)
            execution = Execution(found.jit_compile == "auto", found.steps_per_execution == "auto")
            super().compile(
                optimizer=None,
                run_eagerly=found.run_eagerly,
                steps_per_execution=1 if execution.open_steps else found.steps_per_execution,
                jit_compile=False if execution.open_xla else found.jit_compile,
            )
        self._settings = found
        for player in found.players:
            setattr(self, f"{player.prefix}_optimizer", player.optimizer)
        self.optimizer = Optimizers({p.prefix: p.optimizer for p in found.players})
        if self.average is not None:
            # Keras would keep the old one, and with it a copy of the generator.
            bridge.untrack(self, self.average)
        self.average = found.average
        self.loss, self.logs = found.loss, found.logs
        self.execution, self.xla_choice = execution, -1
        self.updates_are_unknown = False
        self._sampling = None
        self.measures.set(found.metrics)
        self._frozen = frozen.frozen(self.networks)

    def make_players(self) -> list[Player]:
        """The players of the game in their order; `compile` gives them their optimizers."""
        raise NotImplementedError

    @property
    def players(self) -> list[Player]:
        """The players of the compiled game, in their order; none before `compile`."""
        return self._settings.players if self._settings else []

    def _setting(name: str, otherwise: Any) -> Any:
        def read(self) -> Any:
            return getattr(self._settings, name) if self._settings else otherwise

        return property(read, doc=f"`{name}` of `compile`.")

    terms = _setting("terms", ())
    accumulation_steps = _setting("accumulation_steps", 1)
    discriminator_steps = _setting("discriminator_steps", 1)
    joint_batch = _setting("joint_batch", False)
    shared_forward = _setting("shared_forward", False)
    log_gradient_norms = _setting("log_gradient_norms", False)
    skip_nonfinite = _setting("skip_nonfinite", True)
    accelerate = _setting("accelerate", True)
    del _setting

    def get_compile_config(self) -> Config | None:
        if not self.compiled:
            return None
        arguments = {
            name: keras.saving.serialize_keras_object(value)
            for name, value in self._settings.arguments.items()
        }
        # Which layers an optimizer trains: neither Keras nor the families' arguments tell.
        return arguments | {"frozen": self._frozen}

    def compile_from_config(self, config: Config) -> None:
        config = dict(config)
        if (places := config.pop("frozen", None)) is not None:
            frozen.restore(self.networks, places)
        self.compile(
            **{name: keras.saving.deserialize_keras_object(v) for name, v in config.items()}
        )

    # Training.

    def fit(
        self,
        x: Any = None,
        y: ArrayLike = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
    ) -> keras.callbacks.History:
        """Trains the players against each other.

        The arguments are those of `keras.Model.fit`, with `x` the real samples.

        Args:
            x: a `tf.data.Dataset` (of samples or of `(samples, labels)` batches), an array, a
                tensor, a `keras.utils.PyDataset` or a generator of batches. Samples are
                float, in `data_range`. Datasets of `kgan.data` are brought to that range
                where theirs is another; their shuffle is a function of seed and epoch, and so
                is that of arrays, which drop an incomplete last batch.
            y: labels, with `x` an array.

        Returns:
            A `keras.callbacks.History`. A figure that no step has seen is NaN.

        Raises:
            InputError: before training where the data does not fit the model (dtype, shape,
                range, too few samples); during training where a later batch holds NaN, Inf or
                values out of range. The weights then stay as of the step before.
        """
        self._require_compiled("fit")
        if frozen.frozen(self.networks) != self._frozen:
            raise InputError(
                "Layers were frozen or freed since `compile()`. Call it again: the optimizers are "
                "built for the weights that are left to train."
            )
        if validation_split and validation_data is None:
            (x, y), validation_data = feed.held_out(x, y, validation_split)
        data = feed.training_data(
            self, x, y, batch_size=batch_size, shuffle=shuffle, steps_per_epoch=steps_per_epoch
        )
        if validation_data is not None:
            held, labels = feed.unpaired(validation_data)
            validation_data = feed.evaluation_data(
                self, held, labels, validation_batch_size or batch_size, validation_steps
            )
            self.measures.prepare(self)
        callbacks = feed.callback_list(callbacks)
        choice.settle(self, data, epochs - initial_epoch, callbacks)
        callbacks = [c for c in (data.enter, feed.WatchUpdates(data)) if c is not None] + callbacks
        before = int(self.iterations.numpy())
        with feed.data_errors(self):
            history = super().fit(
                data.dataset,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_data=validation_data,
                shuffle=False,
                initial_epoch=initial_epoch,
                steps_per_epoch=data.steps_per_epoch,
                validation_steps=validation_steps,
                validation_freq=validation_freq,
            )
        if history.epoch and int(self.iterations.numpy()) == before:
            raise InputError(
                "The dataset ended before one training step: a step takes discriminator_steps="
                f"{self.discriminator_steps} full batches. Use smaller batches or more data."
            )
        return history

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One step of every player; what it is stands in `kgan.training.step`."""
        self.logs.begin()
        # When the data runs out, nothing may run ahead of it: neither counters nor seeds.
        with tf.control_dependencies([t for t in tf.nest.flatten(data) if t is not None]):
            step.train_step(self, data)
            return self.reported()

    def make_train_function(self, force: bool = False) -> None:
        if not choice.is_ours(self):
            super().make_train_function(force)
        elif self.train_function is None or force:
            self.train_function = loops.train_function(self)

    def reported(self, names: Iterable[str] | None = None) -> dict:
        """The running means as a step returns them."""
        logs = self.logs.results(names)
        if replicas.has_several_workers(self.distribute_strategy):
            # Keras reduces logs over workers along an axis, which a scalar has not.
            logs = {name: tf.reshape(value, (1,)) for name, value in logs.items()}
        return logs

    # State.

    def stateful_parts(self) -> dict[str, Any]:
        """What beside networks and optimizers may hold variables, by name in the state.

        Families with further parts add them; see `kgan.training.state`.
        """
        terms = {f"terms/{term.name}": term for term in self.terms}
        return {"loss": self.loss, "latents": getattr(self, "latents", None)} | terms

    def save_own_variables(self, store: Any) -> None:
        state.save(self, store)

    def load_own_variables(self, store: Any) -> None:
        state.load(self, store)
