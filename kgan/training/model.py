"""The `keras.Model` of a GAN: `compile`, `fit`, its training step and its state."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from kgan import arguments, bridge, replicas
from kgan.errors import InputError
from kgan.losses import Loss
from kgan.training import (
    calls,
    feed,
    frozen,
    judging,
    keeping,
    making,
    out_of_memory,
    scopes,
    settings,
    step,
    surface,
    workers,
)
from kgan.training.drawing import Drawing
from kgan.training.evaluation import Measures
from kgan.training.execution import choice, loops
from kgan.training.execution.choice import Execution
from kgan.training.players import Optimizers, Player
from kgan.training.saving import Stored
from kgan.typing import ArrayLike, Config, Tensor

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"kgan trains with TensorFlow, but Keras is configured for {keras.backend.backend()!r}. "
        "Set the environment variable KERAS_BACKEND=tensorflow before Keras is imported."
    )


class AdversarialModel(Drawing, Stored, surface.KerasSurface):
    """A Keras model whose networks are trained by several players.

    The methods of `kgan.game.Game`, which families override, define its networks, losses and
    players. This class connects them with Keras.

    Attributes:
        seed: the seed of everything that the model draws at random.
        players: the players of the compiled model; see `Player`.
        resume_within_epoch: set it to True after restoring a state that was saved within an
            epoch; the next `fit` then starts with the batch after the last one of that state.
        steps_into_epoch: how many steps of that epoch were taken, if known; None means the
            remainder of `iterations` by the steps of an epoch.
        updates_are_unknown: whether the loaded state has no counts of updates.
        execution: how training steps are executed; see `kgan.training.execution.choice`.
        measures: the metrics of evaluations.
    """

    # The `WeightAverage` of the generator, if `compile(ema=...)` asked for one.
    average: Any = None

    # Whether batch normalization takes its statistics from the samples of all replicas, also in
    # layers without `synchronized=True`: so that a paper's batch is the whole batch.
    synchronized = False

    # Whether the discriminator may be shown changed images: `compile(augment=...)`.
    can_augment = True

    # What the family's networks were made to compute in, "bfloat16" for instance; None if its
    # constructor has no argument `precision`, or for Keras's float32.
    precision: str | None = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = making.made_alike(cls.__init__)

    def __init__(self, seed: int | None = None, name: str | None = None):
        arguments.seed_and_name(seed, name)
        super().__init__(name=name)
        self.begin_drawing(seed)
        self._settings: settings.Settings | None = None
        self._sampling = self._mixing = None
        self._joint_optimizer = None
        # None before `compile`.
        self.average = None
        self.logs: Any = None
        self.loss: Any = None
        self.measures = Measures()
        self.resume_within_epoch = False
        self.steps_into_epoch: int | None = None
        self.updates_are_unknown = False
        self.execution = Execution()

    # Settings. They are attributes of one object, so that a `compile` that fails changes none.

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
        augment: str | Callable | Iterable | None = None,
        optimizer: None = None,
        loss_weights: None = None,
        weighted_metrics: None = None,
        auto_scale_loss: None = None,
    ) -> None:
        """Configures training. Without arguments it uses the settings of the model's paper.

        Args:
            d_optimizer, g_optimizer: the Keras optimizers of the discriminator and the generator,
                or their names. Learning rate schedules, gradient clipping (`global_clipnorm`,
                `clipnorm`, `clipvalue`) and weight decay are the optimizer's own arguments.
            loss: a name from `kgan.losses` ("non_saturating", "hinge", ...) or a
                `kgan.losses.Loss`.
            penalties: terms that regularize the discriminator: names ("r1", "r2",
                "gradient_penalty", "dragan", "lecam", "consistency"), `kgan.penalties` objects, or
                functions of a `kgan.terms.Turn`. None means the paper's, and `[]` none.
            terms: further `kgan.Term` objects; a plain function of a `kgan.terms.Turn`
                becomes a term of the generator.
            metrics: metrics of validation and `evaluate`: metrics of `kgan.metrics`, their names
                ("frechet_distance", "precision", ...), or your own Keras metrics with
                `update_state(real, fake)`. If a metric's attribute `uses_condition` is true, it
                also gets `condition=`.
            discriminator_steps: updates of the discriminator per training step, each on new real
                samples and new latents (WGAN, algorithm 1). A step then takes as many batches of
                the dataset, and an epoch has that many times fewer steps.
            accumulation_steps: number of slices in which each batch is processed, to save memory.
                The update is that of the whole batch, batch statistics apart.
            ema: decay of an exponential moving average of the generator's weights, such as 0.999,
                or a schedule of it. `generate`, evaluation, callbacks and exports then use the
                average. None means the paper's, and 0 none.
            joint_batch: whether real and generated samples are scored in one batch. It makes a
                difference only with layers that use batch statistics.
            shared_forward: whether both players train on the same generated samples, which saves a
                forward pass of the generator. Requires `discriminator_steps=1` and
                `accumulation_steps=1`.
            log_gradient_norms: whether `d_gradient_norm` and `g_gradient_norm` are logged.
            skip_nonfinite: whether an update is skipped if its loss, gradients or layer state hold
                NaN or Inf; it then changes no variable of the model, on any replica.
            run_eagerly: as in `keras.Model.compile`.
            steps_per_execution: as in `keras.Model.compile`. "auto" chooses as many steps as take
                a tenth of a second, and calls callbacks at the steps that they need. See
                docs/performance.md.
            jit_compile: whether the step is compiled by XLA. "auto" tries XLA if training takes
                more than about two minutes and XLA can compile every operation of the step, and
                uses it if it is faster.
            optimizers: optimizers of further players by name, such as `{"encoder": "adam"}`; it
                may also hold those of the discriminator and the generator.
            accelerate: False uses Keras's own layers and Adam instead of faster implementations
                that compute the same numbers. None takes the environment variable
                `KGAN_ACCELERATE`, and means True if that is not set.
            augment: changes of the images that the discriminator sees in training, real and
                generated ones, for data sets of few images: "diffaugment", a `kgan.augment` object,
                a list of them, or a function of samples and a seed. Penalties go by the images
                before it. `generate` and evaluations see no change.
            optimizer, loss_weights, weighted_metrics, auto_scale_loss: arguments of
                `keras.Model.compile` that must be None; the error says what to use instead.

        Raises:
            InputError: for an unknown name, or settings that contradict each other. The model is
                not changed then.
        """
        given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        given = calls.refuse("compile", given)
        replicas.must_be_in_scope(self)
        with self.distribute_strategy.scope():
            found = settings.checked(self, given)
            execution = Execution(found.jit_compile == "auto", found.steps_per_execution == "auto")
            super().compile(
                optimizer=None,
                run_eagerly=found.run_eagerly,
                steps_per_execution=1 if execution.steps_undecided else found.steps_per_execution,
                jit_compile=False if execution.xla_undecided else found.jit_compile,
            )
        self._settings = found
        for player in found.players:
            setattr(self, f"{player.prefix}_optimizer", player.optimizer)
        self.optimizer = Optimizers({p.prefix: p.optimizer for p in found.players})
        if self.average is not None:
            # Keras would keep the old average, and with it a copy of the generator.
            bridge.untrack(self, self.average)
        self.average = found.average
        self.loss, self.logs = found.loss, found.logs
        self.execution, self.xla_choice = execution, -1
        self.updates_are_unknown = False
        self._sampling = self._mixing = None
        self.measures.set(found.metrics)
        self._frozen = frozen.frozen(self.networks)
        surface.has_trainable_players(self.players)

    def make_players(self) -> list[Player]:
        """Returns the players in the order of their updates; `compile` adds their optimizers."""
        raise NotImplementedError

    @property
    def players(self) -> list[Player]:
        """The players in the order of their updates; an empty list before `compile`."""
        return self._settings.players if self._settings else []

    def _shared_config(self) -> Config:
        """Returns what families save beside their own arguments, as far as it is not the default.

        It is left out otherwise: families of other packages need not have these arguments.
        """
        return {} if self.precision is None else {"precision": self.precision}

    def _setting(name: str, otherwise: Any) -> Any:
        def read(self) -> Any:
            return getattr(self._settings, name) if self._settings else otherwise

        return property(read, doc=f"`{name}` of `compile`.")

    terms = _setting("terms", ())
    accumulation_steps = _setting("accumulation_steps", 1)
    discriminator_steps = _setting("discriminator_steps", 1)
    joint_batch = _setting("joint_batch", False)
    augment = _setting("augment", None)
    shared_forward = _setting("shared_forward", False)
    log_gradient_norms = _setting("log_gradient_norms", False)
    skip_nonfinite = _setting("skip_nonfinite", True)
    accelerate = _setting("accelerate", True)
    del _setting

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
        class_weight: None = None,
        sample_weight: None = None,
    ) -> keras.callbacks.History:
        """Trains the players against each other.

        The arguments are those of `keras.Model.fit`; `x` holds the real samples.

        Args:
            x: a `tf.data.Dataset` (batches of samples or of `(samples, labels)`), an array, a
                tensor, a `keras.utils.PyDataset` or a generator of batches. Samples are floats
                in `data_range`. Datasets of `kgan.data` with another range are rescaled to it.
                The order of their samples depends only on the seed and the epoch, and so does
                that of arrays, of which an incomplete last batch is dropped.
            y: labels, if `x` is an array.
            class_weight, sample_weight: must be None.

        Returns:
            A `keras.callbacks.History`. A mean of no values is NaN.

        Raises:
            InputError: before training, if the data does not fit the model (dtype, shape, range,
                too few samples); during training, if a batch holds NaN, Inf or values out of
                range. The weights then are those after the previous step.
        """
        given = {name: value for name, value in locals().items() if name != "self"}
        self._require_ready("fit")
        calls.checked(**calls.refuse("fit", given))
        if validation_split and validation_data is None:
            (x, y), validation_data = feed.held_out(x, y, validation_split)
        data = feed.training_data(
            self, x, y, batch_size=batch_size, shuffle=shuffle, steps_per_epoch=steps_per_epoch
        )
        if validation_data is not None:
            samples, labels = feed.samples_and_labels(validation_data)
            validation_data = feed.evaluation_data(
                self, samples, labels, validation_batch_size or batch_size, validation_steps
            )
            self.measures.prepare(self)
        callbacks = workers.callbacks_of(self, feed.callback_list(callbacks))
        callbacks = keeping.accompanied(self, callbacks)
        watch = feed.WatchUpdates(data, callbacks)
        with out_of_memory.advice("A training step", out_of_memory.TRAINING):
            choice.decide(self, data, epochs - initial_epoch, callbacks)
        stop = feed.StopAtFault() if watch.stops else None
        callbacks = [c for c in (data.enter, watch, stop) if c is not None] + callbacks
        before = self.steps_taken
        memory = out_of_memory.advice("Training", out_of_memory.TRAINING)
        with (
            scopes.entered(callbacks),
            memory,
            workers.together(self),
            feed.data_errors(self),
        ):
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
        if history.epoch and self.steps_taken == before:
            raise InputError(
                "The dataset ended before one training step: a step takes discriminator_steps="
                f"{self.discriminator_steps} full batches. Use smaller batches or more data."
            )
        self._take_averages()
        return history

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """Trains every player once; see `kgan.training.step`."""
        self.logs.begin()
        # Counters and seeds must not advance in a step for which there is no data.
        with tf.control_dependencies([t for t in tf.nest.flatten(data) if t is not None]):
            step.train_step(self, data)
            return self.reported()

    def augmented(self, samples: Any, condition: Any = None) -> tuple[Any, Any]:
        """Returns (samples, condition) as the discriminator sees them in training.

        They differ from those given if `compile` got `augment`.
        """
        return judging.augmented(self, samples, condition)

    def make_train_function(self, force: bool = False) -> None:
        if self.train_function is not None and not force:
            return
        if not replicas.trains_on_one_device(self):
            self.train_function = loops.replicated_train_function(self)
        elif self.run_eagerly:
            super().make_train_function(force=True)
            self.train_function = loops.eager_train_function(self, self.train_function)
        else:
            self.train_function = loops.train_function(self)

    def reported(self, names: Iterable[str] | None = None) -> dict:
        """Returns the running means, which a step returns."""
        return self.logs.results(names)

    # State.

    def stateful_parts(self) -> dict[str, Any]:
        """Returns further objects that may hold variables, by their name in the state.

        These are objects other than networks and optimizers. Families with more of them override
        this; see `kgan.training.state`.
        """
        terms = {f"terms/{term.name}": term for term in self.terms}
        parts = {"loss": self.loss, "latents": getattr(self, "latents", None)}
        return parts | {"augment": self.augment} | terms
