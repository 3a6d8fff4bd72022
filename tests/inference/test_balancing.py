"""What `kgan.balance` keeps and rejects, of stand-in models whose samples are known."""

import numpy as np
import pytest
from scipy import stats

import kgan
from kgan.errors import InputError

CENTRES = np.array([(3.0, 0.0), (-3.0, 0.0), (0.0, 3.0)])


class StandIn:
    """A conditional model whose samples of a class are right, or noise, with a given chance."""

    classes, sample_shape, data_range = 3, (2,), None

    def __init__(self, right=1.0):
        self.right = right
        self.seeds = []

    def check_count(self, count):
        pass

    def generate(self, labels, seed):
        self.seeds.append(seed)
        random = np.random.default_rng(seed)
        shown = np.where(random.random(len(labels)) < self.right, labels, (labels + 1) % 3)
        return (CENTRES[shown] + random.normal(0.0, 0.3, (len(labels), 2))).astype("float32")


def blobs(*counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.default_rng(0).normal(0.0, 0.3, (len(labels), 2))
    return (CENTRES[labels] + noise).astype("float32"), labels


def test_every_class_gets_what_it_lacks():
    real = blobs(40, 10, 25)
    more = kgan.balance(StandIn(), real, steps=60)
    np.testing.assert_array_equal(more.counts, [40, 10, 25])
    np.testing.assert_array_equal(more.lacked, [0, 30, 15])
    np.testing.assert_array_equal(np.bincount(more.labels), [0, 30, 15])
    # As much as the real ones, of which there are ten.
    assert 0.6 < more.variety[1] < 1.7
    # Of perfect samples nearly none is rejected.
    assert more.rejected.sum() <= 2
    np.testing.assert_array_equal(more.drawn - more.rejected, more.lacked)
    np.testing.assert_allclose(more.samples[more.labels == 2].mean(axis=0), (0, 3), atol=0.3)
    samples, labels = more.with_real()
    np.testing.assert_array_equal(np.bincount(labels), [40, 40, 40])
    np.testing.assert_array_equal(samples[:75], real[0])


def test_samples_of_other_classes_are_rejected_and_counted():
    more = kgan.balance(StandIn(right=0.4), blobs(300, 20, 300), steps=60)
    # All that is kept shows the class: it lies nearest to the centre of it.
    distances = np.linalg.norm(more.samples[:, None] - CENTRES, axis=2)
    assert (distances.argmin(axis=1) == 1).all() and len(more.samples) == 280
    # What was drawn until 280 were right is negative binomial.
    low, high = stats.nbinom.interval(0.999, 280, 0.4)
    assert low <= more.rejected[1] <= high
    assert more.rejected[0] == more.rejected[2] == more.drawn[0] == 0


def test_noise_is_given_up():
    model = StandIn(right=0.0)
    with pytest.raises(InputError, match=r"Of \d+ samples .* class 'cat', .* recognises 0"):
        kgan.balance(model, blobs(300, 20, 300), steps=60, class_names=("ant", "cat", "dog"))
    assert len(model.seeds) == 1


def test_samples_that_are_all_alike_are_told():
    class Collapsed(StandIn):
        def generate(self, labels, seed):
            return super().generate(labels, seed) * 0.1 + 0.9 * CENTRES[labels].astype("float32")

    real = blobs(40, 10, 25)
    with pytest.warns(UserWarning, match=r"vary much less.*: 1 \(0\.[01]\d\), 2 \(0"):
        more = kgan.balance(Collapsed(), real, steps=60)
    expected = np.sqrt(
        more.samples[more.labels == 2].var(axis=0).sum() / real[0][real[1] == 2].var(axis=0).sum()
    )
    assert np.isnan(more.variety[0]) and more.variety[2] == pytest.approx(expected, rel=1e-4)


def test_to_says_how_many_and_no_class_loses_any():
    more = kgan.balance(StandIn(), blobs(40, 10, 25), to=30, steps=20)
    np.testing.assert_array_equal(more.lacked, [0, 20, 5])
    with pytest.raises(InputError, match=r"No class lacks anything.*to=20"):
        kgan.balance(StandIn(), blobs(10, 10, 10))


def test_a_seed_determines_the_samples():
    real = blobs(40, 10, 10)
    one, same, other = (kgan.balance(StandIn(), real, seed=s, steps=20) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.samples, same.samples)
    assert np.abs(one.samples - other.samples).max() > 0.01
    # The classes' samples are not the same latents'.
    np.testing.assert_array_equal(one.lacked, [0, 30, 30])
    shifts = [one.samples[one.labels == each] - CENTRES[each] for each in (1, 2)]
    assert np.abs(shifts[0] - shifts[1]).max() > 0.01


def test_confidence_is_what_the_classifier_must_give():
    real = blobs(300, 20, 300)
    doubted, sure = (
        kgan.balance(StandIn(right=0.7), real, confidence=c, steps=25) for c in (0.0, 0.97)
    )
    assert sure.rejected[1] > doubted.rejected[1]


@pytest.mark.parametrize(
    ("counts", "settings", "match"),
    [
        ((9, 0, 9), {}, "0 samples of class 1"),
        ((9, 1, 9), {}, "1 samples of class 1"),
        ((9, 9, 9, 9), {}, "class 3"),
        ((9, 3, 9), {"to": 0}, "to must be"),
        ((9, 3, 9), {"confidence": 1.5}, "confidence must be"),
        ((9, 3, 9), {"seed": -1}, "seed must be"),
    ],
)
def test_what_cannot_be_balanced_is_refused(counts, settings, match):
    labels = np.repeat(np.arange(len(counts)), counts)
    with pytest.raises(InputError, match=match):
        kgan.balance(StandIn(), (np.zeros((len(labels), 2), "float32"), labels), **settings)


def test_an_unconditional_model_is_refused(gan):
    with pytest.raises(InputError, match="not conditioned on a class"):
        kgan.balance(gan, blobs(9, 3, 9))


def test_a_model_of_kgan_draws_by_the_seed():
    random = np.random.default_rng(0)
    samples = random.uniform(-1, 1, (30, 8, 8, 1)).astype("float32")
    labels = np.repeat([0, 1], [20, 10])
    model = kgan.models.ConditionalGAN((8, 8, 1), classes=2, width=2, seed=0)
    drawn = model.generate(labels=np.ones(200, int), seed=3)
    # The second class is what the model draws: the classifier recognises it.
    samples[labels == 1] = drawn[:10]
    one, same = (kgan.balance(model, (samples, labels), steps=60) for _ in range(2))
    np.testing.assert_array_equal(one.samples, same.samples)
    assert one.samples.shape == (10, 8, 8, 1) and len(np.unique(one.samples[:, 3, 3, 0])) == 10
