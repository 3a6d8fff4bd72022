"""PSNR and SSIM against scikit-image and published figures, and as Keras metrics."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
import skimage.data
import skimage.metrics
import tensorflow as tf
from PIL import Image

from kgan.errors import InputError
from kgan.metrics.paired import PSNR, SSIM, psnr, ssim

ROOT = Path(__file__).resolve().parents[2]
SETS = Path(os.environ.get("KGAN_SUPER_RESOLUTION") or ROOT.parent / "shared/data/super_resolution")
BOTH = pytest.mark.parametrize("metric", [PSNR, SSIM])


def luma(levels):
    """Y of ITU-R BT.601 in studio range, of RGB levels 0..255."""
    red, green, blue = np.moveaxis(levels.astype("float64") / 255, -1, 0)
    return (16 + 65.481 * red + 128.553 * green + 24.966 * blue)[..., None]


def pairs(kind):
    """Pairs of uint8 images `(batch, height, width, channels)`: targets, and bad copies."""
    rng = np.random.default_rng(3)
    if kind == "noise":
        return rng.integers(0, 256, (2, 2, 40, 52, 3), "uint8")
    if kind == "bright":
        return rng.integers(248, 256, (2, 2, 40, 52, 3), "uint8")
    if kind == "grey":
        real = skimage.data.camera()[None, ::4, ::3, None]
    else:
        real = skimage.data.astronaut()[None, ::4, ::3]
    fake = np.clip(0.9 * real + 20 + rng.normal(0, 10, real.shape), 0, 255).astype("uint8")
    return real, fake


def to_range(levels, low=-1.0, high=1.0):
    return (low + levels.astype("float64") / 255 * (high - low)).astype("float32")


def reference(metric, real, fake):
    """scikit-image's figure of each pair of levels `(height, width, channels)`."""
    real, fake = real.astype("float64"), fake.astype("float64")
    if metric in (PSNR, psnr):
        values = [
            skimage.metrics.peak_signal_noise_ratio(a, b, data_range=255)
            for a, b in zip(real, fake, strict=True)
        ]
    else:
        values = [
            skimage.metrics.structural_similarity(
                a,
                b,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=255,
                channel_axis=-1,
            )
            for a, b in zip(real, fake, strict=True)
        ]
    return np.array(values)


@pytest.mark.parametrize("kind", ["noise", "bright", "grey", "colour"])
@pytest.mark.parametrize("color", ["y", "rgb"])
@pytest.mark.parametrize("figure", [psnr, ssim])
def test_equals_scikit_image(figure, color, kind):
    real, fake = pairs(kind)
    values = figure(to_range(real), to_range(fake), color=color, crop=3)
    if color == "y" and real.shape[-1] == 3:
        real, fake = luma(real), luma(fake)
    expected = reference(figure, real[:, 3:-3, 3:-3], fake[:, 3:-3, 3:-3])
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-10)


@BOTH
@pytest.mark.parametrize("value_range", [(-1, 1), (0, 1), (0, 255), (-3.0, 2.0)])
def test_the_range_does_not_matter(metric, value_range):
    real, fake = pairs("colour")
    expected = reference(metric, real, fake)
    given = to_range(real, *value_range), to_range(fake, *value_range)
    told = metric(value_range, color="rgb")
    heard = metric(color="rgb")
    heard.prepare(real.shape[1:], value_range)
    for one in (told, heard):
        np.testing.assert_allclose(one(*given), expected[0], rtol=1e-6)


@BOTH
def test_a_range_that_was_given_outweighs_what_prepare_says(metric):
    real, fake = pairs("grey")
    one = metric((0, 255))
    one.prepare((None, None, 1), (-1, 1))
    np.testing.assert_allclose(one(real, fake), reference(metric, real, fake)[0], rtol=1e-6)


@BOTH
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8"])
def test_every_dtype_of_images(metric, dtype):
    real, fake = pairs("grey")
    expected = reference(metric, real, fake)[0]
    if dtype == "uint8":
        value = metric((0, 255))(real, fake)
    else:
        value = metric()(to_range(real).astype(dtype), to_range(fake).astype(dtype))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_rounding_clips_and_rounds_as_saving_does():
    real = to_range(np.full((1, 12, 12, 1), 255))
    np.testing.assert_array_equal(psnr(real, real * 1.5), np.inf)
    np.testing.assert_array_equal(psnr(real, real - 0.49 / 127.5), np.inf)
    # 0.49 levels off everywhere: an error of 0.49².
    expected = 10 * np.log10(255**2 / 0.49**2)
    np.testing.assert_allclose(psnr(real, real - 0.49 / 127.5, rounded=False), expected, rtol=1e-4)


