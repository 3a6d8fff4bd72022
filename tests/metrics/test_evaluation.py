"""Metrics in `fit` and `evaluate`: logged, monitored, computed once, and repeatable."""

import json
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import metrics
from kgan.errors import InputError


@pytest.fixture
def measured(networks):
    """A small GAN of points compiled with several metrics, some over one extractor."""
    gan = kgan.GAN(*networks(), seed=3)
    gan.compile(
        metrics=[
            "frechet_distance",
            metrics.Precision(),
            metrics.Recall(),
            metrics.KernelDistance(subsets=3, subset_size=40),
        ],
        jit_compile=False,
    )
    return gan


@pytest.fixture(autouse=True)
def _few_samples_are_fine():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* or more needed")
        yield


NAMES = {"frechet_distance", "precision", "recall", "kernel_distance", "kernel_distance_std"}


def test_fit_logs_them_each_epoch_and_callbacks_act_on_them(measured, points, tmp_path):
    best = tmp_path / "best.weights.h5"
    stopping = keras.callbacks.EarlyStopping(
        "val_frechet_distance", mode="max", patience=1, restore_best_weights=True
    )
    history = measured.fit(
        points,
        batch_size=32,
        epochs=9,
        verbose=0,
        validation_data=points[:100],
        callbacks=[
            keras.callbacks.ModelCheckpoint(
                str(best),
                monitor="val_frechet_distance",
                mode="min",
                save_best_only=True,
                save_weights_only=True,
            ),
            stopping,
            kgan.callbacks.Checkpoint(tmp_path / "states", monitor="val_frechet_distance"),
            kgan.callbacks.TensorBoard(tmp_path / "logs", samples_freq=0),
        ],
    ).history
    # Distances fall in a healthy run, so that asking for more ends it.
    assert len(history["val_frechet_distance"]) < 9
    assert {f"val_{name}" for name in NAMES} < history.keys()
    assert not NAMES & history.keys()
    assert best.is_file()
    at_best = measured.evaluate(points[:100], batch_size=32, verbose=0)
    assert at_best["frechet_distance"] == pytest.approx(max(history["val_frechet_distance"]))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "logs" / "validation"))
    events.Reload()
    shown = {tag.removeprefix("epoch_") for tag in events.Tags()["tensors"]}
    assert shown >= NAMES


def test_evaluate_gives_the_figures_of_fit_and_of_the_samples_themselves(measured, points):
    history = measured.fit(
        points, batch_size=32, epochs=2, verbose=0, validation_data=points[:90]
    ).history
    for batch_size in (32, 32):
        found = measured.evaluate(points[:90], batch_size=batch_size, verbose=0)
        for name in NAMES:
            assert found[name] == pytest.approx(history[f"val_{name}"][-1], rel=1e-6)
    metric = measured.evaluation_metrics[0]
    assert metric.report() == {"extractor": "values", "real": 90, "fake": 90}
    latents = [measured.draw(n, _seed(measured, i)) for i, n in enumerate((32, 32, 26))]
    fake = np.concatenate([measured.sample(each) for each in latents])
    expected = metrics.measure(["frechet_distance", metrics.Recall()], points[:90], fake)
    assert found["frechet_distance"] == pytest.approx(expected["frechet_distance"], rel=1e-5)
    assert found["recall"] == expected["recall"]


def _seed(gan, batch):
    return tf.constant([gan.seed ^ 0x5EED, batch], tf.int32)


def test_a_figure_is_computed_once_an_evaluation(measured, points, monkeypatch):
    calls = []
    compute = metrics.FrechetDistance.compute
    monkeypatch.setattr(
        metrics.FrechetDistance, "compute", lambda self: (calls.append(1), compute(self))[1]
    )
    measured.fit(points, batch_size=32, epochs=3, verbose=0)
    assert not calls
    measured.fit(points, batch_size=32, epochs=3, verbose=0, validation_data=points[:64])
    assert len(calls) == 3


