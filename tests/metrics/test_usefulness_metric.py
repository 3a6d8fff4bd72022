"""Classifiers trained on real and on generated samples, of data where the answer is known."""

import keras
import numpy as np
import pytest

import kgan
from kgan.errors import InputError
from kgan.metrics import Usefulness, usefulness
from kgan.metrics.small_classifier import SmallClassifier, copied, plain_augmentation

CENTRES = np.array([(3.0, 0.0), (-3.0, 0.0), (0.0, 3.0)])


def blobs(random, *counts, spread=0.5):
    """Points around a centre for each class, with labels."""
    labels = np.repeat(np.arange(len(counts)), counts)
    samples = CENTRES[labels] + random.normal(0.0, spread, (len(labels), 2))
    return samples.astype("float32"), labels


def strokes(random, *counts, side=12, noise=0.2):
    """Grey images of a horizontal, a vertical or a diagonal line in noise, with labels."""
    labels = np.repeat(np.arange(len(counts)), counts)
    images = random.normal(0.0, noise, (len(labels), side, side, 1))
    places = random.integers(2, side - 2, len(labels))
    for image, label, place in zip(images, labels, places, strict=True):
        along = np.arange(side)
        rows, columns = {
            0: (np.full(side, place), along),
            1: (along, np.full(side, place)),
            2: (along, (along + place) % side),
        }[label]
        image[rows, columns] += 1.0
    return images.astype("float32"), labels


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_perfect_samples_are_worth_as_much_as_real_ones_and_noise_nothing(random):
    real, test = strokes(random, 60, 60, 60), strokes(random, 60, 60, 60)
    perfect = strokes(random, 60, 60, 60)
    noise = random.normal(0.0, 0.4, perfect[0].shape).astype("float32"), perfect[1]
    good, bad = (
        usefulness(real, fake, test, seeds=2, steps=60, augment=None) for fake in (perfect, noise)
    )
    assert good.mean_recall("real") > 0.9
    assert good.mean_recall("generated") == pytest.approx(good.mean_recall("real"), abs=0.06)
    # By chance a third.
    assert bad.mean_recall("generated") < 0.6
    assert bad.mean_recall("real") == pytest.approx(good.mean_recall("real"), abs=0.01)
    # Without an augmentation there is nothing that is augmented.
    assert set(good.recall) == {"real", "copied", "generated", "both"}
    assert np.isnan(good.mean_recall("augmented"))


@pytest.mark.slow
def test_a_rare_class_gains_by_samples_of_it(random):
    real, test = strokes(random, 150, 150, 3), strokes(random, 60, 60, 60)
    report = usefulness(real, strokes(random, 10, 10, 150), test, seeds=2, steps=100)
    assert report.rarest == 2
    np.testing.assert_array_equal(report.counts["real"], [150, 150, 3])
    np.testing.assert_array_equal(report.counts["copied"], [150, 150, 150])
    np.testing.assert_array_equal(report.counts["both"], [160, 160, 153])
    rare = {way: found[:, 2].mean() for way, found in report.recall.items()}
    assert rare["both"] > rare["real"] + 0.2
    assert rare["both"] > 0.8
    # What was given is new real samples, against which three copied ones cannot stand.
    assert report.gain > 0.05
    best = max(report.mean_recall(way) for way in ("both", "both_augmented"))
    plain = max(report.mean_recall(way) for way in ("real", "copied", "augmented"))
    assert report.gain == pytest.approx(best - plain)
    assert "class 2" in str(report) and "both_augmented" in str(report)


def test_recall_and_accuracy_by_definition(random):
    real, test = blobs(random, 40, 40, 0), blobs(random, 30, 10, 20)
    report = usefulness(real, real, test, seeds=2, steps=30)
    classifier = SmallClassifier((2,), 3, steps=30)
    for seed in range(2):
        classifier.fit(*real, seed)
        chosen = classifier.probabilities(test[0]).argmax(axis=1)
        expected = [(chosen[test[1] == each] == each).mean() for each in range(3)]
        np.testing.assert_allclose(report.recall["real"][seed], expected)
        assert report.accuracy["real"][seed] == pytest.approx((chosen == test[1]).mean())
    # It was never shown the third class.
    np.testing.assert_array_equal(report.recall["real"][:, 2], 0.0)


