"""SRGAN: its two stages, tiles without seams, and its metrics."""

import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.models.blocks.content import Content, VGG19Features
from kgan.models.srgan import SRGAN
from kgan.terms import Turn


def photos(count=4, side=48, seed=0):
    """uint8 images of dark discs with sharp edges, which plain enlargement blurs."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    made = []
    for _ in range(count):
        image = np.full((side, side, 3), 230.0)
        for _ in range(12):
            at, radius = random.uniform(0, side, 2), random.uniform(3, 9)
            image[(y - at[0]) ** 2 + (x - at[1]) ** 2 < radius**2] = random.uniform(20, 120, 3)
        made.append(image.astype("uint8"))
    return made


def crops(**settings):
    settings = {"scale": 2, "size": 24, "batch_size": 8, "per_image": 8} | settings
    return kgan.data.crops(photos(), **settings)


def pretrained(epochs):
    keras.utils.set_random_seed(0)
    gan = SRGAN(2, width=16, blocks=2, content="pixels", seed=0)
    history = gan.pretrain(crops(), epochs=epochs, verbose=0).history
    gan.training_steps = 8
    gan.compile(jit_compile=False)
    return gan, history


@pytest.fixture(scope="module")
def trained():
    return pretrained(4)[0]


@pytest.mark.slow
def test_the_first_stage_passes_plain_enlargement():
    gan, history = pretrained(120)
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    test = kgan.data.crops(photos(4, seed=9), scale=2, size=None)
    scores = gan.evaluate(test, verbose=0, metrics=[kgan.metrics.PSNR(crop=2)])
    plain = []
    for low, high in test:
        large = tf.clip_by_value(tf.image.resize(low, high.shape[1:3], "bicubic"), -1, 1)
        plain.append(float(kgan.metrics.psnr(high, large, crop=2)[0]))
    assert scores["psnr"] > np.mean(plain) + 0.5


def test_tiles_equal_the_whole(trained):
    gan = trained
    image = photos(1, 60)[0][:, :50]
    whole = gan.upscale(image, tile=None)
    assert (whole.shape, whole.dtype) == ((120, 100, 3), np.uint8)
    np.testing.assert_array_equal(gan.upscale(image, tile=32), whole)
    np.testing.assert_array_equal(gan.upscale(image, tile=4), whole)
    # Without an overlap seams would show.
    assert np.abs(gan.upscale(image, tile=32, overlap=0).astype(int) - whole).max() > 0


@pytest.mark.parametrize("preset", ["narrow", "paper"])
@pytest.mark.parametrize("scale", [2, 4])
def test_a_pixel_depends_on_nothing_beyond_its_reach(preset, scale):
    gan = SRGAN(scale, preset=preset, width=4, blocks=1, content="pixels", seed=0)
    image = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 1, 41, 3)).astype("float32")
    changed = image.copy()
    changed[0, 0, 20] = 0.9
    difference = np.abs(gan.upscale(image, tile=None) - gan.upscale(changed, tile=None))
    touched = np.flatnonzero(difference.max((0, 1, 3))) // scale
    assert gan.reach - 3 <= 20 - touched.min() <= gan.reach
    assert gan.reach - 3 <= touched.max() - 20 <= gan.reach


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_a_large_photo_takes_little_memory(tmp_path):
    """1,000x1,000 pixels four times larger, in a process that may take 2 GiB with all imports."""
    script = """
import numpy as np, kgan
gan = kgan.models.SRGAN(scale=4, content="pixels", seed=0)
photo = np.random.default_rng(0).integers(0, 255, (1000, 1000, 3)).astype("uint8")
large = gan.upscale(photo)
assert large.shape == (4000, 4000, 3)
part = gan.upscale(photo[:300, :300], tile=None)
inner = 4 * (300 - gan.reach)
assert np.abs(part[:inner, :inner].astype(int) - large[:inner, :inner]).max() <= 1
# Not ru_maxrss, which counts the process that started this one.
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    said = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert int(said.stdout.split()[-1]) < 2048 * 1024


@pytest.mark.slow
def test_the_second_stage_has_content_and_a_small_share_of_the_game(trained):
    gan = trained
    history = gan.fit(crops(), epochs=2, verbose=0).history
    assert {"content", "d_loss", "g_loss"} <= history.keys()
    # About log 2 of it.
    assert history["g_loss"][0] == pytest.approx(4e-4 * np.log(2), rel=0.6)
    scores = tf.constant([[0.0]])
    for settings, share in (
        ({"content": "pixels", "adversarial_weight": 0.5}, 0.5),
        ({"content": lambda images: images}, 1e-3),
    ):
        other = SRGAN(2, width=4, blocks=1, **settings)
        other.compile()
        assert float(other.generator_loss(scores)) == pytest.approx(share * np.log(2))


@pytest.mark.slow
def test_content_compares_features_and_trains_no_feature():
    features = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3)])
    real, fake = tf.random.normal((2, 8, 8, 3)), tf.random.normal((2, 8, 8, 3))
    turn = Turn(None, real, fake, None, None, None, None)
    by_hand = np.square(features(real) - features(fake)).mean()
    assert float(Content(features)(turn)) == pytest.approx(by_hand, rel=1e-5)
    assert float(Content()(turn)) == pytest.approx(np.square(real - fake).mean(), rel=1e-5)
    gan = SRGAN(2, width=4, blocks=1, content=features, seed=0)
    gan.compile(jit_compile=False)
    assert gan.terms[0]._features() is features
    before = [w.numpy() for w in features.weights]
    gan.fit(crops(), epochs=1, verbose=0)
    for one, other in zip(features.weights, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_vgg19_sees_what_it_was_trained_on(monkeypatch):
    """The real network with weights of a file of the format that Keras downloads."""
    drawn = keras.applications.VGG19(include_top=False, weights=None)
    monkeypatch.setattr(keras.applications, "VGG19", lambda **_: drawn)
    images = tf.random.uniform((1, 32, 32, 3), -1, 1)
    features = VGG19Features()(images)
    levels = keras.applications.vgg19.preprocess_input((images.numpy() + 1) * 127.5)
    expected = keras.Model(drawn.input, drawn.get_layer("block5_conv4").output)(levels) / 12.75
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-6)


