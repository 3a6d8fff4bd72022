"""The corruptions by which extractors are judged, and the figures that judge them."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from kgan.metrics.frechet import frechet_distance


@pytest.fixture(scope="module")
def corruptions():
    folder = str(Path(__file__).parent.parent / "benchmarks")
    sys.path.insert(0, folder)
    try:
        import corruptions

        yield corruptions
    finally:
        sys.path.remove(folder)
        for name in ("corruptions", "colour"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(0.2, 0.8, (40, 32, 32, 3)).astype("float32")


@pytest.mark.parametrize("width", [5, 60])
def test_the_distance_is_that_of_the_metric(corruptions, width):
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(30, width)), rng.normal(0.3, 1.2, size=(20, width))
    moments = (left.mean(0), np.cov(left.T), right.mean(0), np.cov(right.T))
    assert corruptions.distance(left, right) == pytest.approx(frechet_distance(*moments), rel=1e-9)
    assert corruptions.distance(left, left) == pytest.approx(0, abs=1e-9)


def test_the_rank_correlation_is_spearmans(corruptions):
    values = [1.0, 1.2, 1.1, 4.0, 3.0, 9.0]
    expected = stats.spearmanr(values, range(6)).statistic
    assert corruptions.rank_correlation(values) == pytest.approx(expected)


def test_each_corruption_grows_with_its_severity(corruptions, images):
    for kind, (_, severities) in corruptions.CORRUPTIONS.items():
        assert list(severities) == sorted(severities)
        if kind == "fewer pictures":
            continue
        changes = [
            np.abs(corruptions.corrupted(images, kind, severity) - images).mean()
            for severity in severities
        ]
        assert changes == sorted(changes), kind


def test_what_the_corruptions_do(corruptions, images):
    holes = corruptions.corrupted(images, "removed blocks", 12 / 64)
    assert ((holes == 0).all(-1).mean((1, 2)) == 12 / 64).all()
    pale = 0.4 + 0.2 * images
    turned = corruptions.corrupted(pale, "hue", 45)
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(turned @ luma, pale @ luma, atol=1e-3)
    assert np.abs(turned - pale).mean() > 0.01
    left = corruptions.corrupted(images, "fewer pictures", 0.75)
    assert len(left) == 40
    assert len(np.unique(left, axis=0)) == 10
    noisy = corruptions.corrupted(images, "noise", 0.05)
    assert (noisy - images).std() == pytest.approx(0.05, rel=0.02)


def test_photographs_are_cut_into_tiles(corruptions):
    photograph = np.arange(2 * 130 * 70 * 3).reshape(2, 130, 70, 3)
    tiles = corruptions.tiled(photograph)
    assert tiles.shape == (4, 64, 64, 3)
    np.testing.assert_array_equal(tiles[1], photograph[0, 64:128, :64])