def test_a_seed_determines_a_training_and_what_was_before_does_not(random):
    samples, labels = strokes(random, 30, 30, 30)
    classifier = SmallClassifier((12, 12, 1), 3, steps=20)
    shift = plain_augmentation("auto", (12, 12, 1))
    found = []
    for seed, change in ((0, shift), (1, shift), (0, None), (0, shift)):
        classifier.fit(samples, labels, seed, change)
        found.append(classifier.probabilities(samples))
    np.testing.assert_allclose(found[0], found[3], atol=1e-4)
    for other in found[1:3]:
        assert np.abs(found[0] - other).max() > 0.02


def test_the_range_of_the_samples_does_not_matter(random):
    samples, labels = strokes(random, 40, 40, 40)
    found = []
    for factor, offset in ((1.0, 0.0), (100.0, 128.0)):
        classifier = SmallClassifier((12, 12, 1), 3, steps=40)
        classifier.fit(samples * factor + offset, labels)
        found.append(classifier.probabilities(samples * factor + offset))
    np.testing.assert_allclose(found[0], found[1], atol=0.05)


@pytest.mark.parametrize("shape", [(8, 8, 1), (130, 64, 3), (7, 7, 4), (6, 2)])
def test_samples_of_any_shape(shape, random):
    samples = random.normal(size=(8, *shape)).astype("float32")
    classifier = SmallClassifier(shape, 2, steps=1)
    classifier.fit(samples, np.arange(8) % 2, augment=plain_augmentation("auto", shape))
    found = classifier.probabilities(samples)
    np.testing.assert_allclose(found.sum(axis=1), np.ones(8), rtol=1e-5)


def test_copies_fill_every_class_up_to_the_largest():
    labels = np.array([0, 1, 1, 1, 1, 1, 3, 3])
    rows = copied(labels)
    np.testing.assert_array_equal(np.bincount(labels[rows]), [5, 5, 0, 5])
    # Every sample stays, and is repeated as often as its neighbours, or once less.
    np.testing.assert_array_equal(np.bincount(rows), [5, 1, 1, 1, 1, 1, 3, 2])
    np.testing.assert_array_equal(np.bincount(labels[copied(labels, to=2)]), [2, 5, 0, 2])


def test_what_a_user_would_do_to_images_of_each_kind():
    assert plain_augmentation("auto", (28, 28, 1)).pixels == 3
    parts = plain_augmentation("auto", (32, 40, 3)).augmentations
    assert [type(part).__name__ for part in parts] == ["Flip", "Shift"] and parts[1].pixels == 4
    assert plain_augmentation("auto", (2,)) is None
    assert plain_augmentation(None, (28, 28, 1)) is None
    with pytest.raises(InputError, match="flip"):
        plain_augmentation("flips", (28, 28, 1))


class _Conditional(kgan.GAN):
    """A stand-in whose samples are the centres of the classes asked for, with a little noise."""

    def sample(self, latents, condition=None):
        centres = keras.ops.take(keras.ops.convert_to_tensor(CENTRES, "float32"), condition, 0)
        return centres + 0.5 * latents[:, :2]


@pytest.fixture
def conditional():
    latents, label = keras.Input((3,)), keras.Input((), dtype="int32")
    hidden = keras.layers.Concatenate()([latents, keras.ops.one_hot(label, 3)])
    generator = keras.Model([latents, label], keras.layers.Dense(2)(hidden))
    sample = keras.Input((2,))
    hidden = keras.layers.Concatenate()([sample, keras.ops.one_hot(label, 3)])
    discriminator = keras.Model([sample, label], keras.layers.Dense(1)(hidden))
    gan = _Conditional(generator, discriminator, classes=3)
    gan.compile()
    return gan


