"""Augmentations: their effect on the pixels, and their derivatives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
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


# DiffAugment.


def color(x, b, s, c):
    """The authors' order: brightness, saturation, contrast, of one image in [-1, 1]."""
    x = x + b
    x = (x - x.mean(-1, keepdims=True)) * s + x.mean(-1, keepdims=True)
    return (x - x.mean()) * c + x.mean()


def test_colours_change_as_in_the_paper():
    image = np.random.default_rng(0).uniform(-1, 1, (6, 6, 3)).astype("float32")
    images = np.repeat(image[None], 400, 0)
    found = augment.DiffAugment("color")(images, [1, 2]).numpy()
    # b moves the mean alone, c the distances of grey from it, s those of colours from grey.
    bright = found.mean((1, 2, 3)) - image.mean()
    grey, grey_before = found.mean(-1), image.mean(-1)
    contrast = (grey - grey.mean((1, 2), keepdims=True)).std((1, 2)) / grey_before.std()
    saturated = (found - grey[..., None]).std((1, 2, 3)) / contrast
    saturated /= (image - grey_before[..., None]).std()
    for x, b, s, c in zip(found, bright, saturated, contrast, strict=True):
        np.testing.assert_allclose(x, color(image, b, s, c), atol=1e-5)
    for values, (low, high) in ((bright, (-0.5, 0.5)), (saturated, (0, 2)), (contrast, (0.5, 1.5))):
        # Uniform: 400 numbers have a mean within 4 standard errors of the middle, and come near
        # both ends.
        assert abs(values.mean() - (low + high) / 2) < 4 * (high - low) / np.sqrt(12 * 400)
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high + 1e-5
    # In another range the same changes.
    wide = augment.DiffAugment("color", value_range=(0, 255))((images + 1) * 127.5, [1, 2])
    np.testing.assert_allclose(wide / 127.5 - 1, found, atol=1e-5)
    # Alpha stays.
    alpha = np.concatenate([images, images[..., :1]], -1)
    changed = augment.DiffAugment("color")(alpha, [1, 2])
    np.testing.assert_array_equal(changed[..., 3], alpha[..., 3])
    np.testing.assert_allclose(changed[..., :3], found, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_translation_moves_by_an_eighth_and_fills_with_the_middle(jit_compile):
    image = np.random.default_rng(0).uniform(-1, 1, (16, 8, 2)).astype("float32")
    change = tf.function(augment.DiffAugment("translation"), jit_compile=jit_compile)
    found = change(tf.constant(np.repeat(image[None], 600, 0)), tf.constant([1, 2])).numpy()
    padded = np.pad(image, [(2, 2), (1, 1), (0, 0)])
    crops = [padded[i : i + 16, j : j + 8] for i in range(5) for j in range(3)]
    counts = [int((found == crop).all((1, 2, 3)).sum()) for crop in crops]
    assert sum(counts) == 600
    assert min(counts) > 15 and max(counts) < 75


def test_a_cutout_covers_half_of_each_side():
    images = np.ones((2000, 8, 6, 1), "float32")
    covered = augment.DiffAugment("cutout")(images, [1, 2]).numpy()[..., 0] == 0
    sides = [covered.any(2).sum(1), covered.any(1).sum(1)]
    for count, side, whole in zip(sides, (4, 3), (8, 6), strict=True):
        # It may lie half outside.
        assert set(np.unique(count)) <= set(range(side // 2, side + 1)) and count.max() == side
        assert whole
    assert (covered.sum((1, 2)) == sides[0] * sides[1]).all()
    # A place is covered by as many of the equally likely places of the rectangle as reach it.
    along = []
    for side, whole in ((4, 8), (3, 6)):
        firsts = np.arange(whole + 1 - side % 2) - side // 2
        reached = (firsts <= np.arange(whole)[:, None]) & (
            np.arange(whole)[:, None] < firsts + side
        )
        along.append(reached.mean(1))
    expected = np.outer(*along)
    assert (np.abs(covered.mean(0) - expected) < 4.5 * np.sqrt(expected / 2000)).all()


def test_both_halves_of_a_pair_change_alike_and_seeds_differ():
    images = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)).astype("float32")
    change = augment.DiffAugment()
    one = change(images, [1, 2])
    np.testing.assert_array_equal(one, change(images, [1, 2]))
    assert (one.numpy() != change(images, [1, 3]).numpy()).any()
    # In bfloat16 the same places.
    half = augment.DiffAugment("translation")(tf.cast(images, tf.bfloat16), [1, 2])
    whole = augment.DiffAugment("translation")(images, [1, 2])
    np.testing.assert_array_equal(half, tf.cast(whole, tf.bfloat16))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_gradient_penalty_has_the_right_gradient_through_it(jit_compile):
    """R1 goes by the images before the change; its gradient by finite differences."""
    random = np.random.default_rng(0)
    images = tf.constant(random.uniform(-1, 1, (3, 8, 8, 3)))
    start = random.normal(size=(8 * 8 * 3, 4))
    out = tf.constant(random.normal(size=(4, 1)))
    change = augment.DiffAugment()

    def penalty(weights):
        with tf.GradientTape() as tape:
            tape.watch(images)
            seen = tf.reshape(change(images, tf.constant([5, 6])), [3, -1])
            scores = tf.reduce_sum(tf.tanh(seen @ weights) @ out)
        slopes = tape.gradient(scores, images)
        return tf.reduce_mean(tf.reduce_sum(slopes**2, [1, 2, 3]))

    @tf.function(jit_compile=jit_compile)
    def gradient(weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = penalty(weights)
        return tape.gradient(value, weights)

    found = gradient(tf.constant(start)).numpy()
    for _ in range(5):
        direction = random.normal(size=start.shape)
        ends = [float(penalty(tf.constant(start + h * direction))) for h in (-1e-5, 1e-5)]
        assert (found * direction).sum() == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-5)


def image_networks():
    generator = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(64, "tanh"), keras.layers.Reshape((8, 8, 1))]
    )
    discriminator = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    return generator, discriminator


