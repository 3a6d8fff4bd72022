"""Mode coverage on samples whose figures are known in closed form."""

import json
import math
import os
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import kgan
from kgan.data import mixtures
from kgan.errors import InputError
from kgan.metrics import KerasModel, ModeCoverage
from kgan.metrics.extractors.stacked import StackedDigits

pytestmark = pytest.mark.filterwarnings("ignore:.*or more needed")

GRID = mixtures.grid(n=1).modes


def judged(samples, modes=GRID, batch=5000, **settings):
    metric = ModeCoverage(modes, **settings)
    for start in range(0, len(samples), batch):
        metric.update_state(None, samples[start : start + batch])
    return metric.result()


def classifier(classes):
    """Scores are the first values of a flat sample."""
    inputs = keras.Input((16,))
    chosen = keras.layers.Dense(classes, use_bias=False, kernel_initializer="identity")
    return keras.Model(inputs, chosen(inputs), name="chosen")


@pytest.mark.parametrize(("mixture", "count"), [(mixtures.ring, 8), (mixtures.grid, 25)])
def test_true_samples(mixture, count):
    source = mixture(seed=3)
    found = judged(source.values, source.modes)
    assert list(found) == ["modes", "high_quality", "mode_spread", "mode_kl"]
    assert found["modes"] == count
    # Four standard deviations of a share of 100,000; the same for the others.
    assert found["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.0014)
    assert found["mode_spread"] == pytest.approx(1, abs=0.007)
    twice = 2 * 100_000 * found["high_quality"]
    assert found["mode_kl"] * twice == pytest.approx(count - 1, abs=4 * math.sqrt(2 * count - 2))


def test_true_samples_in_space():
    random = np.random.default_rng(0)
    centres = np.array([[0, 0, 0], [9, 0, 0]])
    modes = SimpleNamespace(probabilities=[0.8, 0.2], centres=centres, spread=0.5)
    which = (random.random(100_000) < 0.2).astype(int)
    found = judged(centres[which] + random.normal(0, 0.5, (100_000, 3)), modes)
    # Of the chi-squared distribution with 3 degrees of freedom, the share up to 9.
    share = math.erf(3 / math.sqrt(2)) - math.sqrt(2 / math.pi) * 3 * math.exp(-4.5)
    assert found["high_quality"] == pytest.approx(share, abs=0.0022)
    assert found["mode_spread"] == pytest.approx(1, abs=0.007)
    assert found["mode_kl"] < 1e-4


def test_two_samples_of_a_mode_show_its_spread_without_bias():
    centres = np.stack(np.meshgrid(np.arange(40.0), np.arange(50.0)), -1).reshape(-1, 2)
    modes = SimpleNamespace(probabilities=np.full(2000, 1 / 2000), centres=centres, spread=0.1)
    samples = np.repeat(centres, 2, 0) + np.random.default_rng(1).normal(0, 0.1, (4000, 2))
    with pytest.warns(UserWarning, match="52000 or more needed"):
        assert judged(samples, modes)["mode_spread"] == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("beside", [0.0, 1.4])
def test_points_are_no_modes(beside):
    """One point a mode, on its centre or beside it, has no spread."""
    samples = np.repeat(GRID.centres, 100, axis=0) + beside * GRID.spread
    found = judged(samples.astype("float32"))
    assert (found["modes"], found["high_quality"]) == (25, 1.0)
    assert found["mode_spread"] < 1e-5
    assert found["mode_kl"] == pytest.approx(0, abs=1e-12)


def test_a_collapsed_generator():
    source = mixtures.grid()
    found = judged(source.values[source.labels < 5])
    assert found["modes"] == 5
    assert found["mode_kl"] == pytest.approx(math.log(5), abs=0.001)
    assert found["mode_spread"] == pytest.approx(1, abs=0.02)


def test_a_blur():
    samples = np.random.default_rng(2).uniform(-5, 5, (200_000, 2))
    found = judged(samples)
    assert found["modes"] == 25
    # The discs of radius 3 x 0.05 in the square; samples even within a disc.
    assert found["high_quality"] == pytest.approx(25 * math.pi * 0.15**2 / 100, rel=0.06)
    assert found["mode_spread"] == pytest.approx(1.54, abs=0.03)


def test_shares_are_held_against_the_true_ones():
    modes = SimpleNamespace(probabilities=[0.75, 0.25], centres=[[0.0], [50.0]], spread=1.0)
    samples = np.repeat([[0.0], [50.0]], [150, 50], axis=0)
    assert judged(samples, modes)["mode_kl"] == pytest.approx(0, abs=1e-12)
    even = np.repeat([[0.0], [50.0]], 100, axis=0)
    expected = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert judged(even, modes)["mode_kl"] == pytest.approx(expected, rel=1e-9)


def test_least_samples_of_a_mode():
    samples = np.repeat(GRID.centres, [1] * 5 + [40] * 20, axis=0)
    assert judged(samples)["modes"] == 25
    assert judged(samples, least=2)["modes"] == 20


def test_nothing_of_high_quality():
    found = judged(np.full((700, 2), 99.0))
    assert (found["modes"], found["high_quality"], found["mode_kl"]) == (0, 0.0, math.inf)
    assert math.isnan(found["mode_spread"])
    undefined = ModeCoverage(GRID).result()
    assert list(undefined) == list(found)
    assert all(math.isnan(value) for value in undefined.values())


def test_batches_parts_and_files_make_no_difference(tmp_path):
    samples = mixtures.grid(n=3000).values
    whole = judged(samples, batch=3000)
    assert judged(samples, batch=7) == whole
    parts = [ModeCoverage(GRID) for _ in range(2)]
    parts[0].update_state(None, samples[:1000])
    parts[1].update_state(None, samples[1000:])
    parts[0].merge_state(parts[1:])
    assert parts[0].result() == whole
    parts[0].save_state(tmp_path / "state.npz")
    again = ModeCoverage(GRID)
    again.load_state(tmp_path / "state.npz")
    assert again.result() == whole
    again.reset_state()
    assert math.isnan(again.result()["modes"])


def test_scaled_data_brings_scaled_modes():
    data = kgan.data.load("grid", batch_size=5000, source_range=(-5, 5))
    metric = ModeCoverage(data.info.modes)
    for samples, _ in data.take(4):
        metric.update_state(None, samples)
    assert metric.result()["high_quality"] == pytest.approx(0.989, abs=0.004)
    assert metric.result()["mode_spread"] == pytest.approx(1, abs=0.02)


def test_a_model_logs_the_figures(networks, points):
    gan = kgan.GAN(*networks())
    gan.compile(metrics=[ModeCoverage(GRID), ModeCoverage(GRID, name="grid", least=3)])
    with pytest.warns(UserWarning, match=r"256 samples, with 650 .*mode_kl of about 0\.047"):
        logs = gan.evaluate(points, verbose=0)
    for name in ("modes", "high_quality", "mode_spread", "mode_kl"):
        assert {name, f"grid_{name}"} <= set(logs)
    assert logs["modes"] >= logs["grid_modes"]


def test_classes_are_counted():
    shares = np.full(12, 1 / 12)
    samples = np.eye(16, dtype="float32")[np.arange(600) % 10]
    found = judged(samples, SimpleNamespace(probabilities=shares), extractor=classifier(12))
    assert found == {"modes": 10, "mode_kl": pytest.approx(math.log(1.2))}
    assert judged(samples, 12, extractor=classifier(12)) == found


def test_stacked_digits_are_counted():
    """Of 1,000 stacks; the stub reads the digit off the first ten pixels of a channel."""
    flat = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Reshape((16,)), classifier(10)])
    modes = kgan.data.load("stacked_mnist", of="digits", n=100).info.modes
    random = np.random.default_rng(3)
    labels = random.choice(1000, size=26_000, p=modes.probabilities)
    digits = np.stack([labels // 100, labels // 10 % 10, labels % 10], axis=1)
    samples = 50 * np.eye(16, dtype="float32")[digits].transpose(0, 2, 1).reshape(-1, 4, 4, 3)
    found = judged(samples, modes, extractor=StackedDigits(KerasModel(flat)))
    assert found["modes"] == 1000
    # Mean 999, standard deviation sqrt(2 x 999), in halves of the samples.
    assert found["mode_kl"] * 52_000 == pytest.approx(999, abs=4 * 45)
    with pytest.warns(UserWarning, match="26000 or more needed"):
        half = judged(samples[digits[:, 2] < 5], modes, extractor=StackedDigits(KerasModel(flat)))
    assert half["modes"] == 500
    share = modes.probabilities.reshape(-1, 10)[:, :5].sum()
    assert half["mode_kl"] == pytest.approx(-math.log(share) + 499 / 26_000, abs=0.005)


@pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get("TFDS_DATA_DIR", ""), "mnist", "3.0.1")),
    reason="TFDS_DATA_DIR does not name a folder with MNIST",
)
@pytest.mark.slow
def test_real_stacked_mnist_has_all_its_modes():
    data = kgan.data.load("stacked_mnist", split="test", batch_size=1000)
    metric = ModeCoverage(data.info.modes, value_range=data.info.value_range)
    for samples, _ in data:
        metric.update_state(None, samples)
    found = metric.result()
    assert found["modes"] == 1000
    # 999 / 52,000 for the count of samples, and little for the classifier's errors.
    assert found["mode_kl"] == pytest.approx(0.0192, abs=0.004)