def test_without_vgg19_it_says_so(monkeypatch):
    def offline(**_):
        raise OSError("no network")

    monkeypatch.setattr(keras.applications, "VGG19", offline)
    with pytest.warns(UserWarning, match="compares pixels"):
        SRGAN(2, width=4, blocks=1).compile()
    with pytest.raises(InputError, match="cannot be loaded"):
        SRGAN(2, width=4, blocks=1, content="vgg19").compile()


def test_what_is_compared_is_kept_with_the_model(monkeypatch, tmp_path):
    drawn = keras.applications.VGG19(include_top=False, weights=None)
    monkeypatch.setattr(keras.applications, "VGG19", lambda **_: drawn)
    gan = SRGAN(2, width=4, blocks=1, seed=0)
    gan.compile(jit_compile=False)
    gan.save(tmp_path / "vgg.keras")

    def offline(**_):
        raise OSError("no network")

    monkeypatch.setattr(keras.applications, "VGG19", offline)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        again = kgan.load(tmp_path / "vgg.keras")
        assert again.upscale(np.zeros((1, 8, 8, 3), "float32")).shape == (1, 16, 16, 3)
    # Enlarging needs no features; going on does, and not others.
    assert again.get_config()["content"] == "vgg19"
    with pytest.raises(InputError, match="cannot be loaded"):
        again.fit(crops(), verbose=0)

    features = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3)])
    gan = SRGAN(2, width=4, blocks=1, content=features, seed=0)
    gan.compile(jit_compile=False)
    gan.save(tmp_path / "own.keras")
    loaded = kgan.load(tmp_path / "own.keras")._content()
    for one, other in zip(loaded.weights, features.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_the_first_stage_leaves_nothing_but_weights(tmp_path):
    """A checkpoint of a run that had one loads into a model that has not."""
    gan, fresh = (SRGAN(2, width=4, blocks=1, content="pixels", seed=0) for _ in range(2))
    gan.pretrain(crops(value_range=(0, 1)), epochs=1, verbose=0)
    assert gan.examples[1].min() < -0.5
    for model in (gan, fresh):
        model.compile(jit_compile=False)
    saving = kgan.callbacks.Checkpoint(tmp_path / "c", every_steps=1)
    gan.fit(crops(), epochs=1, verbose=0, callbacks=[saving])
    resume = kgan.callbacks.Checkpoint(tmp_path / "c", every_steps=1, resume=True)
    fresh.fit(crops(), epochs=1, verbose=0, callbacks=[resume])
    for one, other in zip(gan.variables, fresh.variables, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_whole_images_of_several_sizes_may_validate():
    photos_of_sizes = [*photos(2, 32), *photos(2, 40)]
    whole = kgan.data.crops(photos_of_sizes, scale=2, size=None)
    gan = SRGAN(2, width=4, blocks=1, content="pixels", seed=0)
    gan.compile(metrics=["psnr"], jit_compile=False)
    history = gan.fit(crops(), validation_data=whole, epochs=1, verbose=0).history
    assert np.isfinite(history["val_psnr"][0])
    assert gan.preview()["samples"].shape == (6, 32, 32, 3)


@pytest.mark.slow
def test_it_saves_resumes_and_serves(trained, tmp_path):
    gan = trained
    gan.save(tmp_path / "gan.keras")
    again = kgan.load(tmp_path / "gan.keras")
    for model in (gan, again):
        model.fit(crops(), epochs=1, verbose=0)
    for one, other in zip(gan.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    gan.export(tmp_path / "served")
    images = np.random.default_rng(0).uniform(-1, 1, (1, 9, 14, 3)).astype("float32")
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(images), gan.upscale(images), atol=1e-5)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_papers_network(scale):
    gan = SRGAN(scale, preset="paper", width=4, blocks=2, content="pixels")
    assert gan.upscale(np.zeros((1, 6, 5, 3), "float32")).shape == (1, 6 * scale, 5 * scale, 3)
    kinds = [type(x).__name__ for x in gan.generator.layers]
    assert kinds.count("BatchNormalization") == 5
    assert kinds.count("PixelShuffle") == scale // 2
    assert kinds.count("PReLU") == 3 + scale // 2
    gan.compile()
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(1e-4)
    assert SRGAN(preset="paper", content="pixels").width == 64


def test_bad_input_gets_a_message(trained):
    gan = trained
    for settings in ({"scale": 3}, {"channels": 2}, {"preset": "x"}, {"content": "vgg"}):
        with pytest.raises(InputError, match=next(iter(settings))):
            SRGAN(**settings)
    with pytest.raises(InputError, match="has none"):
        SRGAN.for_data(kgan.data.load("digits").info)
    with pytest.raises(InputError, match="overlap"):
        gan.upscale(np.zeros((1, 40, 40, 3), "float32"), tile=16, overlap=8)
    with pytest.raises(InputError, match="expected"):
        gan.upscale(np.zeros((1, 40, 40, 1), "float32"))