def test_psnr_is_averaged_over_images_not_over_errors():
    real = np.zeros((2, 12, 12, 1))
    fake = np.stack([np.full((12, 12, 1), 1.0), np.full((12, 12, 1), 100.0)])
    expected = 20 * np.log10(255) - (0 + 40) / 2
    np.testing.assert_allclose(PSNR((0, 255))(real, fake), expected, rtol=1e-6)


def test_luma_of_black_and_white_is_16_and_235():
    black, white = np.zeros((1, 12, 12, 3)), np.ones((1, 12, 12, 3))
    expected = 20 * np.log10(255 / (235 - 16))
    np.testing.assert_allclose(psnr(black, white, (0, 1)), expected, rtol=1e-9)
    np.testing.assert_allclose(psnr(black, white, (0, 1), color="rgb"), 0, atol=1e-9)


def test_identical_images():
    real, fake = (to_range(images) for images in pairs("noise"))
    np.testing.assert_allclose(ssim(real, real), 1, rtol=1e-12)
    np.testing.assert_array_equal(psnr(real, real), np.inf)
    assert float(PSNR()(real, real)) == 100
    assert float(PSNR(ceiling=None)(real, real)) == np.inf
    one_of_two = np.stack([real[0], fake[1]])
    expected = (100 + float(psnr(real, fake)[1])) / 2
    np.testing.assert_allclose(PSNR()(real, one_of_two), expected, rtol=1e-6)


@BOTH
def test_nan_in_a_sample_shows(metric):
    real, fake = (to_range(images) for images in pairs("noise"))
    fake[0, 20, 20, 0] = np.nan
    assert np.isnan(metric()(real, fake))


@BOTH
def test_batches_of_any_size_give_the_same(metric):
    rng = np.random.default_rng(5)
    real, fake = rng.uniform(-1, 1, (2, 7, 16, 20, 3)).astype("float32")
    fake = 0.5 * (real + fake)
    whole = float(metric()(real, fake))
    for size in (1, 2, 3, 7):
        parts = metric()
        for first in range(0, 7, size):
            parts.update_state(real[first : first + size], fake[first : first + size])
        np.testing.assert_allclose(parts.result(), whole, rtol=1e-6)
    parts = [metric(), metric(), metric()]
    for part, some in zip(parts, np.split(np.arange(7), [2, 3]), strict=True):
        part.update_state(real[some], fake[some])
    parts[0].merge_state(parts[1:])
    np.testing.assert_allclose(parts[0].result(), whole, rtol=1e-6)


@BOTH
def test_only_metrics_of_one_class_and_settings_merge(metric):
    real, fake = (to_range(images) for images in pairs("noise"))
    one = metric()
    before = float(one(real, fake))
    told = metric()
    told.prepare((16, 16, 3), (0, 1))
    same = metric()
    same.update_state(real, real)
    for other in (
        keras.metrics.Mean(),
        {PSNR: SSIM, SSIM: PSNR}[metric](),
        metric(crop=1),
        metric(color="rgb"),
        metric(rounded=False),
        told,
    ):
        with pytest.raises(InputError, match="added"):
            one.merge_state([same, other])
    assert float(one.result()) == before
    # The default said aloud is the same setting; a name is none.
    one.merge_state([metric((-1, 1), name="other")])
    assert float(one.result()) == before


@BOTH
def test_sample_weight(metric):
    rng = np.random.default_rng(5)
    real, fake = rng.uniform(-1, 1, (2, 3, 16, 16, 1)).astype("float32")
    fake[0] = real[0]
    figure = {PSNR: psnr, SSIM: ssim}[metric]
    values = figure(real, fake).numpy()
    settings = {"ceiling": None} if metric is PSNR else {}
    for weight in ([0, 1, 3], [[0], [1], [3]], np.array([0, 1, 3], "uint8")):
        value = metric(**settings)(real, fake, sample_weight=weight)
        np.testing.assert_allclose(value, np.average(values[1:], weights=[1, 3]), rtol=1e-6)
    np.testing.assert_allclose(metric()(real, fake, 2.0), metric()(real, fake), rtol=1e-6)
    with pytest.raises(InputError, match="whole images"):
        metric().update_state(real, fake, np.ones((3, 16)))


@BOTH
def test_nothing_seen_is_nan_and_reset_forgets(metric):
    one = metric()
    assert np.isnan(one.result())
    real, fake = (to_range(images) for images in pairs("noise"))
    value = float(one(real, fake))
    one.reset_state()
    assert np.isnan(one.result())
    assert float(one(real, fake)) == value