@pytest.mark.parametrize("modes", [GRID, 12])
def test_configuration_round_trip(modes):
    extractor = "auto" if modes is GRID else classifier(12)
    metric = ModeCoverage(modes, extractor, least=2, value_range=(-1, 1), name="mine")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(metric)))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.name, again.least, again.value_range) == ("mine", 2, (-1, 1))
    shape = (1000, 2) if modes is GRID else (1000, 16)
    samples = np.random.default_rng(4).normal(0, 2, shape).astype("float32")
    metric.update_state(None, samples)
    again.update_state(None, samples)
    assert again.result() == metric.result()
    assert again.get_config().keys() == metric.get_config().keys()


def test_modes_that_are_none():
    for wrong in (None, 1, True, "ring", 2.5):
        with pytest.raises(InputError, match=r"must know the modes.*dataset\.info\.modes"):
            ModeCoverage(wrong)
    with pytest.raises(InputError, match=r"dataset\.info\.modes"):
        ModeCoverage()
    even = {"probabilities": [0.5, 0.5], "centres": [[0.0], [1.0]], "spread": 0.1}
    for change, words in (
        ({"probabilities": [0.5, 0.6]}, "sum to 1"),
        ({"probabilities": [1.5, -0.5]}, "at least 0"),
        ({"centres": [0.0, 1.0]}, "centres of 2 modes"),
        ({"centres": [[0.0]]}, "centres of 2 modes"),
        ({"spread": 0.0}, "spread"),
        ({"spread": None}, "spread"),
    ):
        with pytest.raises(InputError, match=words):
            ModeCoverage(SimpleNamespace(**even | change))
    with pytest.raises(InputError, match="least"):
        ModeCoverage(GRID, least=0)


def test_what_does_not_fit_is_said_before_training(networks):
    with pytest.raises(InputError, match=r"2 dimensions.* shape \(3,\) have 3.*info\.modes"):
        ModeCoverage(GRID).prepare((3,))
    with pytest.raises(InputError, match=r"10 modes.*12 classes.*stacked_digits.*modes=12"):
        ModeCoverage(10, classifier(12)).prepare((16,))
    with pytest.raises(InputError, match="needs a classifier"):
        ModeCoverage(8).prepare((2,))
    gan = kgan.GAN(*networks(sample_shape=(3,)))
    gan.compile(metrics=[ModeCoverage(GRID)])
    data = np.zeros((64, 3), "float32")
    with pytest.raises(InputError, match="2 dimensions"):
        gan.fit(data, validation_data=data, verbose=0)


def test_auto_goes_by_the_modes():
    assert ModeCoverage(GRID).extractor == "values"
    assert ModeCoverage(1000).extractor == "stacked_digits"
    assert ModeCoverage(10).extractor == "auto"
