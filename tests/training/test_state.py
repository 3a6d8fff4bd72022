"""The state: it holds every variable that a step changes, and is saved and loaded by name."""

import collections
import concurrent.futures
import gc
import pathlib
import resource

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf

import kgan
from kgan import bridge
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
    # What only reports: running means, and updates that were left out.
    reports = [*gan.logs.means.variables, *(player.fault for player in gan.players)]
    logs = {id(kgan.bridge.plain_variable(v)) for v in reports}
    unknown = [v.name for v in captured if id(v) not in known | raw | logs]
    assert unknown == []


def _resident():
    """MiB of memory that the process holds; None where the system does not say."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize() / 2**20


def _alive():
    """How many objects there are of each kind that a round makes."""
    gc.collect()
    kinds = collections.Counter(type(thing).__name__ for thing in gc.get_objects())
    names = ("Adam", "WeightAverage", "Diversity", "ConcreteFunction", "ResourceVariable", "Memory")
    return {name: kinds[name] for name in names}


@pytest.mark.parametrize(
    "rounds",
    [pytest.param(24, marks=pytest.mark.slow), pytest.param(50, marks=pytest.mark.campaign)],
)
def test_rounds_of_compile_evaluate_generate_and_snapshot_leave_nothing(
    rounds, networks, points, tmp_path
):
    gan = kgan.GAN(*networks(batch_norm=True))
    snapshot = kgan.callbacks.ImageSnapshot(tmp_path, count=4, gif=False)
    snapshot.set_model(gan)
    alive, memory = [], []
    for _ in range(rounds):
        gan.compile(ema=0.9, jit_compile=False)
        gan.fit(points[:64].copy(), batch_size=32, verbose=0)
        metric = kgan.metrics.Diversity(extractor="values")
        gan.evaluate(points[:64].copy(), batch_size=32, metrics=[metric], verbose=0)
        del metric
        gan.generate(3, seed=0)
        snapshot.draw_now()
        alive.append({**_alive(), "variables": len(gan.variables)})
        memory.append(_resident())
    # The first rounds load what is loaded once.
    assert alive[-1] == alive[2]
    assert alive[-1]["Diversity"] == 0
    if rounds > 20 and memory[-1] is not None:
        # 7 MiB a round where a compilation's graphs stay.
        assert memory[-1] - memory[10] < 2.0 * (rounds - 11)


@pytest.mark.slow
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


def test_tensors_of_numbers_are_forgotten():
    """TensorFlow keeps one for each Python number: of steps, epochs, learning rates and seeds."""

    def use(start):
        for number in range(start, start + 20_000):
            tf.constant(number)
        bridge.forget_numbers()

    process = psutil.Process()
    use(10**6)
    before = process.memory_info().rss
    for turn in range(2, 6):
        use(turn * 10**6)
    # Else 60 MiB.
    assert process.memory_info().rss - before < 20 * 2**20
