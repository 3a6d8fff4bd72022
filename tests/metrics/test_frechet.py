"""The Fréchet distance against closed forms and SciPy, and its streaming, files and errors."""

import keras
import numpy as np
import pytest
import scipy.linalg

from kgan.errors import InputError
from kgan.metrics import FrechetDistance, Statistics, frechet_distance


def of_features(real, fake, batch=None, **settings):
    metric = FrechetDistance("values", **settings)
    batch = batch or max(len(real), len(fake))
    for start in range(0, max(len(real), len(fake)), batch):
        part = slice(start, start + batch)
        metric.update_state(real[part], fake[part])
    return metric


def by_scipy(real, fake):
    """The authors' formula, with a matrix root of the product."""
    mu_1, mu_2 = real.mean(0), fake.mean(0)
    sigma_1, sigma_2 = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    root = scipy.linalg.sqrtm(sigma_1 @ sigma_2)
    return ((mu_1 - mu_2) ** 2).sum() + np.trace(sigma_1 + sigma_2 - 2 * root.real)


@pytest.fixture
def features():
    random = np.random.default_rng(0)
    mix = random.normal(size=(12, 12))
    real = random.normal(size=(400, 12)) @ mix + 3
    fake = random.normal(size=(400, 12)) @ (mix + 0.3) + 2.5
    return real.astype("float32"), fake.astype("float32")


def rotation(width, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


@pytest.mark.parametrize("width", [3, 64, pytest.param(2048, marks=pytest.mark.slow)])
def test_commuting_gaussians_have_a_closed_form(width):
    """With equal eigenvectors the distance is that of the means and standard deviations."""
    random = np.random.default_rng(1)
    axes = rotation(width, 2) if width < 2048 else np.eye(width)[random.permutation(width)]
    first, second = random.uniform(0.1, 2, width), random.uniform(0.1, 2, width)
    mu = random.normal(size=width)
    expected = (mu**2).sum() + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
    found = frechet_distance(mu, axes * first @ axes.T, np.zeros(width), axes * second @ axes.T)
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("width", [6, pytest.param(2048, marks=pytest.mark.slow)])
def test_deficient_rank_has_a_closed_form_too(width):
    """Two lines at an angle: the root's trace is the product of their lengths and its cosine."""
    angle = 0.7
    first, second = np.zeros(width), np.zeros(width)
    first[0] = 2.0
    second[:2] = 3 * np.cos(angle), 3 * np.sin(angle)
    found = frechet_distance(
        np.zeros(width), np.outer(first, first), np.zeros(width), np.outer(second, second)
    )
    assert found == pytest.approx(4 + 9 - 2 * 2 * 3 * np.cos(angle), rel=1e-10)


def test_equal_covariances_of_deficient_rank_are_at_distance_zero():
    rows = np.random.default_rng(3).normal(size=(5, 40))
    sigma = rows.T @ rows
    assert abs(frechet_distance(np.zeros(40), sigma, np.zeros(40), sigma)) < 1e-12 * sigma.trace()


def test_it_equals_the_authors_formula_by_scipy(features):
    real, fake = features
    found = of_features(real, fake).result()
    assert found == pytest.approx(by_scipy(real.astype(float), fake.astype(float)), rel=1e-9)


@pytest.mark.parametrize("batch", [1, 7, 64, 399])
def test_batches_of_any_size_give_one_value(batch, features):
    once, streamed = of_features(*features).result(), of_features(*features, batch).result()
    assert streamed == pytest.approx(once, rel=1e-9)


def test_a_mean_far_from_zero_cancels_nothing():
    random = np.random.default_rng(5)
    real, fake = random.normal(size=(2, 3000, 3))
    near = of_features(real, fake, 100).result()
    far = of_features(real + 1e6, fake + 1e6, 100)
    # Values are handed over as float32 at most where the data is; here it is float64.
    assert far.result() == pytest.approx(near, rel=1e-4)


def test_features_of_deficient_rank_stream_to_a_tolerance_of_the_traces():
    random = np.random.default_rng(4)
    basis = random.normal(size=(5, 30)).astype("float32")
    real, fake = (random.normal(size=(200, 5)).astype("float32") @ basis for _ in range(2))
    once, streamed = of_features(real, fake), of_features(real, fake, 13)
    traces = once.kept("real").covariance().trace() + once.kept("fake").covariance().trace()
    assert abs(once.result() - streamed.result()) < 1e-6 * traces


def test_merging_gives_the_value_of_the_union(features):
    real, fake = features
    left, right = of_features(real[:150], fake[:100]), of_features(real[150:], fake[100:])
    left.merge_state([right])
    assert left.result() == pytest.approx(of_features(real, fake).result(), rel=1e-10)
    assert left.report() == {"extractor": "values", "real": 400, "fake": 400}
    with pytest.raises(InputError, match="width"):
        left.merge_state([of_features(real[:, :3], fake[:, :3])])


def test_its_state_survives_saving_and_loading(features, tmp_path):
    real, fake = features
    half = of_features(real[:200], fake[:200], 50)
    half.save_state(tmp_path / "half.npz")
    loaded = FrechetDistance("values")
    loaded.load_state(tmp_path / "half.npz")
    assert loaded.result() == pytest.approx(half.result(), rel=1e-12)
    loaded.update_state(real[200:], fake[200:])
    assert loaded.result() == pytest.approx(of_features(real, fake).result(), rel=1e-10)


def test_statistics_in_the_common_file_stand_in_for_real_samples(features, tmp_path):
    real, fake = features
    # As pytorch-fid and TTUR write it.
    np.savez(tmp_path / "theirs.npz", mu=real.mean(0), sigma=np.cov(real, rowvar=False))
    theirs = of_features(real * 0, fake, reference=tmp_path / "theirs.npz")
    assert theirs.result() == pytest.approx(of_features(real, fake).result(), rel=1e-5)
    Statistics.of([real[:77], real[77:]], "values").save(tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz") as file:
        np.testing.assert_allclose(file["sigma"], np.cov(real.astype(float), rowvar=False))
    ours = of_features(real * 0, fake, reference=str(tmp_path / "ours.npz"))
    assert ours.result() == pytest.approx(of_features(real, fake).result(), rel=1e-9)
    assert (ours.report()["real"], ours.report()["fake"]) == (400, 400)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": np.zeros(5), "sigma": np.eye(5)}, "5 features"),
        ({"mu": np.zeros(12), "sigma": np.eye(12), "extractor": "inception"}, "'inception'"),
        ({"mean": np.zeros(12)}, "'mu' and 'sigma'"),
        ({"mu": np.zeros(12), "sigma": np.eye(5)}, "shape"),
        ({"mu": np.full(12, np.nan), "sigma": np.eye(12)}, "NaN"),
    ],
)
def test_statistics_that_do_not_fit_are_refused_before_an_evaluation(arrays, message, tmp_path):
    np.savez(tmp_path / "wrong.npz", **arrays)
    metric = FrechetDistance("values", reference=tmp_path / "wrong.npz")
    with pytest.raises(InputError, match=message):
        metric.prepare((12,))


