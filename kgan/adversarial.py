"""What every adversarial model shares, whatever its networks: feeding, logs, seeds and state."""

import contextlib
import random

import keras
import tensorflow as tf
from keras import ops

from kgan import checks, execution, feeding, freezing
from kgan.errors import InputError

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


class AdversarialModel(keras.Model):
    """A Keras model of several players; `kgan.GAN` is the one with two networks.

    A subclass sets `logs` and `evaluation_metrics` when it is compiled, `sample_shape` and
    `data_range` when it is made, and writes `train_step` and `test_step`.

    Attributes:
        seed: the seed of all the model draws.
        resume_within_epoch: set it after restoring a state from the middle of an epoch; the
            next `fit` then enters its data where that state left it.
        classes: how many classes the model is told apart; 0 where it is told none.
    """

    classes = 0

    def __init__(self, seed=None, name=None):
        super().__init__(name=name)
        self.seed = random.randrange(2**31) if seed is None else int(seed)
        # Training, and sampling by the way, draw apart: looking must not change the run.
        self._training_seeds = keras.random.SeedGenerator(self.seed)
        self._sampling_seeds = keras.random.SeedGenerator(self.seed + 1)
        self._counters = _Counters()
        self._evaluating = False
        self.logs = None
        self.evaluation_metrics = ()
        self._prepared = None
        self.resume_within_epoch = False
        self.execution = execution.Execution()

    @property
    def iterations(self):
        """Training steps taken since the model's birth, an int64 variable saved with it."""
        return self._counters.iterations

    def next_seed(self):
        """A fresh seed of the training stream, an int32 tensor of shape `(2,)`."""
        seed = ops.cast(self._training_seeds.next(), "int32")
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return seed
        # Replicas hold equal seeds; unfolded they would all draw the same latents.
        apart = ops.cast(replica.replica_id_in_sync_group, "int32") * 1_000_003
        return seed + tf.stack([apart, tf.zeros_like(apart)])

    @contextlib.contextmanager
    def state_kept(self):
        """Runs layers in training mode and drops what they would have written to their state.

        Batch-norm averages and spectral-norm vectors stay as they are; seed generators move
        on, or the next turn would draw this one's latents and Dropout masks again.
        """
        # Named one by one, so that a scope within a scope starts from the outer one's values.
        seeds = seed_states(self)
        with keras.StatelessScope([(seed, seed.value) for seed in seeds]) as scope:
            yield
        for seed in seeds:
            seed.assign(scope.get_current_value(seed))

    # Fitting and evaluating.

    def compile(self, *args, **kwargs):
        """As `keras.Model.compile`; which layers are frozen counts from here on."""
        super().compile(*args, **kwargs)
        self._frozen = freezing.frozen(self.networks)

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
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
            A `keras.callbacks.History`.

        Raises:
            InputError: before training where the data does not fit the model (dtype, shape,
                range, too few samples); during training where a later batch holds NaN, Inf or
                values out of range. The weights then stay as of the step before.
        """
        self._require_compiled("fit")
        if freezing.frozen(self.networks) != self._frozen:
            raise InputError(
                "Layers were frozen or freed since `compile()`. Call it again: the optimizers are "
                "built for the weights that are left to train."
            )
        if validation_split and validation_data is None:
            (x, y), validation_data = feeding.held_out(x, y, validation_split)
        data = feeding.training_data(
            self, x, y, batch_size=batch_size, shuffle=shuffle, steps_per_epoch=steps_per_epoch
        )
        if validation_data is not None:
            validation_data = feeding.evaluation_data(
                self,
                *feeding.unpaired(validation_data),
                validation_batch_size or batch_size,
                validation_steps,
            )
            self._prepare_metrics()
        execution.settle(self, data, epochs - initial_epoch, callbacks)
        for callback in (feeding.WatchUpdates(), data.enter):
            if callback is not None:
                callbacks = feeding.with_callback(callbacks, callback)
        before = int(self.iterations.numpy())
        with feeding.data_errors(self):
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

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=True,
        metrics=None,
        **kwargs,
    ):
        """Losses, scores and metrics on held-out real samples, as a dictionary.

        As many samples are generated as the data holds. The latents are the same at each call,
        so that figures differ by the model alone.

        Args:
            x, y, batch_size, verbose, steps, callbacks: as in `keras.Model.evaluate`.
            return_dict: False returns a list in the order of the names.
            metrics: metrics for this evaluation, in place of those of `compile`; a trained model
                is measured without being compiled anew.

        Raises:
            InputError: where the data does not fit the model.
        """
        self._require_compiled("evaluate")
        if sample_weight is not None:
            raise InputError("sample_weight has no meaning for a GAN; leave it out.")
        if metrics is not None:
            with self._measured_by(metrics):
                return self.evaluate(
                    x, y, batch_size, verbose, None, steps, callbacks, return_dict, **kwargs
                )
        # Within `fit` Keras passes a dataset that is prepared already.
        if not kwargs.get("_use_cached_eval_dataset"):
            x = feeding.evaluation_data(self, x, y, batch_size, steps)
            self._prepare_metrics()
        if getattr(x, "position", None) is not None:
            x.position.seek(0)
        self._evaluating = True
        try:
            with feeding.data_errors(self):
                results = super().evaluate(
                    x,
                    verbose=verbose,
                    steps=steps,
                    callbacks=callbacks,
                    return_dict=return_dict,
                    **kwargs,
                )
        finally:
            self._evaluating = False
            self._counters.evaluated_batches.assign(0)
        # Keras 3.12 leaves tensors here.
        return {name: float(v) for name, v in results.items()} if return_dict else results

    @contextlib.contextmanager
    def _measured_by(self, metrics):
        """Evaluates with these metrics for a while."""
        before = self.evaluation_metrics, self._prepared, self.test_function
        self._set_metrics(metrics)
        try:
            yield
        finally:
            self.evaluation_metrics, self._prepared, self.test_function = before

    def _set_metrics(self, metrics):
        self.evaluation_metrics = checks.metrics(checks.listed(metrics), self.evaluated_logs)
        self._prepared = None
        self.test_function = None

    def _prepare_metrics(self):
        """Lets metrics load what they need and refuse what does not fit, before any training."""

        def state():
            return [getattr(metric, "preparations", 0) for metric in self.evaluation_metrics]

        # A metric may have served elsewhere since, and a traced step would go on filling what it
        # had then.
        if self._prepared == state():
            return
        # Those over the same extractor find each other in here.
        shared = {}
        with self.distribute_strategy.scope():
            for metric in self.evaluation_metrics:
                if hasattr(metric, "prepare"):
                    metric.prepare(self.sample_shape, self.data_range, shared)
        self.test_function = None
        self._prepared = state()

    def evaluation_seed(self):
        """The seed of the batch under evaluation: the same batch, the same seed."""
        batch = ops.cast(self._counters.evaluated_batches.value, "int32")
        self._counters.evaluated_batches.assign_add(1)
        return tf.stack([tf.constant(self.seed % 2**31, tf.int32) ^ 0x5EED, batch])

    def reported(self, names=None) -> dict:
        """The running means as a step returns them."""
        logs = self.logs.results(names)
        if isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # Keras reduces logs over workers along an axis, which a scalar has not.
            logs = {name: tf.reshape(value, (1,)) for name, value in logs.items()}
        return logs

    @property
    def metrics(self):
        """All running means and metrics, which Keras resets between epochs."""
        means = [self.logs.means] if self.logs else []
        return [*means, *self.evaluation_metrics]

    def get_metrics_result(self):
        """The running means in training; in evaluation the metrics too.

        Keras asks after every training epoch as well, and then a metric that needs an
        eigenvalue problem must not be asked.
        """
        if not self._evaluating:
            return self.logs.results()
        results = self.logs.results(self.evaluated_logs)
        for metric in self.evaluation_metrics:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return results

    def _get_metrics_result_or_logs(self, logs):
        # Keras asks here once an evaluation is over, and would go by the names in the logs of a
        # step, which cannot tell the figures of a metric that has several.
        if self._evaluating:
            return self.get_metrics_result()
        return super()._get_metrics_result_or_logs(logs)

    def _require_compiled(self, method):
        if not self.compiled:
            raise InputError(
                f"Call `compile()` before `{method}`: without arguments it takes the paper's "
                "settings."
            )

    @property
    def xla_choice(self) -> int:
        """Whether `jit_compile="auto"` came to XLA: 1 or 0; -1 while that is open."""
        return int(self._counters.xla.numpy())

    @xla_choice.setter
    def xla_choice(self, value):
        self._counters.xla.assign(value)

    def make_train_function(self, force=False):
        if not execution.is_ours(self):
            super().make_train_function(force)
        elif self.train_function is None or force:
            self.train_function = execution.train_function(self)

    def make_test_function(self, force=False):
        # A user's metric may do what XLA cannot, and those over features keep them in NumPy.
        jit_compile = self.jit_compile
        if self.execution.open_xla or not all(
            getattr(metric, "supports_jit", True) for metric in self.evaluation_metrics
        ):
            self.jit_compile = False
        super().make_test_function(force)
        self.jit_compile = jit_compile

    # State.

    def _saved_state(self) -> dict:
        """The variables Keras does not save by itself, by name."""
        state = {"iterations": self.iterations, "xla": self._counters.xla}
        # By order: their paths are numbered afresh in every process.
        state |= {f"seed_{i}": v for i, v in enumerate(seed_states(self))}
        own = [*self._trainable_variables, *self._non_trainable_variables]
        state |= {f"own_{i}": v for i, v in enumerate(own)}
        if self.compiled:
            for i, part in enumerate((self.loss, *self.terms)):
                held = [v for v in vars(part).values() if isinstance(v, keras.Variable)]
                state |= {f"part_{i}_{j}": v for j, v in enumerate(held)}
        return state

    def save_own_variables(self, store):
        for name, variable in self._saved_state().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store):
        for name, variable in self._saved_state().items():
            if name in store.keys():  # noqa: SIM118 (an HDF5 group, not a dictionary)
                variable.assign(store[name])

    def get_compile_config(self):
        if not self.compiled:
            return None
        arguments = {
            name: keras.saving.serialize_keras_object(value)
            for name, value in self._compile_arguments.items()
        }
        # Which layers an optimizer trains: neither Keras nor the families' arguments tell.
        return arguments | {"frozen": self._frozen}

    def compile_from_config(self, config):
        config = dict(config)
        if (places := config.pop("frozen", None)) is not None:
            freezing.restore(self.networks, places)
        self.compile(
            **{name: keras.saving.deserialize_keras_object(v) for name, v in config.items()}
        )


def seed_states(network):
    """The state of every seed generator in a network, Dropout's for instance, in order."""
    return [v for v in network.variables if v.name == "seed_generator_state"]
