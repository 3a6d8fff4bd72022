import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.metrics import Memorisation
from kgan.metrics.memorisation import nearer, nearest_distances
from kgan.metrics.reading import read_features


@pytest.fixture
def random():
    return np.random.default_rng(0)


def measured(training, real, fake, **settings):
    metric = Memorisation(training, extractor="values", **settings)
    metric.update_state(real.astype("float32"), fake.astype("float32"))
    return metric.result()


def test_true_samples_score_a_half(random):
    training, real, fake = random.normal(size=(3, 1000, 4)).astype("float32")
    found = measured(training, real, fake)
    # Three of the standard deviations that the docstring tells.
    assert found["memorisation"] == pytest.approx(0.5, abs=3 * 0.013)
    assert found["memorisation_ratio"] == pytest.approx(1.0, abs=0.1)


def test_copies_score_one(random):
    training, real = random.normal(size=(2, 1000, 4)).astype("float32")
    found = measured(training, real, training[random.integers(0, 1000, 500)])
    assert found == {"memorisation": 1.0, "memorisation_ratio": 0.0}


def test_half_of_them_copies(random):
    training, real, fake = random.normal(size=(3, 1000, 4)).astype("float32")
    found = measured(training, real, np.concatenate([training[:500], fake[:500]]))
    assert found["memorisation"] == pytest.approx(0.75, abs=0.04)


def test_poor_samples_score_less_than_a_half(random):
    training, real, fake = random.normal(size=(3, 1000, 4)).astype("float32")
    found = measured(training, real, 3 * fake)
    assert found["memorisation"] < 0.2
    assert found["memorisation_ratio"] > 2


def test_the_u_statistic_with_ties():
    generated, held_out = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0])
    pairs = [(a < b) + 0.5 * (a == b) for a in generated for b in held_out]
    assert nearer(generated, held_out) == pytest.approx(np.mean(pairs))


def test_nearest_distances_over_several_blocks(random):
    samples, among = random.normal(size=(1500, 3)) + 1e4, random.normal(size=(2500, 3)) + 1e4
    samples[7] = among[2400]
    expected = np.linalg.norm(samples[:, None] - among[None], axis=-1).min(axis=1)
    found = nearest_distances(samples, among)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert found[7] == 0.0


def test_a_dataset_is_brought_to_the_range_and_left_where_it_was(random):
    images = random.integers(0, 256, (50, 4, 4, 1)).astype("uint8")
    dataset = kgan.data.from_arrays(
        images, np.arange(50) % 10, batch_size=8, value_range=(-1.0, 1.0)
    )
    dataset.position.seek(3, 2)
    features, extractor = read_features(dataset, "values", value_range=(0.0, 1.0))
    assert (dataset.position.epoch, dataset.position.skip_batches) == (3, 2)
    assert (extractor.name, features.shape) == ("values", (50, 16))
    expected = np.sort((images / 255.0).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(np.sort(features.sum(axis=1)), expected, rtol=1e-5)
    read_features(dataset, "values", count=10)
    assert (dataset.position.epoch, dataset.position.skip_batches) == (3, 2)


@pytest.mark.parametrize("form", ["array", "pair", "tensor", "batches", "labelled", "dataset"])
def test_all_forms_of_data(random, form):
    samples = random.normal(size=(20, 3)).astype("float32")
    labels = np.zeros(20)
    halves = [samples[:10], samples[10:]]
    data = {
        "array": samples,
        "pair": (samples, labels),
        "tensor": tf.constant(samples),
        "batches": iter(halves),
        "labelled": [(half, labels[:10]) for half in halves],
        "dataset": tf.data.Dataset.from_tensor_slices((samples, labels)).batch(7),
    }[form]
    np.testing.assert_array_equal(read_features(data, "values")[0], samples)


def test_training_features_are_computed_once(random, monkeypatch):
    samples = random.normal(size=(200, 3)).astype("float32")
    metric = Memorisation(iter([samples]), extractor="values")
    metric.prepare((3,))
    # A generator could not be read again.
    metric.prepare((3,))
    metric.update_state(samples + 1, samples + 1)
    assert metric.result()["memorisation"] == 0.5
    assert metric.report()["training"] == 200


def test_in_a_saved_model(gan, points, tmp_path):
    gan.compile(metrics=[Memorisation(points[:128], name="copies")], jit_compile=False)
    before = gan.evaluate(points[128:], batch_size=32, verbose=0)
    assert {"copies", "copies_ratio"} <= before.keys()
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    with pytest.raises(InputError, match="training=dataset"):
        loaded.evaluate(points[128:], batch_size=32, verbose=0)
    (metric,) = loaded.evaluation_metrics
    metric.training = points[:128]
    after = loaded.evaluate(points[128:], batch_size=32, verbose=0)
    assert after["copies"] == pytest.approx(before["copies"])


def test_a_loaded_state_is_compared_too(random, tmp_path):
    training, real, fake = random.normal(size=(3, 200, 2)).astype("float32")
    metric = Memorisation(training)
    metric.update_state(real, fake)
    metric.save_state(tmp_path / "state.npz")
    loaded = Memorisation(training)
    loaded.load_state(tmp_path / "state.npz")
    assert loaded.result() == metric.result()


def test_its_configuration_leaves_the_training_samples_out():
    config = keras.saving.serialize_keras_object(Memorisation(np.zeros((5, 2)), name="copies"))
    metric = keras.saving.deserialize_keras_object(config)
    assert (metric.name, metric.training) == ("copies", None)


def test_nothing_seen_is_no_figure(random):
    metric = Memorisation(random.normal(size=(10, 2)))
    assert all(np.isnan(figure) for figure in metric.result().values())


def test_an_evaluation_on_the_training_samples_is_told(random):
    training, fake = random.normal(size=(2, 200, 2)).astype("float32")
    with pytest.warns(UserWarning, match="held out"):
        found = measured(training, training, fake)
    assert np.isnan(found["memorisation_ratio"])


def test_few_samples_are_doubted(random):
    training, real, fake = random.normal(size=(3, 20, 2)).astype("float32")
    with pytest.warns(UserWarning, match="20 samples"):
        measured(training, real, fake)


@pytest.mark.parametrize(
    ("training", "match"),
    [
        (None, "training=dataset"),
        (np.zeros((9, 3)), "shape"),
        (np.zeros((0, 2)), "no samples"),
        (np.full((9, 2), np.nan), "NaN"),
        (7, "array of samples"),
        (tf.data.Dataset.from_tensors(np.zeros((4, 2))).repeat(), "without end"),
    ],
)
def test_bad_training_samples_are_refused_before_an_evaluation(training, match):
    with pytest.raises(InputError, match=match):
        Memorisation(training, extractor="values").prepare((2,))
