"""Evaluation: losses and scores in inference mode, and metrics."""

import contextlib
from typing import Any

import tensorflow as tf
from keras import ops

from kgan import bridge, checks, replicas
from kgan.errors import InputError
from kgan.training import calls, feed, out_of_memory
from kgan.training.execution import loops
from kgan.training.step import count, mean
from kgan.typing import ArrayLike, Tensor


def test_step(model, data) -> None:
    """Tracks losses and scores of a batch, and updates the metrics."""
    real, condition = model.unpack(data)
    drawn = seed(model)
    latents = replicas.rows(count(real), lambda number: model.draw(number, drawn))
    fake = model.sample(latents, condition)
    real_scores, fake_scores = model.score(real, condition), model.score(fake, condition)
    model.logs.track("d_loss", model.discriminator_loss(real_scores, fake_scores))
    model.logs.track("g_loss", model.generator_loss(fake_scores, real_scores))
    model.logs.track("d_real", mean(real_scores))
    model.logs.track("d_fake", mean(fake_scores))
    real, fake = model.measured(real, fake, latents, condition)
    labels = model.labels_of(condition)
    for metric in model.evaluation_metrics:
        if not (replicas.adds_up() or getattr(metric, "gathers_samples", False)):
            continue
        if getattr(metric, "uses_condition", False):
            metric.update_state(real, fake, condition=condition if labels is None else labels)
        else:
            metric.update_state(real, fake)


def seed(model):
    """Returns the seed of the next batch of an evaluation, the same in every evaluation."""
    batches = model.evaluated_batches
    batch = ops.cast(batches.value, "int32")
    batches.assign_add(1)
    return tf.stack([tf.constant(model.seed % 2**31, tf.int32) ^ 0x5EED, batch])


@contextlib.contextmanager
def temporary_metrics(model, metrics):
    """In this context the model evaluates with other metrics than those of `compile`."""
    measures = model.measures
    before = measures.metrics, measures.prepared, model.test_function
    measures.set(checks.metrics(checks.listed(metrics), model.evaluated_logs))
    model.test_function = None
    try:
        yield
    finally:
        measures.metrics, measures.prepared, model.test_function = before


class Measures:
    """The metrics of a model, and the state in which they were prepared.

    This is a plain object because Keras would keep every metric that was ever an attribute of the
    model, with all its features.
    """

    def __init__(self, metrics=()):
        self.set(metrics)

    def set(self, metrics) -> None:
        """Replaces the metrics; the new ones are not prepared yet."""
        self.metrics, self.prepared = tuple(metrics), None

    def prepare(self, model) -> None:
        """Lets metrics load what they need, or raise if the model does not fit, before training."""
        # If another model has prepared a metric since, a traced step would still update the
        # variables that the metric had before.
        if self.prepared == self._state():
            return
        # Metrics with the same extractor share its features through this dictionary.
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
        """Whether XLA can compile all metrics; those that keep features in NumPy it cannot."""
        return all(getattr(metric, "supports_jit", True) for metric in self.metrics)


class EvaluatedModel(bridge.EvaluatesByResults):
    """The part of a model that `evaluate` and validation use."""

    @property
    def evaluation_metrics(self) -> tuple:
        """The metrics given to `compile`, or those of the running `evaluate(metrics=...)`."""
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
        """Computes losses, mean scores and metrics on held-out real samples.

        One sample is generated for each real sample. The latents are the same at each call, so
        that results differ only if the model does.

        Args:
            x, y, batch_size, verbose, steps, callbacks: as in `keras.Model.evaluate`.
            sample_weight: must be None.
            return_dict: False returns a list in the order of the names.
            metrics: metrics for this evaluation instead of those of `compile`; the model need not
                be compiled again.

        Returns:
            A dictionary of floats by name.

        Raises:
            InputError: if the data does not fit the model.
        """
        self._require_compiled("evaluate")
        calls.refuse("evaluate", {"sample_weight": sample_weight})
        calls.checked(
            batch_size=batch_size,
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
            return_dict=return_dict,
        )
        if metrics is not None:
            with temporary_metrics(self, metrics):
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
            with out_of_memory.advice("Evaluation", out_of_memory.SAMPLING), feed.data_errors(self):
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
        # Keras 3.12 returns tensors.
        return {name: float(v) for name, v in results.items()} if return_dict else results

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """Tracks losses and scores in inference mode, and updates the metrics."""
        self.logs.begin()
        # What is counted must not advance in a step for which there is no data.
        with tf.control_dependencies([t for t in tf.nest.flatten(data) if t is not None]):
            test_step(self, data)
            return self.reported(self.evaluated_logs)

    def make_test_function(self, force: bool = False) -> None:
        # XLA may be unable to compile a user's metric.
        jit_compile = self.jit_compile
        if not replicas.trains_on_one_device(self):
            if self.test_function is None or force:
                self.test_function = loops.replicated_test_function(self)
            return
        if self.execution.xla_undecided or not self.measures.compile_with_xla:
            self.jit_compile = False
        super().make_test_function(force)
        self.jit_compile = jit_compile

    @property
    def metrics(self) -> list:
        """All running means and metrics; Keras resets them between epochs."""
        means = [self.logs.means] if self.logs else []
        return [*means, *self.evaluation_metrics]

    def get_metrics_result(self) -> dict[str, Any]:
        """Returns the running means and, in an evaluation, the metrics' results.

        Keras also calls this after every training epoch. Results are left out then, because some
        are expensive: a Fréchet distance solves an eigenvalue problem.
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
                f"Call `compile()` before `{method}`: without arguments it uses the paper's "
                "settings."
            )
