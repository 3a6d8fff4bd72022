"""One batch of an evaluation: losses and scores in inference mode, and the metrics' updates."""

import contextlib

import tensorflow as tf
from keras import ops

from kgan import checks
from kgan.training.step import count, mean


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
