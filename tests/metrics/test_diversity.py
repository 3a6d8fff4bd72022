import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.metrics import Diversity
from kgan.metrics.diversity import diversity, mean_pairwise_distance, nearest_distance


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_normal_numbers_are_two_over_root_pi_apart(random):
    found = mean_pairwise_distance(random.normal(size=(4000, 1)))
    assert found == pytest.approx(2 / np.sqrt(np.pi), rel=0.02)


def test_a_few_points_by_hand():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    assert mean_pairwise_distance(points) == pytest.approx((5 + 1 + np.sqrt(18)) / 3)
    assert nearest_distance(points) == pytest.approx(1.0)


def test_blocks_leave_no_trace(random):
    features = 1e4 + random.normal(size=(1100, 2, 3))
    rows = features.reshape(1100, 6)
    matrix = np.linalg.norm(rows[:, None] - rows[None], axis=-1)
    assert mean_pairwise_distance(features) == pytest.approx(matrix.sum() / (1100 * 1099))
    np.fill_diagonal(matrix, np.inf)
    assert nearest_distance(features) == pytest.approx(np.median(matrix.min(axis=1)))


def test_true_samples_score_one_and_one_sample_zero(random):
    real, true = random.normal(size=(2, 1000, 8))
    assert diversity(real, true) == pytest.approx((1.0, 1.0), abs=0.05)
    assert diversity(real, np.repeat(true[:1], 1000, axis=0)) == (0.0, 0.0)


def test_a_handful_drawn_over_and_over_is_found_by_the_second_figure(random):
    real, true = random.normal(size=(2, 1000, 8))
    mean, nearest = diversity(real, np.repeat(true[:20], 50, axis=0))
    assert mean > 0.85
    assert nearest < 1e-6


def test_the_nearest_is_sought_among_equally_many(random):
    real, true = random.normal(size=(2, 1000, 2))
    assert diversity(real, true[:100])[1] == pytest.approx(1.0, abs=0.2)


def test_streamed_in_a_graph_as_in_one_go(random):
    real, fake = random.normal(size=(2, 300, 4, 4, 1)).astype("float32")
    metric = Diversity(most=200)
    update = tf.function(metric.update_state)
    metric.prepare((4, 4, 1))
    for start in range(0, 300, 60):
        update(real[start : start + 60], fake[start : start + 60])
    mean, nearest = diversity(real[:200], fake[:200])
    assert metric.result() == {
        "diversity": pytest.approx(mean),
        "diversity_nearest": pytest.approx(nearest),
    }
    assert metric.report() == {"extractor": "values", "real": 200, "fake": 200}
    metric.reset_state()
    assert all(np.isnan(figure) for figure in metric.result().values())


def test_in_an_evaluation(gan, points):
    gan.compile(metrics=[Diversity(most=100, name="spread")], jit_compile=False)
    found = gan.evaluate(points, batch_size=32, verbose=0)
    assert 0 < found["spread"] < 100
    assert found["spread_nearest"] > 0
    assert gan.evaluation_metrics[0].report()["fake"] == 100


def test_other_parts_of_the_data_join_and_the_state_comes_back(random, tmp_path):
    samples = random.normal(size=(2, 400, 3)).astype("float32")
    parts = [Diversity() for _ in range(2)]
    for place, metric in enumerate(parts):
        metric.update_state(*samples[:, place * 200 : (place + 1) * 200])
    parts[0].merge_state([parts[1]])
    expected = dict(zip(("diversity", "diversity_nearest"), diversity(*samples), strict=True))
    assert parts[0].result() == pytest.approx(expected)
    parts[0].save_state(tmp_path / "state.npz")
    loaded = Diversity()
    loaded.load_state(tmp_path / "state.npz")
    assert loaded.result() == pytest.approx(expected)


def test_it_comes_back_from_its_configuration():
    metric = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(Diversity(most=50, name="spread"))
    )
    assert (metric.most, metric.name, metric.extractor) == (50, "spread", "values")


def test_real_samples_that_are_all_alike_have_no_ratio():
    assert all(np.isnan(diversity(np.ones((5, 2)), np.eye(5))))


def test_few_samples_are_doubted(random):
    metric = Diversity()
    metric.update_state(*random.normal(size=(2, 20, 2)).astype("float32"))
    with pytest.warns(UserWarning, match="20 samples"):
        metric.result()


@pytest.mark.parametrize("most", [1, 2.5, True, "all"])
def test_bad_numbers_are_refused(most):
    with pytest.raises(InputError, match="most"):
        Diversity(most=most)


def test_one_sample_has_no_distance():
    with pytest.raises(kgan.InputError, match="two samples"):
        mean_pairwise_distance(np.zeros((1, 2)))
