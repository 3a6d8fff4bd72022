"""Augmentations: what becomes of the pixels, and of the derivatives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import augment
from kgan.errors import InputError


@pytest.fixture
def images():
    """512 copies of an image of 4 x 5 different pixels in two channels."""
    one = np.arange(40, dtype="float32").reshape(1, 4, 5, 2)
    return np.repeat(one, 512, axis=0)


def test_a_flip_mirrors_some_images_and_leaves_the_others(images):
    found = augment.Flip()(images, [1, 2]).numpy()
    mirrored = (found == images[:, :, ::-1]).all((1, 2, 3))
    assert (mirrored ^ (found == images).all((1, 2, 3))).all()
    assert 200 < mirrored.sum() < 312
    np.testing.assert_array_equal(augment.Flip(1.0)(images, [1, 2]), images[:, :, ::-1])
    np.testing.assert_array_equal(augment.Flip(0.0)(images, [1, 2]), images)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_shift_is_a_crop_of_the_image_padded_by_reflection(images, jit_compile):
    shift = tf.function(augment.Shift(2), jit_compile=jit_compile)
    found = shift(tf.constant(images), tf.constant([3, 4])).numpy()
    padded = np.pad(images[0], [(2, 2), (2, 2), (0, 0)], mode="reflect")
    crops = [padded[i : i + 4, j : j + 5] for i in range(5) for j in range(5)]
    counts = [int((found == crop).all((1, 2, 3)).sum()) for crop in crops]
    # Every move is drawn, about equally often, and each image makes one of its own.
    assert sum(counts) == 512
    assert min(counts) > 5 and max(counts) < 45


def test_a_seed_settles_the_changes_and_the_parts_of_a_chain_draw_apart(images):
    chain = augment.get(["flip", augment.Flip()])
    first = chain(images, [1, 2]).numpy()
    np.testing.assert_array_equal(first, chain(images, [1, 2]))
    assert (first != chain(images, [1, 3]).numpy()).any()
    # Two flips with one draw would undo each other everywhere.
    assert 200 < (first == images).all((1, 2, 3)).sum() < 312


def test_images_of_unknown_size_are_shifted_too(images):
    unknown = tf.TensorSpec([None, None, None, 2])
    shift = tf.function(augment.Shift(1), input_signature=[unknown, tf.TensorSpec([2], tf.int32)])
    seed = tf.constant([5, 6])
    np.testing.assert_array_equal(shift(images, seed), augment.Shift(1)(images, seed))


def test_second_derivatives_equal_finite_differences():
    random = np.random.default_rng(0)
    change = augment.Chain(augment.Flip(), augment.Shift(2))
    samples, weight = random.normal(size=(3, 4, 3, 2)), tf.constant(random.normal(size=(4, 3, 2)))

    def penalty(samples):
        """‖∇D(x)‖² of D(x) = Σ w T(x)³."""
        with tf.GradientTape() as tape:
            tape.watch(samples)
            score = tf.reduce_sum(weight * change(samples, [7, 8]) ** 3)
        return tf.reduce_sum(tape.gradient(score, samples) ** 2)

    samples = tf.constant(samples)
    with tf.GradientTape() as tape:
        tape.watch(samples)
        value = penalty(samples)
    found = tape.gradient(value, samples).numpy()
    for place in [(0, 0, 0, 0), (1, 2, 1, 1), (2, 3, 2, 0)]:
        step = np.zeros(samples.shape)
        step[place] = 1e-5
        difference = (penalty(samples + step) - penalty(samples - step)) / 2e-5
        assert found[place] == pytest.approx(float(difference), rel=1e-6, abs=1e-6)


@keras.saving.register_keras_serializable("test")
def darker(samples, seed):
    return samples - 1.0


def test_chains_of_objects_names_and_functions_survive_serialization(images):
    chain = augment.get([augment.Flip(0.25), "shift", darker, augment.Shift(1)])
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(chain))
    assert copy.augmentations[0].probability == 0.25
    assert [part.pixels for part in copy.augmentations[1::2]] == [4, 1]
    assert copy.augmentations[2] is darker


def test_what_cannot_be_is_said(images):
    with pytest.raises(InputError, match="Did you mean .*'shift'"):
        augment.get("shfit")
    with pytest.raises(InputError, match="a function \\(samples, seed\\)"):
        augment.get(4)
    with pytest.raises(InputError, match=r"in \[0, 1\]"):
        augment.Flip(1.5)
    with pytest.raises(InputError, match="an integer"):
        augment.Shift(0.5)
    with pytest.raises(InputError, match="Flip changes images"):
        augment.Flip()(np.zeros((8, 2)), [1, 2])
    with pytest.raises(InputError, match="more than 4 pixels a side"):
        augment.Shift(4)(images, [1, 2])
