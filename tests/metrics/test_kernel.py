"""The kernel distance against its definition, pair by pair."""

import numpy as np
import pytest

from kgan.errors import InputError
from kgan.metrics import KernelDistance, kernel_distance
from kgan.metrics.kernel import polynomial_mmd


def pair_by_pair(real, fake):
    """Bińkowski et al. 2018, section 4, with the sums written out."""

    def kernel(x, y):
        return (x @ y / len(x) + 1) ** 3

    m, n = len(real), len(fake)
    total = 0.0
    for samples, count in ((real, m), (fake, n)):
        for i in range(count):
            for j in range(count):
                if i != j:
                    total += kernel(samples[i], samples[j]) / (count * (count - 1))
    for x in real:
        for y in fake:
            total -= 2 * kernel(x, y) / (m * n)
    return total


@pytest.fixture
def features():
    random = np.random.default_rng(0)
    return random.normal(size=(60, 8)), random.normal(0.3, 1.2, size=(50, 8))


def test_it_equals_a_double_loop(features):
    assert polynomial_mmd(*features) == pytest.approx(pair_by_pair(*features), rel=1e-10)


def test_the_mean_and_deviation_are_those_of_the_subsets(features):
    real, fake = features
    mean, deviation = kernel_distance(real, fake, subsets=7, subset_size=20, seed=3)
    random = np.random.default_rng(3)
    values = []
    for _ in range(7):
        left = real[random.choice(60, 20, replace=False)]
        values.append(pair_by_pair(left, fake[random.choice(50, 20, replace=False)]))
    assert mean == pytest.approx(np.mean(values), rel=1e-10)
    assert deviation == pytest.approx(np.std(values), rel=1e-10)


def test_samples_of_one_distribution_score_zero_on_average():
    random = np.random.default_rng(1)
    found = [kernel_distance(*random.normal(size=(2, 300, 4)), 1, 300)[0] for _ in range(40)]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    assert np.min(found) < 0


def test_streaming_merging_and_saving(features, tmp_path):
    real, fake = (part[:50].astype("float32") for part in features)
    settings = {"subsets": 5, "subset_size": 30}
    expected = kernel_distance(real, fake, **settings)
    left, right = (KernelDistance("values", **settings) for _ in range(2))
    for start in range(0, 24, 8):
        left.update_state(real[start : start + 8], fake[start : start + 8])
    right.update_state(real[24:], fake[24:])
    left.save_state(tmp_path / "left.npz")
    loaded = KernelDistance("values", **settings)
    loaded.load_state(tmp_path / "left.npz")
    loaded.merge_state([right])
    found = loaded.result()
    assert found["kernel_distance"] == pytest.approx(expected[0], rel=1e-12)
    assert found["kernel_distance_std"] == pytest.approx(expected[1], rel=1e-12)


def test_few_samples_and_none():
    metric = KernelDistance("values")
    assert np.isnan(metric.result()["kernel_distance"])
    metric.update_state(np.zeros((1, 2), "float32"), np.ones((1, 2), "float32"))
    with pytest.warns(UserWarning, match="subsets"), pytest.raises(InputError, match="two samples"):
        metric.result()
    for wrong in ({"subsets": 0}, {"subset_size": 1.5}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            KernelDistance("values", **wrong)
