import numpy as np
import pytest

import kgan
from kgan.errors import InputError
from kgan.metrics import manifold, truncation_curve
from kgan.pictures.curves import truncation_plot


def generate(count, seed, truncation):
    """Normal numbers in the plane, a little off the real ones, by the latents of a GAN."""
    return 1.2 * kgan.latents.Normal(2).sample(count, (seed, 0), truncation).numpy()


@pytest.fixture
def real():
    return np.random.default_rng(0).normal(size=(600, 2)).astype("float32")


def test_truncation_trades_recall_for_precision(real):
    rows = truncation_curve(generate, real, extractor="values")
    assert [row["truncation"] for row in rows] == [0.5, 0.7, 0.85, 1.0, None]
    recalls = [row["recall"] for row in rows]
    assert recalls == sorted(recalls)
    assert recalls[0] < 0.4 < 0.9 < recalls[-1]
    assert rows[0]["precision"] > rows[-1]["precision"] > 0.8
    assert rows[0]["real"] == rows[0]["generated"] == 600


def test_a_row_is_the_manifold_of_its_samples(real):
    (row,) = truncation_curve(generate, real, [0.8], count=300, k=4, seed=3)
    expected = manifold(real[:300], generate(300, 3, 0.8), [4])[4]
    assert row == {"truncation": 0.8, **expected, "real": 300, "generated": 300}


def test_with_a_model_and_a_dataset():
    data = kgan.data.load("digits", batch_size=32)
    gan = kgan.models.VanillaGAN.for_data(data.info, variant="minimax")
    rows = truncation_curve(
        gan.generate, data, [0.5, None], count=100, extractor="values", value_range=gan.data_range
    )
    assert [row["generated"] for row in rows] == [100, 100]
    assert data.position.epoch == 0


def test_the_range_is_read_off_a_dataset():
    data = kgan.data.load("digits", batch_size=32)
    images = next(iter(data))[0].numpy()
    (row,) = truncation_curve(
        lambda count, seed, truncation: images[:count], data, [None], count=32, extractor="digits"
    )
    assert row["recall"] > 0


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"truncations": []}, "empty"),
        ({"truncations": [-1.0]}, "positive"),
        ({"count": 3}, "3"),
        ({"real": np.zeros((50, 3))}, "shape"),
    ],
)
def test_bad_arguments(real, given, match):
    with pytest.raises(InputError, match=match):
        truncation_curve(**{"generate": generate, "real": real, "extractor": "values"} | given)


def test_a_function_that_draws_no_samples_is_answered(real):
    for drawn in (None, np.float32(1)):
        with pytest.raises(InputError, match="Data is an array of samples"):
            truncation_curve(lambda count, **how: drawn, real, extractor="values")  # noqa: B023


def test_the_curve_is_drawn(real):
    rows = truncation_curve(generate, real[:100], extractor="values")
    picture = truncation_plot(rows, size=400)
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (400, 3)
    assert len(np.unique(picture)) > 10
    written = [{name: "" if v is None else str(v) for name, v in row.items()} for row in rows]
    assert (truncation_plot(written, size=400) == picture).all()
    short = [{"truncation": 1.0, "precision": 0.5, "recall": 0.2}]
    assert truncation_plot(short, size=400).shape[0] > picture.shape[0]
    for nothing in ([], [{"truncation": 1.0}]):
        with pytest.raises(InputError, match="no curve"):
            truncation_plot(nothing)
