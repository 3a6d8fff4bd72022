"""Bad data: one clear error message, before training if possible."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError


@pytest.fixture
def image_gan(networks):
    """A compiled GAN of 6x6 grey images in [-1, 1]."""
    generator, discriminator = networks(sample_shape=(6, 6, 1))
    generator.add(keras.layers.Activation("tanh"))
    gan = kgan.GAN(generator, discriminator)
    gan.compile(jit_compile=False)
    return gan


def images(count=64, shape=(6, 6, 1), low=-1.0, high=1.0):
    return np.random.default_rng(0).uniform(low, high, (count, *shape)).astype("float32")


def dataset(array, batch=16):
    return tf.data.Dataset.from_tensor_slices(array).batch(batch)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (images(low=0, high=255), r"look like raw images.*`images / 127.5 - 1`"),
        (images(high=5), r"outside the generator's range \[-1, 1\]"),
        (images(low=0, high=255).astype("uint8"), r"dtype uint8; expected floating-point"),
        (images(shape=(6, 6)), r"Add the channel axis: `images\[..., None\]`"),
        (images(shape=(6, 6, 3)), r"3 channels, the networks 1"),
        (images(shape=(9, 9, 1)), r"Build the networks for this size, or resize"),
        (images(0), r"empty"),
    ],
)
@pytest.mark.parametrize("form", ["array", "dataset"])
def test_data_that_does_not_fit_is_refused_before_training(image_gan, data, message, form):
    before = [w.numpy() for w in image_gan.weights]
    given = data if form == "array" else dataset(data)
    with pytest.raises(InputError, match=message):
        image_gan.fit(given, batch_size=16 if form == "array" else None, verbose=0)
    assert int(image_gan.iterations) == 0
    for old, now in zip(before, image_gan.weights, strict=True):
        np.testing.assert_array_equal(old, now.numpy())


def test_minus_one_to_one_images_for_a_sigmoid_generator(networks):
    generator, discriminator = networks(sample_shape=(6, 6, 1))
    generator.add(keras.layers.Activation("sigmoid"))
    gan = kgan.GAN(generator, discriminator)
    gan.compile()
    with pytest.raises(InputError, match=r"`\(images \+ 1\) / 2`"):
        gan.fit(images(), verbose=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_in_the_first_batch_and_later_is_named(image_gan, bad):
    data = images()
    data[40, 2, 3, 0] = bad
    with pytest.raises(InputError, match=r"Batch 2 of the data holds NaN or Inf.*after step 2"):
        image_gan.fit(dataset(data), verbose=0)
    assert all(np.isfinite(w.numpy()).all() for w in image_gan.weights)
    data[0] = bad
    with pytest.raises(InputError, match="Batch 0 of the data holds NaN"):
        image_gan.fit(dataset(data), verbose=0)


def test_a_later_batch_out_of_range_is_named(image_gan):
    data = images()
    data[20] *= 7
    with pytest.raises(InputError, match=r"Batch 1: The data lies in .* after step 1"):
        image_gan.fit(dataset(data), verbose=0)


def test_nan_in_an_array_is_found_before_training(image_gan):
    data = images()
    data[40, 2, 3, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        image_gan.fit(data, batch_size=16, verbose=0)
    assert int(image_gan.iterations) == 0


def test_fewer_samples_than_a_batch(image_gan):
    with pytest.raises(InputError, match="10 samples, fewer than one batch of 64"):
        image_gan.fit(images(10), verbose=0)
    image_gan.compile(discriminator_steps=5, jit_compile=False)
    with pytest.raises(InputError, match="fewer than discriminator_steps=5"):
        image_gan.fit(dataset(images(32)), verbose=0)
    image_gan.compile(accumulation_steps=3, jit_compile=False)
    with pytest.raises(InputError, match="does not divide into accumulation_steps=3"):
        image_gan.fit(dataset(images(32)), verbose=0)


def test_an_incomplete_last_batch_neither_makes_a_step_nor_repeats_a_pass(gan, points):
    data = kgan.data.from_arrays(points[:28], batch_size=8, seed=2)
    gan.compile(accumulation_steps=2, jit_compile=False)
    firsts = []

    class Look(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            firsts.append(data.position.epoch)

    gan.fit(data, epochs=3, verbose=0, callbacks=[Look()])
    assert int(gan.iterations) == 9
    assert firsts == [0, 1, 2]
    gan.compile(discriminator_steps=2, jit_compile=False)
    with pytest.raises(InputError, match="ended before one training step"):
        gan.fit(dataset(points[:12], 8), verbose=0)


def test_a_py_dataset_hears_of_the_end_of_its_epochs(gan, points):
    class Batches(keras.utils.PyDataset):
        ended = 0

        def __len__(self):
            return 4

        def __getitem__(self, index):
            return points[16 * index : 16 * (index + 1)]

        def on_epoch_end(self):
            self.ended += 1

    data = Batches()
    gan.compile(jit_compile=False)
    gan.fit(data, epochs=3, verbose=0)
    assert int(gan.iterations) == 12
    assert data.ended >= 2


def test_a_pipeline_that_lost_its_shapes_trains(gan, points):
    def load(index):
        return tf.numpy_function(lambda i: points[i], [index], tf.float32)

    data = tf.data.Dataset.range(64).map(load).batch(16)
    gan.compile(jit_compile=False)
    gan.fit(data, verbose=0)
    assert int(gan.iterations) == 4
    with pytest.raises(InputError, match="single samples of shape.*`.batch"):
        gan.fit(tf.data.Dataset.from_tensor_slices(points), verbose=0)


def test_other_misuse_of_fit(image_gan, networks):
    with pytest.raises(InputError, match="Call `compile\\(\\)` before `fit`"):
        kgan.GAN(*networks()).fit(images(), verbose=0)
    with pytest.raises(InputError, match="must be a tf.data.Dataset, an array"):
        image_gan.fit(None)
    with pytest.raises(InputError, match="brings its own batch_size"):
        image_gan.fit(dataset(images()), batch_size=4)
    with pytest.raises(InputError, match="yields no batches"):
        image_gan.fit(dataset(images(0)), verbose=0)
    with pytest.raises(InputError, match="outside the generator's range"):
        image_gan.fit(images(), batch_size=16, validation_data=images(high=9), verbose=0)


def test_a_known_range_is_brought_to_the_networks(image_gan):
    """Datasets of kgan.data know their range; the generator's may be another."""
    data = kgan.data.load("digits", batch_size=64, value_range=(0, 1))
    gan = kgan.models.VanillaGAN((8, 8, 1), "relu")
    seen = []

    class Seeing(kgan.GAN):
        def unpack(self, batch):
            real, condition = super().unpack(batch)
            if tf.executing_eagerly():
                seen.append(real)
            return real, condition

    gan = Seeing(gan.generator, gan.discriminator)
    gan.compile(run_eagerly=True)
    gan.fit(data.take(1), steps_per_epoch=1, verbose=0)  # a derived dataset has no range to know
    seen.clear()
    gan.fit(data, steps_per_epoch=1, verbose=0)
    assert min(float(tf.reduce_min(s)) for s in seen[-1:]) == -1.0
    assert max(float(tf.reduce_max(s)) for s in seen[-1:]) == 1.0


def test_validation_split_holds_out_the_end(gan, points):
    gan.compile(jit_compile=False)
    history = gan.fit(points, batch_size=32, validation_split=0.25, verbose=0).history
    assert int(gan.iterations) == 6
    assert "val_d_loss" in history
    with pytest.raises(InputError, match="validation_split needs arrays"):
        gan.fit(dataset(points), validation_split=0.2)