@pytest.mark.slow
def test_a_conditional_model_is_measured(conditional, random, tmp_path):
    training, test = blobs(random, 40, 40, 4), blobs(random, 50, 50, 50)
    metric = Usefulness(training, seeds=2, steps=40)
    found = conditional.evaluate(*test, batch_size=32, verbose=0, metrics=[metric])
    assert set(metric.figures) <= found.keys()
    assert found["usefulness_generated"] > 0.95
    assert np.isnan(found["usefulness_augmented"])
    plain = max(found["usefulness_real"], found["usefulness_copied"])
    assert found["usefulness"] == pytest.approx(found["usefulness_both"] - plain)
    report = metric.report()
    assert (report["training"], report["real"], report["fake"]) == (84, 150, 150)
    expected = metric.last.recall["real"][:, 2]
    assert report["recall"]["real"][2] == pytest.approx([expected.mean(), expected.std()], abs=1e-4)
    # A saved state gives the same figures.
    metric.save_state(tmp_path / "state.npz")
    loaded = Usefulness(training, seeds=2, steps=40)
    loaded.load_state(tmp_path / "state.npz")
    assert loaded.result()["usefulness_both"] == pytest.approx(found["usefulness_both"], abs=0.01)


def test_an_evaluation_on_the_training_samples_is_told(conditional, random):
    training = blobs(random, 40, 40, 40)
    with pytest.warns(UserWarning, match="held out"):
        conditional.evaluate(*training, verbose=0, metrics=[Usefulness(training, seeds=1, steps=2)])


def test_a_model_without_classes_is_refused(gan, points):
    gan.compile(jit_compile=False)
    training = points, np.zeros(256, int)
    with pytest.raises(InputError, match="conditional"):
        gan.evaluate(points, verbose=0, metrics=[Usefulness(training)])


def test_its_configuration_leaves_the_training_samples_out():
    metric = Usefulness((np.zeros((5, 2)), np.zeros(5)), 2, kgan.augment.Flip(0.3), 7, name="use")
    config = keras.saving.serialize_keras_object(metric)
    copy = keras.saving.deserialize_keras_object(config)
    assert (copy.name, copy.training, copy.seeds, copy.steps) == ("use", None, 2, 7)
    assert plain_augmentation(copy.augment, (8, 8, 1)).probability == 0.3
    assert Usefulness.from_config(Usefulness().get_config()).augment == "auto"
    with pytest.raises(InputError, match="training=dataset"):
        copy.prepare((2,))


def test_it_is_known_by_its_name():
    assert isinstance(kgan.metrics.get("usefulness"), Usefulness)


def test_a_dataset_is_brought_to_the_range_of_the_model(random):
    images = random.integers(0, 256, (50, 8, 8, 1)).astype("uint8")
    dataset = kgan.data.from_arrays(images, np.arange(50) % 5, batch_size=8, value_range=(0, 1))
    dataset.position.seek(3, 2)
    metric = Usefulness(dataset, steps=1)
    metric.prepare((8, 8, 1), (-1.0, 1.0))
    assert (dataset.position.epoch, dataset.position.skip_batches) == (3, 2)
    samples, labels = metric._samples()
    order = np.argsort(samples.sum(axis=(1, 2, 3)))
    expected = np.argsort(images.sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(samples[order], images[expected] / 127.5 - 1, atol=1e-5)
    np.testing.assert_array_equal(labels[order], expected % 5)


SAMPLES = np.zeros((6, 2), "float32")


@pytest.mark.parametrize(
    ("training", "match"),
    [
        (SAMPLES, "no labels"),
        ((SAMPLES, [0, 1]), "a label for each"),
        ((SAMPLES, [0, 1, 2, 0, 1, -2]), "class numbers"),
        ((SAMPLES, [0, 1, 2, 0, 1, 0.5]), "class numbers"),
        ((SAMPLES[:0], []), "no samples"),
        ((SAMPLES + np.nan, [0, 1] * 3), "NaN"),
        ((SAMPLES[:, :1], [0, 1] * 3), "shape"),
        ([SAMPLES], "no labels"),
        (7, "labelled data"),
    ],
)
def test_bad_training_samples_are_refused(training, match):
    with pytest.raises(InputError, match=match):
        Usefulness(training).prepare((2,))


def test_one_class_leaves_nothing_to_recognise():
    one = SAMPLES, np.zeros(6, int)
    with pytest.raises(InputError, match="one class"):
        usefulness(one, one, one)


def test_all_forms_of_labels():
    expected = np.array([2, 0, 1, 1, 0, 2])
    for labels in (expected, expected[:, None], np.eye(3)[expected], expected.astype("float32")):
        metric = Usefulness((SAMPLES, labels))
        metric.prepare((2,))
        np.testing.assert_array_equal(metric._samples()[1], expected)
