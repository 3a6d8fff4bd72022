"""The state tree: every variable that a step changes is in it, saved and loaded by name."""

import concurrent.futures
import gc

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.training import state


@keras.saving.register_keras_serializable("test")
class Remembers(kgan.Term):
    """Holds variables in a dictionary, a list, a layer, an object, and TensorFlow's own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.means = {"real": keras.Variable(0.0, trainable=False, name="mean")}
        self.list = [keras.Variable(0.0, trainable=False, name="mean")]
        self.layer = keras.layers.BatchNormalization()
        self.layer.build((None, 1))
        self.plain = tf.Variable(0.0, trainable=False)

    def __call__(self, turn):
        mean = tf.reduce_mean(turn.real_scores)
        self.means["real"].assign(0.5 * self.means["real"] + mean)
        self.list[0].assign(self.list[0] + 2.0 * mean)
        self.layer(turn.real_scores, training=True)
        self.plain.assign_add(mean)
        return 0.0 * mean


@keras.saving.register_keras_serializable("test")
class Drifts(kgan.latents.Normal):
    """Latents with a state of their own."""

    def __init__(self, shape):
        super().__init__(shape)
        self.drift = [keras.Variable(0.0, trainable=False, name="drift")]

    def sample(self, count, seed, truncation=None):
        self.drift[0].assign(self.drift[0] + 0.1)
        return super().sample(count, seed, truncation) + self.drift[0]


def made(networks, order=(0, 1)):
    keras.utils.set_random_seed(2)
    gan = kgan.GAN(*networks(batch_norm=True, dropout=0.2), latents=Drifts(3), seed=1)
    terms = [kgan.penalties.LeCam(0.1), Remembers(name="remembers")]
    gan.compile(penalties=[terms[place] for place in order], ema=0.9, jit_compile=False)
    return gan


def values(gan):
    return {name: np.array(v) for name, v in state.variables(gan).items()}


def test_all_that_a_step_changes_is_saved_by_name(networks, points, tmp_path):
    """Save, perturb all, load, compare all; in another order of the terms, too."""
    gan = made(networks)
    gan.fit(points, batch_size=32, verbose=0)
    saved = values(gan)
    names = set(saved)
    for expected in (
        "terms/remembers/means/real",
        "terms/remembers/list/0",
        "terms/remembers/plain",
        "terms/lecam/sums",
        "latents/drift/0",
        "seeds/training",
        "updates/d",
        "iterations",
    ):
        assert expected in names, sorted(names)
    gan.save_weights(tmp_path / "state.weights.h5")
    for variable in state.variables(gan).values():
        value = np.asarray(variable)
        variable.assign(np.ones_like(value) + value)
    gan.load_weights(tmp_path / "state.weights.h5")
    again = values(gan)
    other = made(networks, order=(1, 0))
    other.load_weights(tmp_path / "state.weights.h5")
    for found in (again, values(other)):
        assert found.keys() == names
        for name, value in saved.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_what_is_missing_and_left_over_is_said(networks, points, tmp_path):
    gan = made(networks)
    gan.save_weights(tmp_path / "state.weights.h5")
    gan.compile(penalties=[kgan.penalties.LeCam(0.1, name="other")], ema=0.9, jit_compile=False)
    with pytest.warns(UserWarning, match="lacks terms.other.sums.*holds terms.lecam.sums"):
        gan.load_weights(tmp_path / "state.weights.h5")


def test_a_step_changes_nothing_outside_the_tree(networks, points):
    gan = made(networks)
    gan.fit(points[:32], batch_size=32, verbose=0)
    known = {id(v) for v in state.variables(gan).values()}
    function = next(iter(gan.execution.traced.values()))
    captured = function.get_concrete_function(tf.TensorSpec((32, 2))).graph.variables
    raw = {
        id(kgan.bridge.plain_variable(v))
        for v in state.variables(gan).values()
        if hasattr(v, "value")
    }
    logs = {id(kgan.bridge.plain_variable(v)) for v in gan.logs.means.variables}
    unknown = [v.name for v in captured if id(v) not in known | raw | logs]
    assert unknown == []


def test_compiling_and_measuring_again_leaks_nothing(networks, points):
    gan = made(networks)
    counts, traces = [], []
    for _ in range(4):
        gan.compile(ema=0.9, run_eagerly=True)
        metric = kgan.metrics.Diversity(extractor="values")
        gan.fit(points[:64], batch_size=32, verbose=0)
        gan.evaluate(points[:64], batch_size=32, metrics=[metric], verbose=0)
        gan.generate(3, seed=0)
        del metric
        gc.collect()
        counts.append(len(gan.variables))
        alive = sum(isinstance(thing, kgan.metrics.Diversity) for thing in gc.get_objects())
        traces.append(alive)
    assert len(set(counts)) == 1
    assert traces[-1] <= traces[0]


def test_sampling_and_exporting_beside_a_training(networks, points, tmp_path):
    """From other threads, while `fit` goes on: they read, and the training does not notice."""

    def run(beside):
        gan = made(networks)
        gan.fit(points, batch_size=32, verbose=0)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            busy = [pool.submit(beside, gan, place) for place in range(2)] if beside else []
            gan.fit(points, batch_size=32, epochs=8, verbose=0)
            results = [job.result(timeout=120) for job in busy]
        return values(gan), results

    def look(gan, place):
        if place:
            gan.export(tmp_path / "served", verbose=False)
            served = tf.saved_model.load(tmp_path / "served")
            return served.sample(3, 1).numpy()
        return np.stack([gan.generate(4, seed=1) for _ in range(5)])

    alone, _ = run(None)
    watched, results = run(look)
    assert all(np.isfinite(result).all() for result in results)
    # Latents with a state move when samples are drawn, and so the numbers of the training.
    assert watched.keys() == alone.keys()
    assert all(np.isfinite(value).all() for value in watched.values())
    assert int(watched["iterations"]) == int(alone["iterations"])