def test_training_shows_the_discriminator_changed_images_and_evaluation_does_not(tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
    shown = []

    @keras.saving.register_keras_serializable("tests")
    def doubled(samples, seed):
        # `compile` tries derivatives through a function of a user's on two samples.
        shown.extend([samples.shape] if samples.shape[0] == 64 else [])
        return 2.0 * samples

    gan = kgan.GAN(*image_networks(), seed=0)
    still = [keras.optimizers.SGD(0.0) for _ in range(2)]
    gan.compile(*still, augment=doubled, penalties=["r1"], jit_compile=False)
    logs = gan.fit(images, batch_size=64, verbose=0).history
    kernel = gan.discriminator.layers[-1].kernel.numpy()
    # A linear discriminator of doubled images: its slope for the images is twice its kernel.
    assert logs["r1"][0] == pytest.approx(5.0 * (4 * kernel**2).sum(), rel=1e-4)
    assert len(shown) == 3  # real and generated ones, and those of the generator's turn
    plain = gan.evaluate(images, batch_size=64, verbose=0)["d_real"]
    assert logs["d_real"][0] == pytest.approx(2 * plain, rel=1e-4)
    assert len(shown) == 3


def test_it_is_saved_with_the_model_and_resumes_as_if_unbroken(tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
    gan = kgan.GAN(*image_networks(), seed=0, data_range=(-1, 1))
    gan.compile(augment=["flip", "diffaugment"], penalties=["gradient_penalty"])
    assert gan.augment.augmentations[1].value_range == (-1.0, 1.0)
    gan.fit(images, batch_size=16, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert loaded.augment.augmentations[1].policy == ("color", "translation", "cutout")
    runs = [g.fit(images, batch_size=16, verbose=0).history for g in (gan, loaded)]
    assert runs[0] == runs[1]
    gan.compile()
    assert gan.augment is None and "augment" not in gan.get_compile_config()


def test_what_cannot_be_augmented_is_refused_before_training(networks):
    with pytest.raises(InputError, match="augment changes images.*shape \\(2,\\)"):
        kgan.GAN(*networks()).compile(augment="diffaugment")
    with pytest.raises(InputError, match="Did you mean 'diffaugment'"):
        kgan.GAN(*image_networks()).compile(augment="diffaugmnt")
    with pytest.raises(InputError, match="VAEGAN cannot train with augment="):
        kgan.models.VAEGAN((8, 8, 1), width=4).compile(augment="flip")
    for policy in ("rotation", [], ["color", "size"], float("nan"), tf.constant([1.0])):
        with pytest.raises(InputError, match="policy .* some of 'color', 'translation'"):
            augment.DiffAugment(policy)


def test_a_function_changes_samples_that_are_no_images(networks, points):
    seen = []

    def far(samples, seed):
        seen.append(tuple(samples.shape))
        return samples + 100.0

    gan = kgan.GAN(*networks())
    gan.compile(augment=far, jit_compile=False)
    real, _ = gan.augmented(tf.constant(points[:4]))
    np.testing.assert_allclose(real, points[:4] + 100.0, rtol=1e-6)
    gan.fit(points[:32], batch_size=16, verbose=0)
    assert len(seen) > 1 and {shape[1:] for shape in seen} == {points.shape[1:]}


# Adaptive augmentation.


def signs(mean, size=64):
    """Scores whose mean sign is `mean`."""
    positive = round(size * (1 + mean) / 2)
    return tf.constant([[2.0]] * positive + [[-0.1]] * (size - positive))


def test_p_follows_r_every_fourth_update():
    ada = augment.Adaptive(target=0.5, images=2560, most=0.25)
    p, r = [], []
    for mean in [1.0] * 8 + [0.5, 0.5, 0.5, 1.0] + [0.0] * 20:
        found = ada.observe(signs(mean))
        p.append(float(found["augment_p"]))
        r.append(float(found["augment_r"]))
    step = 4 * 64 / 2560
    assert r[2] == 0.0 and r[3] == 1.0 and r[11] == pytest.approx(0.625)
    np.testing.assert_allclose(p[:3], 0.0)
    np.testing.assert_allclose(p[3:7], step, rtol=1e-5)
    np.testing.assert_allclose(p[7:11], 2 * step, rtol=1e-5)
    assert p[11] == pytest.approx(0.25)  # not 3 steps
    np.testing.assert_allclose(p[15::4], np.maximum(0.25 - step * np.arange(1, 6), 0), atol=1e-6)
    assert float(ada.p) == 0.0


@pytest.mark.slow
def test_p_moves_as_fast_as_the_training_is_long(tmp_path):
    gan = kgan.GAN(*image_networks())
    gan.training_steps = 800
    gan.compile(augment=["flip", "adaptive"], discriminator_steps=2, jit_compile=False)
    ada = gan.augment.augmentations[1]
    # From 0 to 1 in a tenth of 1,600 updates, whatever the batch.
    for size in (16, 64, 32, 2):
        found = ada.observe(signs(1.0, size))
    assert float(found["augment_p"]) == pytest.approx(4 / 160)
    # A list hands it the scores of a training.
    gan.augment.augmentations[1].target = -1.0
    images = np.zeros((32, 8, 8, 1), "float32")
    history = gan.fit(images, batch_size=4, epochs=1, verbose=0).history
    assert history["augment_p"][0] > 4 / 160 and "augment_r" in history
    with pytest.raises(InputError, match="both be logged as 'augment_p'"):
        augment.Chain("adaptive", "adaptive")
    with pytest.warns(UserWarning, match="mean nothing under Wasserstein"):
        gan.compile(augment=["adaptive"], loss="wasserstein")
    gan.compile(augment=["flip", "adaptive"], discriminator_steps=2, jit_compile=False)
    gan.save(tmp_path / "gan.keras")
    # The length of a training is not saved; the speed is.
    assert kgan.load(tmp_path / "gan.keras").augment.augmentations[1].updates == 160
    gan.compile(augment=augment.Adaptive(images=640))
    for _ in range(4):
        found = gan.augment.observe(signs(1.0, 16))
    assert float(found["augment_p"]) == pytest.approx(4 * 16 / 640)
    alone = augment.Adaptive()
    for _ in range(4):
        found = alone.observe(signs(1.0, 50))
    assert float(found["augment_p"]) == pytest.approx(200 / 500_000)
    with pytest.raises(InputError, match="give one of them"):
        augment.Adaptive(images=640, updates=10)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_each_change_is_made_with_probability_p(jit_compile):
    image = np.random.default_rng(0).uniform(-1, 1, (16, 16, 3)).astype("float32")
    images = tf.constant(np.repeat(image[None], 1000, 0))
    ada = augment.Adaptive(["flip", "diffaugment"])
    change = tf.function(ada, jit_compile=jit_compile)
    np.testing.assert_array_equal(change(images, tf.constant([1, 2])), images)
    ada._state.assign([0.3, 0.0, 0.0, 0.0])
    found = change(images, tf.constant([1, 2])).numpy()
    # Flips happen half as often as they are tried; one shift in fifteen is none.
    same = (found == image).all((1, 2, 3)).mean()
    assert same == pytest.approx((1 - 0.15) * 0.7 * (1 - 0.3 * 24 / 25) * 0.7, abs=0.06)
    ada._state.assign([0.8, 0.0, 0.0, 0.0])
    # Colours, a cutout or a shift change nearly all.
    assert (change(images, tf.constant([1, 2])).numpy() == image).all((1, 2, 3)).mean() < 0.05


@pytest.mark.slow
def test_an_overfitting_discriminator_raises_p_and_its_state_is_kept(tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
    gan = kgan.GAN(*image_networks(), seed=0, data_range=(-1, 1))
    ada = augment.Adaptive(target=0.2, images=500)
    # The generator stays, and 64 images are soon known by heart.
    optimizers = [keras.optimizers.Adam(0.05), keras.optimizers.SGD(0.0)]
    gan.compile(*optimizers, augment=ada, jit_compile=False)
    logs = gan.fit(images, batch_size=16, epochs=20, verbose=0).history
    assert max(logs["augment_r"]) > 0.2
    assert 0.1 < logs["augment_p"][-1] <= 0.8
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert float(loaded.augment.p) == float(gan.augment.p) > 0.1
    runs = [g.fit(images, batch_size=16, verbose=0).history for g in (gan, loaded)]
    assert runs[0] == runs[1]
    # A new compilation begins anew.
    gan.compile(augment=gan.augment)
    assert float(gan.augment.p) == 0.0
    for wrong in ({"target": 1.5}, {"images": 0}, {"most": 2.0}, {"augmentation": "flipp"}):
        with pytest.raises(InputError):
            augment.Adaptive(**wrong)