def test_statistics_of_nothing_or_of_nan_are_refused():
    with pytest.raises(InputError, match="held 0"):
        Statistics.of([], "values")
    with pytest.raises(InputError, match="NaN"):
        Statistics.of([np.full((4, 2), np.nan)], "values")


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "text.npz").write_text("nothing")
    for name in ("text.npz", "missing.npz"):
        with pytest.raises(InputError, match=name):
            FrechetDistance("values", reference=tmp_path / name).prepare((12,))


def test_too_few_samples_are_warned_of_once(features):
    real, fake = features
    metric = of_features(real[:10], fake[:10])
    with pytest.warns(UserWarning, match="singular"):
        metric.result()
    assert metric.result() > 0


def test_what_is_empty_or_not_finite_says_so(features):
    real, fake = features
    metric = FrechetDistance("values")
    assert np.isnan(metric.result())
    metric.update_state(real[:0], fake[:0])
    assert np.isnan(metric.result())
    metric.update_state(real, fake[:0])
    with pytest.raises(InputError, match="no generated samples"):
        metric.result()
    metric.reset_state()
    broken = fake.copy()
    broken[3, 2] = np.inf
    metric.update_state(real, broken)
    with pytest.raises(InputError, match="generated samples hold NaN"):
        metric.result()
    metric.reset_state()
    metric.update_state(real, fake)
    assert np.isfinite(metric.result())


def test_its_configuration_makes_an_equal_one(features, tmp_path):
    real, fake = features
    statistics = Statistics.of([real], "values")
    metric = FrechetDistance("values", reference=statistics, name="fid")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    for each in (metric, again):
        each.update_state(None, fake)
    assert again.result() == metric.result()
    assert again.name == "fid"