@pytest.mark.parametrize(
    "settings", [{"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 4}]
)
def test_however_the_step_is_run_the_figures_are_the_same(settings, networks, points):
    found = []
    for options in ({"jit_compile": False}, settings):
        keras.utils.set_random_seed(1)
        gan = kgan.GAN(*networks(), seed=3)
        gan.compile(metrics=["frechet_distance", metrics.Coverage()], **options)
        # An odd last batch, so that the step is traced twice.
        found.append(gan.evaluate(points[:90], batch_size=20, verbose=0))
    for name in ("frechet_distance", "coverage"):
        assert found[0][name] == pytest.approx(found[1][name], rel=1e-5)


def test_a_trained_model_is_measured_without_compiling_it_anew(measured, points):
    measured.fit(points, batch_size=32, verbose=0)
    before = [v.numpy() for v in measured.d_optimizer.variables]
    own = measured.evaluate(points[:80], verbose=0)
    other = metrics.FrechetDistance(name="other")
    found = measured.evaluate(points[:80], verbose=0, metrics=[other])
    assert found["other"] == pytest.approx(own["frechet_distance"], rel=1e-9)
    assert not NAMES & found.keys()
    assert measured.evaluate(points[:80], verbose=0) == own
    for old, new in zip(before, measured.d_optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())


def test_a_metric_that_served_elsewhere_comes_back(measured, points):
    own = measured.evaluate(points[:80], verbose=0)
    metrics.measure(measured.evaluation_metrics, points[:80], points[80:160])
    assert measured.evaluate(points[:80], verbose=0) == own


LOAD = """
import json, sys
import numpy as np
import kgan
gan = kgan.load(sys.argv[1])
print(json.dumps(gan.evaluate(np.load(sys.argv[2]), verbose=0)))
"""


@pytest.mark.slow
def test_a_saved_model_measures_as_before_in_a_new_process(measured, points, tmp_path):
    measured.fit(points, batch_size=32, verbose=0)
    measured.save(tmp_path / "gan.keras")
    np.save(tmp_path / "points.npy", points[:80])
    expected = measured.evaluate(points[:80], verbose=0)
    words = [sys.executable, "-c", LOAD, tmp_path / "gan.keras", tmp_path / "points.npy"]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout.splitlines()[-1]) == pytest.approx(expected, rel=1e-5)


def test_what_does_not_fit_is_said_before_training(networks, points, tmp_path):
    gan = kgan.GAN(*networks())
    np.savez(tmp_path / "wide.npz", mu=np.zeros(7), sigma=np.eye(7))
    image_model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    for metric, message in (
        (metrics.FrechetDistance(reference=tmp_path / "wide.npz"), "7 features"),
        (metrics.FrechetDistance(image_model), r"\(8, 8, 1\)"),
        (metrics.InceptionScore(), "classifier"),
    ):
        gan.compile(metrics=[metric])
        with pytest.raises(InputError, match=message):
            gan.fit(points, batch_size=32, verbose=0, validation_data=points[:64])
        assert int(gan.iterations) == 0
    with pytest.raises(InputError, match="Did you mean 'frechet_distance'"):
        gan.compile(metrics=["frechet_distanse"])


def test_a_generator_that_has_diverged_says_so(measured, points):
    kernel = measured.generator.weights[0]
    kernel.assign(kernel * np.nan)
    with pytest.raises(InputError, match="generator has diverged"):
        measured.evaluate(points[:64], verbose=0)


def test_measure_takes_datasets_and_arrays_and_stops_at_the_shorter(points):
    data = tf.data.Dataset.from_tensor_slices((points, np.zeros(256))).batch(77)
    metric = metrics.FrechetDistance()
    found = metrics.measure([metric], data, points[:200])
    assert metric.report()["real"] == metric.report()["fake"] == 200
    assert found["frechet_distance"] == pytest.approx(0.0, abs=1e-9)
    metrics.measure([metric], data, points, count=50)
    assert metric.report()["fake"] == 50
    with pytest.raises(InputError, match="no samples"):
        metrics.measure([metric], data, points[:0])
    with pytest.raises(InputError, match="shape"):
        metrics.measure([metric], points, np.zeros((9, 3), "float32"))


def test_metrics_warn_where_the_images_are_of_another_kind():
    noise = np.random.default_rng(0).uniform(-1, 1, (300, 28, 28, 1)).astype("float32")
    metric = metrics.FrechetDistance(value_range=(-1, 1))
    metric.update_state(noise, noise)
    with pytest.warns(UserWarning, match="another kind"):
        metric.result()


def test_two_sets_of_different_ranges_are_not_compared():
    raw = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype("uint8")
    scaled = (raw / 127.5 - 1).astype("float32")
    for real, fake in ((raw, scaled), (scaled, raw.astype("float32"))):
        with pytest.raises(InputError, match=r"different ranges.*in \[0, 255\].*images / 127\.5"):
            metrics.measure(["frechet_distance"], real, fake)
    with pytest.raises(InputError, match=r"outside value_range=\(-1, 1\)"):
        metrics.measure(["frechet_distance"], raw, raw, value_range=(-1, 1))
    assert metrics.measure(["psnr"], raw, raw, value_range=(0, 255))["psnr"] >= 100


def test_data_of_unknown_length_has_the_same_losses(gan, points):
    """Its end is found in a step without data, in which nothing may be counted."""
    gan.compile(jit_compile=False)
    data = tf.data.Dataset.from_tensor_slices(points[:80]).batch(32)
    unknown = data.filter(lambda batch: True)
    assert int(unknown.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    known = gan.evaluate(data, verbose=0)
    assert gan.evaluate(unknown, verbose=0) == pytest.approx(known, rel=1e-6)
    first, last = gan.evaluate(unknown.take(1), verbose=0), gan.evaluate(data.take(1), verbose=0)
    assert first == pytest.approx(last, rel=1e-6)