@BOTH
@pytest.mark.parametrize("shape", [(2, 40, 52, 3), (None, None, None, 3)])
def test_xla_gives_the_same(metric, shape):
    real, fake = (to_range(images) for images in pairs("noise"))
    one = metric(crop=2)
    signature = [tf.TensorSpec(shape, tf.float32)] * 2
    update = tf.function(one.update_state, signature, jit_compile=True)
    update(real, fake)
    np.testing.assert_allclose(one.result(), metric(crop=2)(real, fake), rtol=1e-6)


def test_keras_metric_in_a_model():
    real, fake = (to_range(images) for images in pairs("noise"))
    model = keras.Sequential([keras.Input((40, 52, 3)), keras.layers.Identity()])
    model.compile(loss="mse", metrics=[PSNR(), SSIM()])
    logs = model.evaluate(fake, real, batch_size=1, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["psnr"], np.mean(psnr(real, fake)), rtol=1e-6)
    np.testing.assert_allclose(logs["ssim"], np.mean(ssim(real, fake)), rtol=1e-6)


@pytest.mark.parametrize(
    "metric",
    [
        PSNR(),
        SSIM(),
        PSNR((0, 1), "rgb", 4, False, None, "mine"),
        SSIM((0, 255), "rgb", 4, False, "mine"),
    ],
)
def test_config_round_trip(metric):
    config = keras.saving.serialize_keras_object(metric)
    assert config["registered_name"] == f"kgan>{type(metric).__name__}"
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert metric._direction == "up"


@BOTH
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"value_range": (1, -1)}, "low < high"),
        ({"value_range": (0, 1, 2)}, "low < high"),
        ({"value_range": 255}, "low < high"),
        ({"value_range": (0, np.nan)}, "low < high"),
        ({"color": "ycbcr"}, "Known: rgb, y"),
        ({"crop": -1}, "crop"),
        ({"crop": 4.0}, "crop"),
    ],
)
def test_settings_that_do_not_fit(metric, settings, words):
    with pytest.raises(InputError, match=words):
        metric(**settings)


def test_ceiling_above_zero():
    with pytest.raises(InputError, match="ceiling"):
        PSNR(ceiling=0)


@BOTH
def test_samples_that_do_not_fit(metric):
    one = metric(crop=4)
    for shape in ((2,), (16, 16), (32, 32, 2), (32, 32, 4), (32, 32, 32, 3)):
        with pytest.raises(InputError, match="channels"):
            one.prepare(shape)
        with pytest.raises(InputError, match="channels"):
            one.update_state(np.zeros((2, *shape)), np.zeros((2, *shape)))
    least = {PSNR: 9, SSIM: 19}[metric]
    for small in ((least - 1, 32, 3), (32, least - 1, 3)):
        with pytest.raises(InputError, match="smaller crop"):
            one.prepare(small)
        with pytest.raises(InputError, match="smaller crop"):
            one.update_state(np.zeros((2, *small)), np.zeros((2, *small)))
    one.prepare((least, least, 3))
    one.update_state(np.zeros((2, least, least, 3)), np.zeros((2, least, least, 3)))
    with pytest.raises(InputError, match="low < high"):
        one.prepare((32, 32, 3), (1, 1))


@BOTH
def test_images_that_do_not_fit_each_other(metric):
    real = np.zeros((2, 32, 32, 3), "float32")
    for other in ((2, 16, 16, 3), (1, 32, 32, 3), (2, 32, 32, 1), (32, 32, 3)):
        with pytest.raises(InputError, match="one shape"):
            metric().update_state(real, np.zeros(other, "float32"))
    with pytest.raises(InputError, match="uint8"):
        metric().update_state(real.astype("uint8"), real.astype("uint8"))


@pytest.mark.skipif(
    not (SETS / "set5").is_dir(),
    reason="needs Set5: KGAN_SUPER_RESOLUTION names the folder that holds set5",
)
def test_bicubic_on_set5_scores_what_the_literature_says():
    scores = {"psnr": PSNR((0, 255), crop=4), "ssim": SSIM((0, 255), crop=4)}
    files = sorted((SETS / "set5").glob("*_HR.png"))
    assert len(files) == 5
    for file in files:
        real = Image.open(file).convert("RGB")
        small = Image.open(file.with_name(file.name.replace("_HR", "_LR"))).convert("RGB")
        # Pillow's cubic kernel has a = -0.5, as MATLAB's.
        fake = small.resize(real.size, Image.Resampling.BICUBIC)
        for metric in scores.values():
            metric.update_state(np.asarray(real)[None], np.asarray(fake)[None])
    # 28.42 and 0.8104 in the literature, from MATLAB, whose luma of uint8 is rounded: that
    # alone takes 0.013 dB and 0.0010 away.
    assert float(scores["psnr"].result()) == pytest.approx(28.42, abs=0.02)
    assert float(scores["ssim"].result()) == pytest.approx(0.8104, abs=0.001)
