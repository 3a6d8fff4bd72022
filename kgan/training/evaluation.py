"""The evaluation of a game: losses and scores in inference mode, and metrics."""

import contextlib
from typing import Any

import tensorflow as tf
from keras import ops

from kgan import bridge, checks
from kgan.errors import InputError
from kgan.training import feed
from kgan.training.step import count, mean
from kgan.typing import ArrayLike, Tensor


def test_step(model, data) -> None:
    """Tracks losses and scores of a batch, and updates the metrics."""
    real, condition = model.unpack(data)
    with tf.control_dependencies(tf.nest.flatten(real)):
        latents = model.draw(count(real), seed(model))
    fake = model.sample(latents, condition)
    real_scores, fake_scores = model.score(real, condition), model.score(fake, condition)
    model.logs.track("d_loss", model.discriminator_loss(real_scores, fake_scores))
    model.logs.track("g_loss", model.generator_loss(fake_scores, real_scores))
    model.logs.track("d_real", mean(real_scores))
    model.logs.track("d_fake", mean(fake_scores))
    real, fake = model.measured(real, fake, latents, condition)
    labels = model.labels_of(condition)
    for metric in model.evaluation_metrics:
        if getattr(metric, "uses_condition", False):
            metric.update_state(real, fake, condition=condition if labels is None else labels)
        else:
            metric.update_state(real, fake)


def seed(model):
    """The seed of the batch under evaluation: the same batch, the same seed."""
    batches = model.evaluated_batches
    batch = ops.cast(batches.value, "int32")
    batches.assign_add(1)
    return tf.stack([tf.constant(model.seed % 2**31, tf.int32) ^ 0x5EED, batch])


@contextlib.contextmanager
def measured_by(model, metrics):
    """Evaluates with these metrics for a while."""
    measures = model.measures
    before = measures.metrics, measures.prepared, model.test_function
    measures.set(checks.metrics(checks.listed(metrics), model.evaluated_logs))
    model.test_function = None
    try:
        yield
    finally:
        measures.metrics, measures.prepared, model.test_function = before


class Measures:
    """The metrics of a model, and what they were prepared for.

    Kept in a plain object: Keras would hold on to every metric that was ever an attribute of the
    model, with all its features.
    """

    def __init__(self, metrics=()):
        self.set(metrics)

    def set(self, metrics) -> None:
        """Other metrics, not prepared yet."""
        self.metrics, self.prepared = tuple(metrics), None

    def prepare(self, model) -> None:
        """Lets metrics load what they need and refuse what does not fit, before any training."""
        # A metric may have served elsewhere since, and a traced step would go on filling what it
        # had then.
        if self.prepared == self._state():
            return
        # Those over the same extractor find each other in here.
        shared = {}
        with model.distribute_strategy.scope():
            for metric in self.metrics:
                if hasattr(metric, "prepare"):
                    metric.prepare(model.sample_shape, model.data_range, shared)
        model.test_function = None
        self.prepared = self._state()

    def _state(self):
        return [getattr(metric, "preparations", 0) for metric in self.metrics]

    @property
    def compile_with_xla(self) -> bool:
        """Whether all of them may be compiled: those over features keep them in NumPy."""
        return all(getattr(metric, "supports_jit", True) for metric in self.metrics)


class EvaluatedModel(bridge.EvaluatesByResults):
    """The part of a game that `evaluate` and validation use."""

    @property
    def evaluation_metrics(self) -> tuple:
        """The metrics of evaluations, as `compile` was given them."""
        return self.measures.metrics

    def evaluate(
        self,
        x: Any = None,
        y: ArrayLike = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: ArrayLike = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = True,
        metrics: Any = None,
        **kwargs: Any,
    ) -> "dict[str, float] | list":
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
            with measured_by(self, metrics):
                return self.evaluate(
                    x, y, batch_size, verbose, None, steps, callbacks, return_dict, **kwargs
                )
        if not bridge.cached_evaluation(kwargs):
            x = feed.evaluation_data(self, x, y, batch_size, steps)
            self.measures.prepare(self)
        if getattr(x, "position", None) is not None:
            x.position.seek(0)
        self.evaluating = True
        try:
            with feed.data_errors(self):
                results = super().evaluate(
                    x,
                    verbose=verbose,
                    steps=steps,
                    callbacks=callbacks,
                    return_dict=return_dict,
                    **kwargs,
                )
        finally:
            self.evaluating = False
            self.evaluated_batches.assign(0)
        # Keras 3.12 leaves tensors here.
        return {name: float(v) for name, v in results.items()} if return_dict else results

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """Losses and scores of the networks in inference mode, and the metrics' updates."""
        self.logs.begin()
        test_step(self, data)
        return self.reported(self.evaluated_logs)

    def make_test_function(self, force: bool = False) -> None:
        # A user's metric may do what XLA cannot.
        jit_compile = self.jit_compile
        if self.execution.open_xla or not self.measures.compile_with_xla:
            self.jit_compile = False
        super().make_test_function(force)
        self.jit_compile = jit_compile

    @property
    def metrics(self) -> list:
        """All running means and metrics, which Keras resets between epochs."""
        means = [self.logs.means] if self.logs else []
        return [*means, *self.evaluation_metrics]

    def get_metrics_result(self) -> dict[str, Any]:
        """The running means in training; in evaluation the metrics too.

        Keras asks after every training epoch as well, and then a metric that needs an
        eigenvalue problem must not be asked.
        """
        if not self.evaluating:
            return self.logs.results()
        results = self.logs.results(self.evaluated_logs)
        for metric in self.evaluation_metrics:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return results

    def _require_compiled(self, method):
        if not self.compiled:
            raise InputError(
                f"Call `compile()` before `{method}`: without arguments it takes the paper's "
                "settings."
            )
