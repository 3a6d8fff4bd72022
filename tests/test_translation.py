"""Families that start from images: images of any size, pictures of rows, serving."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.models import LAPGAN, SRGAN, CycleGAN, Pix2Pix


def images(height, width, seed=0, count=2):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, height, width, 3)).astype("float32")


def test_other_sizes_are_mirrored_up_to_the_stride_and_cut():
    gan = Pix2Pix((16, 16, 3), width=4, seed=0)
    assert gan.stride == 16
    # As often as it takes: 3 and 5 pixels come to 16.
    tiny = images(3, 5)
    mirrored = np.concatenate([tiny, tiny[:, ::-1]] * 3, 1)[:, :16]
    mirrored = np.concatenate([mirrored, mirrored[:, :, ::-1]] * 2, 2)[:, :, :16]
    np.testing.assert_allclose(gan.translate(tiny), gan.translate(mirrored)[:, :3, :5], atol=1e-6)
    given = images(20, 33)
    mirrored = np.pad(given, ((0, 0), (0, 12), (0, 15), (0, 0)), "symmetric")
    np.testing.assert_allclose(
        gan.translate(given), gan.translate(mirrored)[:, :20, :33], atol=1e-6
    )


def test_a_preview_shows_rows_and_says_when_it_has_none():
    gan = Pix2Pix((16, 16, 3), width=4, seed=0)
    with pytest.raises(InputError, match="no images to show yet"):
        gan.preview()
    gan.examples = inputs, targets = images(16, 16), images(16, 16, seed=1)
    samples = gan.preview()["samples"]
    assert gan.preview_columns == 3
    np.testing.assert_array_equal(samples[0::3], inputs)
    np.testing.assert_array_equal(samples[1::3], gan.translate(inputs))
    np.testing.assert_array_equal(samples[2::3], targets)
    assert len(gan.preview(5)["samples"]) == 3


@pytest.mark.slow
def test_all_serve_where_kgan_is_not(tmp_path):
    models = {
        "pix2pix": Pix2Pix((16, 16, 3), width=4, seed=0),
        "cyclegan": CycleGAN((16, 16, 3), width=4, blocks=1, seed=0),
        "srgan": SRGAN(2, width=4, blocks=1, content="pixels", seed=0),
        "lapgan": LAPGAN((16, 16, 3), width=4, units=8, seed=0),
    }
    for name, gan in models.items():
        gan.export(tmp_path / name)
    given, latents = images(18, 21), models["lapgan"].draw(2, (0, 1)).numpy()
    np.savez(tmp_path / "given.npz", images=given, latents=latents)
    script = """
import sys, numpy as np, tensorflow as tf
given = np.load("given.npz")
made = {}
for name, endpoint, inputs in [
    ("pix2pix", "serve", "images"), ("cyclegan", "a2b", "images"), ("cyclegan", "b2a", "images"),
    ("srgan", "serve", "images"), ("lapgan", "serve", "latents"),
]:
    model = tf.saved_model.load(name)
    made[f"{name}-{endpoint}"] = getattr(model, endpoint)(given[inputs]).numpy()
assert "kgan.gan" not in sys.modules
np.savez("made.npz", **made)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    expected = {
        "pix2pix-serve": models["pix2pix"].translate(given),
        "cyclegan-a2b": models["cyclegan"].translate(given, "a2b"),
        "cyclegan-b2a": models["cyclegan"].translate(given, "b2a"),
        "srgan-serve": models["srgan"].upscale(given),
        "lapgan-serve": models["lapgan"].generate(latents=latents),
    }
    made = np.load(tmp_path / "made.npz")
    assert set(made) == set(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(made[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 16, 16, 3), "float32"), "dataset of batches with two parts"),
        (tf.data.Dataset.from_tensors(np.zeros((4, 16, 16, 3), "float32")), "two parts"),
        (
            tf.data.Dataset.from_tensors(
                (np.zeros((4, 16, 16, 3), "float32"), np.zeros((4, 16, 8, 3), "float32"))
            ),
            "target",
        ),
        (
            tf.data.Dataset.from_tensors(
                (np.zeros((4, 16, 16, 3), "float32"), np.full((4, 16, 16, 3), 255, "float32"))
            ),
            "target",
        ),
    ],
)
def test_data_that_does_not_fit_is_refused_before_training(data, message):
    gan = Pix2Pix((16, 16, 3), width=4, seed=0)
    gan.compile(jit_compile=False)
    with pytest.raises(InputError, match=message):
        gan.fit(data, verbose=0)
    assert int(gan.iterations) == 0


@pytest.mark.slow
def test_data_in_another_range_is_brought_to_the_models():
    """Both parts: a target left in [0, 1] would pass for a dull image in [-1, 1]."""
    given = np.random.default_rng(0).integers(0, 255, (8, 16, 16, 3)).astype("uint8")
    losses = []
    for value_range in ((-1, 1), (0, 1)):
        keras.utils.set_random_seed(0)
        gan = Pix2Pix((16, 16, 3), width=4, seed=0)
        gan.compile(jit_compile=False)
        data = kgan.data.pairs(given, 255 - given, batch_size=4, value_range=value_range)
        losses.append(gan.fit(data, verbose=0).history["l1"])
        gan.evaluate(data, verbose=0)
    np.testing.assert_allclose(*losses, rtol=1e-5)
