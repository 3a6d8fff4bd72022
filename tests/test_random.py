"""The random numbers: their distribution and independence, and that XLA draws the same."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kgan import random

COUNT = 200_000


@pytest.mark.parametrize(("draw", "law"), [(random.uniform, "uniform"), (random.normal, "norm")])
def test_the_law(draw, law):
    for seed in ((0, 0), (1, 0), (0, 1), (-5, 2**31 - 1)):
        numbers = draw((COUNT,), seed).numpy()
        assert stats.kstest(numbers, law).pvalue > 1e-4
        # Neighbours at any small distance, and their squares, know nothing of each other.
        for apart in (1, 2, 3, 4, 5, 8, 64, 784):
            for a, b in ((numbers, numbers), (numbers**2, numbers**2)):
                assert abs(np.corrcoef(a[apart:], b[:-apart])[0, 1]) < 5 / np.sqrt(COUNT)


@pytest.mark.parametrize("word", [0, 1])
def test_seeds_in_a_row_are_independent(word):
    """The seeds of a training differ by one in one word."""
    seeds = np.zeros((300, 2), np.int32)
    seeds[:, word] = np.arange(300)
    draws = np.stack([random.normal((1000,), seed) for seed in seeds])
    correlations = np.corrcoef(draws)[np.triu_indices(300, 1)] * np.sqrt(1000)
    assert stats.kstest(correlations, "norm").pvalue > 1e-4
    # The same place in the draws of seeds in a row.
    assert stats.kstest(draws[:, 0], "norm").pvalue > 1e-4
    along = [np.corrcoef(draws[1:, i], draws[:-1, i])[0, 1] * np.sqrt(299) for i in range(1000)]
    assert stats.kstest(along, "norm").pvalue > 1e-4


def test_every_bit_of_the_seed_changes_half_the_bits():
    words = lambda seed: np.stack(random._words(4000, np.array(seed, np.int64)))  # noqa: E731
    start = words((123, 456))
    for word in range(2):
        for bit in range(31):
            seed = [123, 456]
            seed[word] ^= 1 << bit
            changed = np.unpackbits((start ^ words(seed)).view(np.uint8))
            assert abs(changed.mean() - 0.5) < 5 * 0.5 / np.sqrt(changed.size)


@pytest.mark.parametrize("draw", [random.uniform, random.normal])
def test_xla_draws_the_same_and_a_longer_draw_begins_with_the_shorter(draw):
    function = tf.function(lambda seed: draw((7, 9), seed), autograph=False)
    compiled = tf.function(lambda seed: draw((7, 9), seed), autograph=False, jit_compile=True)
    seed = tf.constant([3, -4])
    np.testing.assert_allclose(function(seed), compiled(seed), rtol=1e-4, atol=2e-6)
    np.testing.assert_array_equal(function(seed), draw((8, 9), seed)[:7])
    assert np.abs(function(seed).numpy() - draw((7, 9), [3, -3]).numpy()).min() > 0


def test_the_ends_of_the_intervals():
    uniform = random.uniform((3_000_000,), (1, 2)).numpy()
    assert 0 <= uniform.min() < 1e-5 and 1 - 1e-5 < uniform.max() < 1
    normal = random.normal((3_000_000,), (1, 2)).numpy()
    assert np.isfinite(normal).all() and 4.5 < normal.max() < 5.8 and -5.8 < normal.min() < -4.5
