"""Pix2Pix: the paper's settings and networks, and that it learns a mapping."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.models.blocks import image_networks
from kgan.models.pix2pix import Pix2Pix


def negatives(count=64, seed=0):
    """Pairs of digits, 8x8, and their negatives: an array each, in 0..1."""
    digits = next(iter(kgan.data.load("digits", batch_size=count, seed=seed, value_range=(0, 1))))
    return digits[0].numpy(), 1 - digits[0].numpy()


def train(epochs):
    data = kgan.data.pairs(*negatives(), batch_size=4)
    gan = Pix2Pix.for_data(data.info, width=8, seed=0)
    # So narrow a network learns at a larger rate.
    gan.compile(*(keras.optimizers.Adam(2e-3, beta_1=0.5) for _ in "dg"), jit_compile=False)
    history = gan.fit(data, epochs=epochs, verbose=0).history
    return gan, history


@pytest.fixture(scope="module")
def trained():
    return train(epochs=1)


def test_settings_are_the_papers():
    gan = Pix2Pix((256, 256, 3), width=2)
    gan.compile()
    assert type(gan.loss) is kgan.losses.NonSaturating
    assert gan.loss.discriminator_weight == 0.5
    assert [(term.name, term.weight) for term in gan.terms] == [("l1", 100.0)]
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        assert optimizer.beta_1 == 0.5
    assert (gan.batch_size, gan.stride) == (1, 256)
    # C64-C128-C256-C512 and a patch of 70x70: the scores of 256 pixels are 32x32.
    assert gan.score(tf.zeros((1, 256, 256, 3)), tf.zeros((1, 256, 256, 3))).shape == (1, 32, 32, 1)
    dropouts = [x for x in gan.generator.layers if type(x).__name__ == "Dropout"]
    assert len(dropouts) == 3


@pytest.mark.parametrize(("depth", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_a_score_rests_on_a_patch_of_the_papers_size(depth, patch):
    images = tf.Variable(tf.random.normal((1, 96, 96, 1)))
    inputs = keras.Input((None, None, 1))
    # Without normalization, which sees the whole image.
    x = inputs
    scores = keras.Model(inputs, image_networks.patch_scores(x, 4, depth))
    plain = keras.models.clone_model(
        scores,
        call_function=lambda layer, *args, **kwargs: (
            args[0] if "normalization" in layer.name else layer(*args, **kwargs)
        ),
    )
    with tf.GradientTape() as tape:
        made = plain(images)
        middle = made[0, made.shape[1] // 2, made.shape[2] // 2, 0]
    seen = np.abs(tape.gradient(middle, images).numpy()[0, :, :, 0]) > 0
    assert (np.ptp(np.nonzero(seen.any(1))[0]) + 1, np.ptp(np.nonzero(seen.any(0))[0]) + 1) == (
        patch,
        patch,
    )


@pytest.mark.slow
def test_it_learns_the_mapping():
    gan, history = train(epochs=20)
    inputs, targets = (part * 2 - 1 for part in negatives(64, seed=5))
    made = gan.translate(inputs.astype("float32"))
    error = np.abs(made - targets).mean()
    of_the_mean = np.abs(targets - targets.mean(0)).mean()
    assert error < 0.7 * of_the_mean
    assert history["l1"][-1] < 0.6 * history["l1"][0]


@pytest.mark.slow
def test_it_saves_resumes_and_serves_any_size(trained, tmp_path):
    gan, _ = trained
    data = kgan.data.pairs(*negatives(), batch_size=4)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 13, 10, 1)).astype("float32")
    gan.save(tmp_path / "gan.keras")
    again = kgan.load(tmp_path / "gan.keras")
    np.testing.assert_array_equal(gan.translate(images), again.translate(images))
    for model in (gan, again):
        model.fit(data, epochs=1, verbose=0)
    for one, other in zip(gan.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    gan.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(images), gan.translate(images), atol=1e-6)


@pytest.mark.slow
def test_pictures_stand_in_rows_of_input_output_and_truth(trained):
    gan, _ = trained
    rows = gan.preview(9)["samples"].reshape(3, 3, 8, 8, 1)
    inputs, targets = gan.examples
    np.testing.assert_array_equal(rows[:, 0], inputs[:3])
    np.testing.assert_array_equal(rows[:, 2], targets[:3])
    np.testing.assert_allclose(rows[:, 1], gan.translate(inputs[:3]), atol=1e-6)


def test_bad_input_gets_a_message(trained):
    gan, _ = trained
    with pytest.raises(InputError, match="4x5"):
        Pix2Pix((4, 5, 1))
    with pytest.raises(InputError, match="has none"):
        Pix2Pix.for_data(kgan.data.load("digits").info)
    with pytest.raises(InputError, match="two parts"):
        gan.fit(negatives()[0])
    with pytest.raises(InputError, match="two parts"):
        gan.fit(kgan.data.load("digits", labels=False))
    with pytest.raises(InputError, match=r"shape \(2, 8, 8, 3\); expected \(n, height, width, 1\)"):
        gan.translate(np.zeros((2, 8, 8, 3), "float32"))
    with pytest.raises(InputError, match="outside the generator's range"):
        gan.translate(np.full((2, 8, 8, 1), 200.0, "float32"))
    with pytest.raises(InputError, match=r"range \[-1, 1\]\. Clip or scale them to it\.$"):
        gan.translate(np.full((2, 8, 8, 1), 1.02, "float32"))
    large = kgan.data.pairs(
        np.zeros((8, 16, 16, 1), "uint8") + 9, np.zeros((8, 16, 16, 1), "uint8") + 9
    )
    with pytest.raises(InputError, match=r"The input has samples of shape \(16, 16, 1\)"):
        gan.fit(large)
