"""Conditional models: the labels from the data to the networks, and to generation and export."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError

CENTRES = np.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]], "float32")


def told(size, out, classes=3, width=32):
    """A network over `[inputs, labels]`."""
    inputs, labels = keras.Input((size,)), keras.Input((), dtype="int32")
    known = keras.layers.Embedding(classes, 4)(labels)
    hidden = keras.layers.Concatenate()([inputs, known])
    for _ in range(2):
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
    return keras.Model([inputs, labels], keras.layers.Dense(out)(hidden))


@pytest.fixture
def conditional():
    return kgan.GAN(told(2, 2), told(2, 1), classes=3, seed=1)


@pytest.fixture
def triples():
    """600 points around three centres, with their labels."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 600).astype("int32")
    return CENTRES[labels] + random.normal(0, 0.1, (600, 2)).astype("float32"), labels


def nearest(points):
    return np.linalg.norm(points[:, None] - CENTRES, axis=-1).argmin(1)


@pytest.mark.slow
def test_it_learns_which_class_is_which_and_comes_back(conditional, triples, tmp_path):
    conditional.compile("adam", "adam", penalties=["r1"], steps_per_execution=9)
    conditional.fit(*triples, epochs=60, verbose=0)
    labels = np.arange(300) % 3
    samples = conditional.generate(labels=labels, seed=0)
    assert (nearest(samples) == labels).mean() > 0.9
    assert (nearest(conditional.generate(50, labels=2, seed=1)) == 2).mean() > 0.8
    drawn = nearest(conditional.generate(300, seed=2))
    assert np.bincount(drawn, minlength=3).min() > 60
    conditional.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    np.testing.assert_allclose(loaded.generate(labels=labels, seed=0), samples, rtol=1e-5)
    conditional.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(
        served.sample(tf.constant(labels, tf.int32), tf.constant(0, tf.int64)), samples, rtol=1e-4
    )
    latents = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    np.testing.assert_allclose(
        served.serve(tf.constant(latents), tf.constant([0, 1, 2])),
        conditional.generate(latents=latents, labels=[0, 1, 2]),
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        conditional.predict([latents, np.array([0, 1, 2])], verbose=0),
        conditional.generate(latents=latents, labels=[0, 1, 2]),
        rtol=1e-4,
    )


def test_labels_in_every_form_that_data_sets_use_train_alike(triples):
    points, labels = triples
    results = []
    for given in (labels, labels[:, None], np.eye(3, dtype="float32")[labels]):
        keras.utils.set_random_seed(0)
        gan = kgan.GAN(told(2, 2), told(2, 1), classes=3, seed=1)
        gan.compile(jit_compile=False)
        gan.fit(points, given, epochs=1, verbose=0)
        results.append(gan.generate(4, seed=0))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_the_joint_batch_and_slices_keep_each_sample_with_its_label(triples):
    """Relabelled halves would change the scores of a network that knows labels alone."""
    inputs, labels = keras.Input((2,)), keras.Input((), dtype="int32")
    zero = keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False)(inputs)
    table = keras.layers.Embedding(3, 1, embeddings_initializer="uniform")
    score = keras.layers.Add()([zero, table(labels)])
    gan = kgan.GAN(told(2, 2), keras.Model([inputs, labels], score), classes=3)
    gan.compile(joint_batch=True, jit_compile=False)
    points, given = (tf.constant(part[:12]) for part in triples)
    _, turn = gan.discriminator_plays(points, given)
    expected = table.embeddings.numpy()[given.numpy()]
    np.testing.assert_allclose(turn.real_scores, expected, rtol=1e-6)
    np.testing.assert_allclose(turn.fake_scores, expected, rtol=1e-6)


def test_observe_sees_the_whole_batch_of_an_accumulated_turn(conditional, triples):
    seen = []
    conditional.compile(accumulation_steps=4, run_eagerly=True, jit_compile=False)
    conditional.observe = lambda phase, loss, turn: seen.append(turn)
    conditional.train_step(tuple(tf.constant(part[:32]) for part in triples))
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[0].real, triples[0][:32])
    np.testing.assert_array_equal(seen[0].condition, triples[1][:32])
    assert seen[0].fake_scores.shape == (32, 1)
    assert seen[1].real_scores is None


def test_pictures_have_a_column_for_each_class(conditional):
    conditional.compile()
    assert conditional.preview_columns == 3
    samples = conditional.preview(64)["samples"]
    assert len(samples) == 63
    labels = np.arange(63) % 3
    np.testing.assert_array_equal(samples, conditional.generate(labels=labels, seed=0))


def test_bad_labels_are_answered(conditional, triples, gan):
    points, labels = triples
    conditional.compile(jit_compile=False)
    before = [w.numpy() for w in conditional.weights]
    with pytest.raises(InputError, match="the data has no labels"):
        conditional.fit(points)
    with pytest.raises(InputError, match=r"lie in 1..3; a model of 3 classes takes 0..2"):
        conditional.fit(points, labels + 1)
    floats = tf.data.Dataset.from_tensor_slices((points, labels.astype("float32"))).batch(100)
    with pytest.raises(InputError, match="dtype float32"):
        conditional.fit(floats)
    assert all(
        np.array_equal(a, w.numpy()) for a, w in zip(before, conditional.weights, strict=True)
    )
    late = labels.copy()
    late[500] = 7
    data = tf.data.Dataset.from_tensor_slices((points, late)).batch(100)
    with pytest.raises(InputError, match=r"Batch 5: The labels lie in 0..7"):
        conditional.fit(data, verbose=0)
    with pytest.raises(InputError, match="labels lie in 0..2; got 3..3"):
        conditional.generate(4, labels=3)
    with pytest.raises(InputError, match=r"of shape \(4,\)"):
        conditional.generate(4, labels=[0, 1])
    with pytest.raises(InputError, match="not conditioned on a class"):
        gan.generate(4, labels=1)
    with pytest.raises(InputError, match="takes two inputs"):
        kgan.GAN(gan.generator, gan.discriminator, classes=3)
    with pytest.raises(InputError, match="One class tells nothing apart"):
        kgan.GAN(told(2, 2), told(2, 1), classes=1)


def test_what_a_linear_generator_draws_beyond_a_stated_range_is_clipped_when_drawn(networks):
    gan = kgan.GAN(*networks(), data_range=(-0.01, 0.01))
    latents = gan.latents.sample(64, [0, 0])
    raw = gan.forward(latents).numpy()
    assert np.abs(raw).max() > 0.01
    np.testing.assert_allclose(gan.generate(latents=latents), raw.clip(-0.01, 0.01), atol=1e-6)
