import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from kgan import latents
from kgan.errors import InputError

SEED = tf.constant([3, 4])


def test_distributions_are_what_they_say():
    normal = latents.Normal(4).sample(5000, SEED).numpy()
    uniform = latents.Uniform((2, 2), -1, 3).sample(5000, SEED).numpy()
    assert uniform.shape == (5000, 2, 2)
    assert scipy.stats.kstest(normal.ravel(), "norm").pvalue > 0.01
    assert scipy.stats.kstest(uniform.ravel(), scipy.stats.uniform(-1, 4).cdf).pvalue > 0.01


def test_truncated_normal_is_the_truncated_law():
    drawn = latents.Normal(4).sample(5000, SEED, truncation=0.7).numpy()
    assert np.abs(drawn).max() <= 0.7
    assert scipy.stats.kstest(drawn.ravel(), scipy.stats.truncnorm(-0.7, 0.7).cdf).pvalue > 0.01


def test_truncated_uniform_shrinks_about_its_middle():
    drawn = latents.Uniform(3, 0, 4).sample(2000, SEED, truncation=0.5).numpy()
    assert drawn.min() >= 1 and drawn.max() < 3
    assert drawn.mean() == pytest.approx(2, abs=0.05)


def test_a_seed_says_all():
    noise = latents.Normal(5)
    np.testing.assert_array_equal(noise.sample(6, SEED), noise.sample(6, SEED))
    assert not np.allclose(noise.sample(6, SEED), noise.sample(6, tf.constant([3, 5])))


def test_codes_are_drawn_as_they_say_and_replaced_as_told():
    codes = latents.Codes(3, (4, 2), 2)
    drawn = codes.sample(4000, SEED).numpy()
    assert codes.shape == (11,) and drawn.shape == (4000, 11)
    noise, one_hot, numbers = codes.split(drawn)
    for part in (noise, numbers):
        assert scipy.stats.kstest(part.ravel(), scipy.stats.uniform(-1, 2).cdf).pvalue > 0.01
    for k, chosen in zip((4, 2), one_hot, strict=True):
        assert set(np.unique(chosen)) == {0, 1}
        np.testing.assert_array_equal(chosen.sum(1), 1)
        assert scipy.stats.chisquare(chosen.sum(0)).pvalue > 0.01
        assert chosen.shape[1] == k
    near = codes.sample(100, SEED, truncation=0.5).numpy()
    np.testing.assert_allclose(near, drawn_half(codes, codes.sample(100, SEED).numpy()), rtol=1e-6)
    told = codes.with_codes(drawn[:3], categorical={0: [0, 1, 3], 1: 1}, continuous={1: -2.0})
    np.testing.assert_array_equal(told[:, 3:7].argmax(1), [0, 1, 3])
    np.testing.assert_array_equal(told[:, 7:9], [[0, 1]] * 3)
    np.testing.assert_array_equal(told[:, 10], -2)
    np.testing.assert_array_equal(told[:, [0, 1, 2, 9]], drawn[:3, [0, 1, 2, 9]])
    assert latents.Codes.from_config(codes.get_config()).get_config() == codes.get_config()
    assert latents.Codes(2, 0, 1).sample(2, SEED).shape == (2, 3)


def drawn_half(codes, drawn):
    noise, one_hot, numbers = codes.split(drawn)
    return np.concatenate([noise / 2, *one_hot, numbers / 2], 1)


def test_great_circle_keeps_the_norm_and_meets_the_ends():
    start, end = np.eye(3)[0] * 2, np.eye(3)[1] * 2
    path = latents.interpolate(start, end, 5)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 2, rtol=1e-6)
    np.testing.assert_allclose(path[[0, -1]], [start, end], atol=1e-6)
    straight = latents.interpolate(start, end, 3, spherical=False)
    np.testing.assert_allclose(straight[1], (start + end) / 2)


def test_the_great_circle_is_walked_at_constant_speed():
    start, end = np.random.default_rng(0).normal(size=(2, 50))
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    way = latents.interpolate(start, end, 7).astype(float)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    angles = np.arccos(np.sum(way[1:] * way[:-1], 1))
    np.testing.assert_allclose(angles, angles[0], rtol=1e-4)


def test_a_path_passes_its_points_once():
    points = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    way = latents.path(points, 5)
    assert len(way) == 11
    np.testing.assert_allclose(way[::5], points, rtol=1e-5, atol=1e-6)
    loop = latents.path(points, 5, loop=True)
    assert len(loop) == 15
    np.testing.assert_allclose(loop[10:], latents.interpolate(points[2], points[0], 6)[:-1])


def test_factorizing_is_singular_value_decomposition():
    matrix = np.random.default_rng(2).normal(size=(30, 6))
    found = latents.factorize(matrix, 3)
    _, strengths, vectors = np.linalg.svd(matrix)
    np.testing.assert_allclose(found.strengths, strengths[:3], rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(found.vectors * vectors[:3], 1)), 1, atol=1e-5)
    moved = found.moved(np.zeros((2, 6)), [[1.0, 0.0], [0.0, -2.0]])
    np.testing.assert_allclose(moved, [found.vectors[0], -2 * found.vectors[1]], rtol=1e-6)
    with pytest.raises(InputError, match="3 directions"):
        found.moved(np.zeros((1, 6)), np.ones(4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: latents.Normal(0), "positive integers"),
        (lambda: latents.Uniform(3, 1, 1), "low < high"),
        (lambda: latents.Normal(2).sample(1, SEED, truncation=-1), "must be a positive"),
        (lambda: latents.Codes(-1), "noise must be an integer of at least 0"),
        (lambda: latents.Codes(1, (1,)), "categorical must be an integer of at least 2"),
        (lambda: latents.Codes(1, 3, 0).with_codes([[0] * 4], 0, 0.5), "no continuous code 0"),
        (lambda: latents.Codes(1, 3).with_codes([[0] * 6], 1.5), "categories 0..2"),
        (lambda: latents.get("normal"), "latents=100"),
        (lambda: latents.path([[1.0]]), "two or more latents"),
        (lambda: latents.factorize([[1.0, 2.0]], 3), "count must be at most 2"),
        (lambda: latents.interpolate([1.0], [1.0, 2.0]), "one shape"),
    ],
)
def test_misuse_gets_a_message(call, message):
    with pytest.raises(InputError, match=message):
        call()
