"""Precision, recall, density and coverage against the authors' own package."""

import numpy as np
import pytest
from prdc import compute_prdc

from kgan.errors import InputError
from kgan.metrics import Coverage, Density, Precision, Recall, manifold
from kgan.metrics.record import Record


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("sizes", "width"), [((700, 900), 2), ((1100, 600), 32)])
def test_all_digits_are_those_of_prdc(k, sizes, width, capsys):
    random = np.random.default_rng(k)
    real = random.normal(size=(sizes[0], width))
    fake = random.normal(0.2, 0.9, size=(sizes[1], width))
    assert manifold(real, fake, [k, k + 2])[k] == pytest.approx(
        compute_prdc(real, fake, nearest_k=k), rel=1e-12
    )


def test_true_samples_cover_what_theory_says():
    """Naeem et al. 2020, equation 9: 1 - (n-1)...(n-k) / (2n-1)...(2n-k), about 1 - 2^-k."""
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(2, 3000, 3))
    found = manifold(real, fake, [5])[5]
    assert found["coverage"] == pytest.approx(1 - 2**-5, abs=0.01)
    assert found["density"] == pytest.approx(1.0, abs=0.05)


def test_a_far_mean_and_two_clusters():
    random = np.random.default_rng(2)
    real = random.normal(size=(400, 4)) + 1e4
    fake = real[:200] + random.normal(scale=0.01, size=(200, 4))
    found = manifold(real, np.concatenate([fake, fake + 100]), [3])[3]
    assert found["precision"] == 0.5


@pytest.mark.parametrize("width", [2, 600])
def test_a_sample_at_the_radius_lies_in_the_ball(width):
    """Kynkäänniemi et al. 2019, equation 1: at most the distance to the k-th neighbour."""
    copies = np.repeat(np.random.default_rng(3).normal(7.0, size=(10, width)), 10, axis=0)
    found = manifold(copies, copies, [3])[3]
    assert found["precision"] == found["recall"] == found["coverage"] == 1.0
    line = np.arange(8.0)[:, None]
    found = manifold(line, np.array([[-1.0], [8.0], [9.5], [3.0], [4.0]]), [1])[1]
    assert found["precision"] == 0.8
    assert found["density"] == (1 + 1 + 0 + 3 + 3) / 5


def test_four_metrics_share_one_pass(monkeypatch):
    calls = []
    from kgan.metrics import neighbours

    def counted(*arguments):
        calls.append(1)
        return manifold(*arguments)

    monkeypatch.setattr(neighbours, "manifold", counted)
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(2, 1200, 3)).astype("float32")
    shared, metrics = {}, [Precision(), Recall(), Density(), Coverage()]
    for metric in metrics:
        metric.prepare((3,), shared=shared)
    sides = []
    extract = Record._extract
    monkeypatch.setattr(Record, "_extract", lambda *a: (sides.append(a[1]), extract(*a)))
    for start in (0, 500):
        part = slice(start, start + 700 if start else 500)
        for metric in metrics:
            metric.update_state(real[part], fake[part])
    expected = {k: compute_prdc(real, fake, k) for k in (3, 5)}
    assert sides == ["real", "fake"] * 2
    for metric in metrics:
        assert metric.result() == pytest.approx(expected[metric.k][metric.name], rel=1e-12)
    assert len(calls) == 1
    for metric in metrics:
        metric.reset_state()
    assert np.isnan(metrics[0].result())
    # Nothing of the first evaluation is left in the second.
    for metric in metrics:
        metric.update_state(real[:1000], fake[:1000])
    assert metrics[1].result() == compute_prdc(real[:1000], fake[:1000], 3)["recall"]


def test_metrics_that_share_a_record_merge_each_once():
    random = np.random.default_rng(6)
    real, fake = random.normal(size=(2, 2400, 2)).astype("float32")
    sides = []
    for part in (slice(0, 1100), slice(1100, 2400)):
        shared, metrics = {}, [Precision("values"), Recall("values")]
        for metric in metrics:
            metric.prepare((2,), shared=shared)
        for metric in metrics:
            metric.update_state(real[part], fake[part])
        sides.append(metrics)
    expected = compute_prdc(real, fake, 3)
    for left, right in zip(*sides, strict=True):
        left.merge_state([right])
    for metric in sides[0]:
        assert metric.report()["fake"] == 2400
        assert metric.result() == expected[metric.name]


def test_merging_and_few_samples():
    random = np.random.default_rng(5)
    real, fake = random.normal(size=(2, 80, 2)).astype("float32")
    left, right = Coverage("values"), Coverage("values")
    left.update_state(real[:30], fake[:30])
    right.update_state(real[30:], fake[30:])
    left.merge_state([right])
    with pytest.warns(UserWarning, match="80 samples"):
        assert left.result() == compute_prdc(real, fake, 5)["coverage"]
    few = Precision("values")
    few.update_state(real[:3], fake[:3])
    with (
        pytest.warns(UserWarning, match="3 samples"),
        pytest.raises(InputError, match="more than 3"),
    ):
        few.result()
