"""Packs of samples that the discriminator scores together, as in PacGAN."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import packs
from kgan.errors import InputError

SHAPE = (4, 4, 3)
PACKED = (
    *("vanilla", "dcgan", "wgan", "r3gan"),
    # The same code with larger networks.
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("wgangp", "sngan", "sagan")),
)


def _images(count, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, *SHAPE)).astype("float32")


def _linear(pack, kernel=None, **options):
    """A GAN whose discriminator is a dense layer over all numbers of a pack."""
    generator = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(48, activation="tanh"),
            keras.layers.Reshape(SHAPE),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((*SHAPE[:2], SHAPE[2] * pack)),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    if kernel is not None:
        discriminator.layers[-1].kernel.assign(kernel)
    return kgan.GAN(generator, discriminator, pack=pack, seed=0, **options)


def test_samples_that_follow_each_other_lie_side_by_side_in_the_channels():
    images = _images(6)
    folded = packs.folded(packs.grouped(images, 3)).numpy()
    assert folded.shape == (2, 4, 4, 9)
    for place in range(6):
        first = 3 * (place % 3)
        np.testing.assert_array_equal(folded[place // 3, ..., first : first + 3], images[place])
    np.testing.assert_array_equal(packs.parted(packs.grouped(images, 3)), images)
    points = packs.folded(packs.grouped(np.arange(8.0).reshape(4, 2), 2))
    np.testing.assert_array_equal(points, np.arange(8.0).reshape(2, 4))


@pytest.mark.parametrize("known", [True, False])
def test_the_last_pack_is_filled_from_the_beginning(known):
    def grouped(images):
        return packs.grouped(images, 3)

    if not known:
        grouped = tf.function(grouped, input_signature=[tf.TensorSpec((None, *SHAPE))])
    for count, filled in ((4, [0, 1, 2, 3, 0, 1]), (3, [0, 1, 2]), (2, [0, 1, 0]), (1, [0, 0, 0])):
        images = _images(count)
        np.testing.assert_array_equal(packs.parted(grouped(images)), images[filled])


def test_scores_and_penalties_are_those_of_packs():
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(96, 1)).astype("float32")
    gan, images = _linear(2, kernel), _images(6)
    side_by_side = np.concatenate([images[::2], images[1::2]], axis=-1).reshape(3, -1)
    np.testing.assert_allclose(gan.score(images), side_by_side @ kernel, rtol=1e-4, atol=1e-5)
    gan.compile(
        keras.optimizers.SGD(0.0),
        keras.optimizers.SGD(0.0),
        loss="wasserstein",
        penalties=[kgan.penalties.R1(2.0), "gradient_penalty", kgan.penalties.Dragan(1.0, k=0.0)],
    )
    logs = gan.fit(images, epochs=1, batch_size=6, shuffle=False, verbose=0).history
    # The gradient of a linear score is its kernel, over all samples of the pack.
    squared = float((kernel**2).sum())
    assert logs["r1"][0] == pytest.approx(squared, rel=1e-4)
    assert logs["gradient_penalty"][0] == pytest.approx(10 * (squared**0.5 - 1) ** 2, rel=1e-4)
    assert logs["dragan"][0] == pytest.approx(squared, rel=1e-4)
    assert logs["d_real"][0] == pytest.approx((side_by_side @ kernel).mean(), rel=1e-3, abs=1e-4)


def test_a_training_step_follows_the_gradient_of_packs():
    kernel = np.zeros((96, 1), "float32")
    gan, images = _linear(2, kernel), _images(6)
    gan.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(0.0), loss="wasserstein")
    gan.fit(images, epochs=1, batch_size=6, shuffle=False, verbose=0)
    # The critic ascends the mean of the real packs less that of the fake ones.
    real = np.concatenate([images[::2], images[1::2]], axis=-1).reshape(3, -1).mean(axis=0)
    fake = real - gan.discriminator.layers[-1].kernel.numpy()[:, 0]
    # Its fake packs are the generator's: of one distribution in both places, within [-1, 1].
    assert np.abs(fake).max() <= 1 + 1e-5 and np.abs(fake).max() > 0.05


def test_each_sample_of_a_pack_is_augmented_by_itself():
    gan, seen = _linear(2), []

    def record(samples, seed):
        seen.append(samples.shape)
        return samples * 0.5

    gan.compile(augment=record, loss="wasserstein", run_eagerly=True)
    images = _images(4)
    gan.fit(images, epochs=1, batch_size=4, verbose=0)
    assert seen and {tuple(shape) for shape in seen} == {(4, *SHAPE)}
    packed = gan.packs(images)
    np.testing.assert_allclose(gan.augmented(packed)[0], packed * 0.5)
    np.testing.assert_allclose(gan.augmented(images)[0], images * 0.5)


@pytest.mark.parametrize("name", PACKED)
def test_families_train_and_come_back(name, tmp_path):
    small = {} if name in ("vanilla", "r3gan") else {"width": 4}
    gan = kgan.models.find(name)((8, 8, 1), pack=2, seed=1, **small)
    assert gan.discriminator.input_shape[1:] == (8, 8, 2)
    gan.compile(penalties=["r1", "consistency"], augment="diffaugment", run_eagerly=True)
    data = np.random.default_rng(0).uniform(-1, 1, (125, 8, 8, 1)).astype("float32")
    if gan.data_range == (0, 1):
        data = (data + 1) / 2
    history = gan.fit(data, epochs=1, batch_size=25, steps_per_epoch=1, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    results = gan.evaluate(data, batch_size=7, verbose=0, metrics=["diversity"])
    assert np.isfinite(list(results.values())).all()
    gan.save(tmp_path / "gan.keras")
    again = kgan.load(tmp_path / "gan.keras")
    assert again.pack_size == 2
    np.testing.assert_array_equal(again.score(data), gan.score(data))


def test_what_is_refused():
    with pytest.raises(InputError, match=r"pack must be .*got 0"):
        _linear(0)
    with pytest.raises(InputError, match=r"packs of 3 \(4, 4, 9\), but the discriminator takes"):
        kgan.GAN(_linear(2).generator, _linear(2).discriminator, pack=3)
    with pytest.raises(InputError, match="pack=2 and classes=5: the samples of a pack"):
        kgan.models.SNGAN((8, 8, 1), classes=5, width=4, pack=2)
    # A model without packs says nothing of them in its file.
    assert "pack" not in _linear(1).get_config()
