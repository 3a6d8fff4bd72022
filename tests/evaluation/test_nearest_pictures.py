"""Generated samples beside their nearest training samples."""

import numpy as np
import pytest
from sources import write_folder

import kgan
from kgan.evaluation.neighbours import neighbours


def test_nearest_is_what_brute_force_finds(pixels):
    samples, among = pixels(30, 1), pixels(90, 2)
    found = kgan.metrics.nearest(samples, among, 4, "values", (0, 255))
    flat = [x.reshape(len(x), -1).astype("float64") for x in (samples, among)]
    apart = np.linalg.norm(flat[0][:, None] - flat[1][None], axis=2)
    order = np.argsort(apart, axis=1, kind="stable")[:, :4]
    np.testing.assert_allclose(found.distances, np.take_along_axis(apart, order, axis=1))
    np.testing.assert_array_equal(found.indices, order)
    assert found.extractor == "values"
    few = kgan.metrics.nearest(samples, among[:2], 4, "values")
    assert few.indices.shape == (30, 2)
    with pytest.raises(kgan.InputError, match="k must be"):
        kgan.metrics.nearest(samples, among, 0)


def test_memorised_samples_come_first(tmp_path, pixels):
    training = pixels(80, 2)
    samples = pixels(40, 1)
    samples[17], samples[31] = training[5], training[60]
    a = write_folder(tmp_path / "a", samples)
    found = neighbours(a, write_folder(tmp_path / "t", training), rows=6, k=3, extractor="values")
    assert found.samples.shape == (6, 6, 6, 1) and found.nearest.shape == (6, 3, 6, 6, 1)
    assert set(found.indices[:2, 0]) == {5, 60}
    np.testing.assert_allclose(found.distances[:2, 0], 0.0, atol=1e-6)
    assert found.distances[2, 0] > 0.1 < found.typical
    # The nearest of the first 40 training samples to another one, and the sixth of them.
    flat = training.reshape(80, -1) / 127.5 - 1
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    sixth = np.sort(apart.min(axis=1)[:40])[[0, 5]]
    np.testing.assert_allclose(found.nearest_of_training, sixth, rtol=1e-4)
    np.testing.assert_array_equal(found.samples[:2], found.nearest[:2, 0])
    # The training samples are those of their places.
    expected = training[found.indices[4, 2]] / 127.5 - 1
    np.testing.assert_allclose(found.nearest[4, 2], expected, atol=1e-6)
    assert (found.searched, found.training) == (40, 80)
    with pytest.raises(kgan.InputError, match="--training SOURCE"):
        neighbours(a)


def test_a_generator_is_searched_too(gan, pixels):
    found = neighbours(gan, pixels(30, 1), extractor="values", count=50)
    assert found.searched == 50
    drawn = gan.generate(50, seed=0)
    assert any(np.allclose(found.samples[0], image, atol=1e-6) for image in drawn)


def test_the_picture_shows_each_sample_beside_its_nearest():
    samples = np.zeros((2, 8, 8, 3), "uint8") + 10
    nearest = np.zeros((2, 3, 8, 8, 3), "uint8") + np.array([60, 120, 180], "uint8").reshape(
        1, 3, 1, 1, 1
    )
    picture = kgan.pictures.neighbours(samples, nearest, size=100)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    row = picture[picture.shape[0] // 4, :, 0].tolist()
    seen = [value for place, value in enumerate(row) if place == 0 or row[place - 1] != value]
    assert seen == [40, 10, 40, 230, 40, 60, 40, 120, 40, 180, 40]
    with pytest.raises(kgan.InputError, match="for each sample"):
        kgan.pictures.neighbours(samples, nearest[:1])
