"""What is found out about pictures, on pictures of which it is known."""

import numpy as np
import pytest

import kgan
from kgan.models.recipe import facts


def noise(count=200, side=16, seed=0):
    return np.random.default_rng(seed).normal(size=(count, side, side, 3)).astype("float32")


def test_alike_is_the_share_of_the_mean_picture():
    assert facts.alike(noise()) < 0.01
    common = noise(1, seed=1)
    # Half of the variance is that of one picture in all.
    assert facts.alike(noise() + common) == pytest.approx(0.5, abs=0.03)
    assert facts.alike(np.repeat(common, 50, 0)) > 0.95


def test_sided_tells_shading_from_one_side_and_not_pictures_of_anything():
    light = np.linspace(-1, 1, 16, dtype="float32")[None, None, :, None]
    assert facts.sided(noise() + light) > 0.9
    assert facts.sided(noise(1000)) < 0.56
    half = np.where(np.arange(400)[:, None, None, None] % 4 < 2, light, -light)
    assert facts.sided(noise(400) + half) < 0.6
    assert facts.sided(noise(59)) is None
    same = np.concatenate([noise(100)[:, :, :8], noise(100)[:, :, 7::-1]], 2)
    assert facts.sided(same) == 0.5


def test_twins_are_pictures_that_are_there_twice():
    pictures = noise(100)
    assert facts.twins(pictures) == 0.0
    assert facts.twins(np.concatenate([pictures, pictures[:25] + 0.001])) == pytest.approx(0.4)


def test_of_a_dataset_and_of_its_info():
    pictures = (127 * (1 + np.tanh(noise(90, 8)))).astype("uint8")
    labels = np.repeat([0, 1, 2], [60, 20, 10])
    data = kgan.data.load((pictures, labels), batch_size=16, drop_remainder=False)
    data.position.seek(2)
    found = facts.of(data)
    assert (found.kind, found.count, found.classes, found.rarest) == ("images", 90, 3, 10)
    assert found.looked_at == 90 and found.shape == (8, 8, 3)
    assert data.position.epoch == 2
    bare = facts.of(data.info)
    assert (bare.count, bare.classes, bare.looked_at, bare.sided) == (90, 3, 0, None)
    assert facts.of(kgan.data.load("ring", n=100)).kind == "points"
