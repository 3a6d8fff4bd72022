import numpy as np
import pytest

import kgan.data
from kgan.data import mixtures
from kgan.errors import InputError


@pytest.mark.parametrize(
    ("read", "modes", "std"), [(mixtures.ring, 8, 0.01), (mixtures.grid, 25, 0.05)]
)
def test_every_mode_has_its_share_and_spread(read, modes, std):
    source = read()
    assert source.values.shape == (100_000, 2)
    centres = source.modes.centres
    assert centres.shape == (modes, 2)
    assert source.modes.spread == std
    for mode in range(modes):
        points = source.values[source.labels == mode]
        share = 100_000 / modes
        assert abs(len(points) - share) < 5 * np.sqrt(share)
        np.testing.assert_allclose(points.mean(axis=0), centres[mode], atol=5 * std / share**0.5)
        np.testing.assert_allclose(points.std(axis=0), std, rtol=0.06)


def test_centres():
    ring, grid = mixtures.ring(n=10).modes.centres, mixtures.grid(n=10).modes.centres
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(ring[1], [2**-0.5, 2**-0.5], rtol=1e-6)
    assert {tuple(centre) for centre in grid} == {
        (x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)
    }


def test_points_depend_on_seed_and_split():
    same, again = mixtures.ring(seed=1, n=50), mixtures.ring(seed=1, n=50)
    np.testing.assert_array_equal(same.values, again.values)
    assert not np.array_equal(same.values, mixtures.ring(seed=2, n=50).values)
    assert not np.array_equal(same.values, mixtures.ring("test", seed=1, n=50).values)


def test_loaded_unscaled():
    dataset = kgan.data.load("grid", n=1000, batch_size=500)
    assert dataset.info.value_range is None
    assert (dataset.info.classes, dataset.info.sample_shape) == (25, (2,))
    points, labels = next(iter(dataset))
    centres = dataset.info.modes.centres[labels]
    assert abs(points - centres).numpy().max() < 0.05 * 6


def test_scaled_on_request_with_its_modes():
    plain = kgan.data.load("grid", n=100, batch_size=100, shuffle=False)
    scaled = kgan.data.load("grid", n=100, batch_size=100, shuffle=False, source_range=(-5, 5))
    assert scaled.info.value_range == (-1, 1)
    np.testing.assert_allclose(next(iter(scaled))[0], next(iter(plain))[0] / 5, atol=1e-6)
    np.testing.assert_allclose(scaled.info.modes.centres, plain.info.modes.centres / 5, atol=1e-6)
    assert scaled.info.modes.spread == pytest.approx(0.01)


def test_options():
    wide = kgan.data.load("ring", radius=2, std=0.02, n=800)
    assert wide.info.modes.spread == 0.02
    np.testing.assert_allclose(np.linalg.norm(wide.info.modes.centres, axis=1), 2, rtol=1e-6)
    with pytest.raises(InputError, match=r"'redius'.*'radius'"):
        kgan.data.load("ring", redius=2)
    for wrong in ({"std": 0}, {"radius": "big"}, {"n": 0}, {"size": 8}, {"split": "valid"}):
        with pytest.raises(InputError):
            kgan.data.load("ring", **wrong)
