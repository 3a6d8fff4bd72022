"""Conditional models on the command line."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from command_line import command, config, done, refused
from PIL import Image
from tiny_family import TINY

import kgan
from kgan import models
from kgan.cli.evaluation import classes_match

TRAIN = ("train", "tiny", "--steps", 4, "--quiet")


@pytest.fixture(scope="module", autouse=True)
def _catalogued():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.CATALOGUE, "tiny", TINY)
        yield


@pytest.fixture(scope="module")
def output_and_run(tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "tiny"
    return done(*TRAIN, "-O", "classes=10", "-O", "width=9", "--out", run), run


@pytest.fixture(scope="module")
def trained(output_and_run):
    """A finished run on digits, not to be changed."""
    return output_and_run[1]


@pytest.fixture
def named(trained, tmp_path):
    """A copy whose classes have words for names, of which one looks like a number."""
    run = shutil.copytree(trained, tmp_path / "named")
    said = config(run)
    names = ["cat", "dog", "Bird", "7", "fish", "frog", "cow", "hen", "fox"]
    said["data"]["class_names"] = names
    (run / "config.json").write_text(json.dumps(said))
    return run


def labels(run, out, *words):
    done("generate", run, "--seed", 1, "-o", out, "--overwrite", *words)
    with np.load(out) as arrays:
        expected = kgan.load(run / "gan.keras").generate(labels=arrays["labels"], seed=1)
        np.testing.assert_array_equal(arrays["samples"], expected)
        return arrays["labels"].tolist()


def test_a_run_says_what_its_classes_are_and_how_to_ask_for_them(output_and_run):
    out, run = output_and_run
    assert config(run)["data"]["class_names"] == list("0123456789")
    assert config(run)["model"]["classes"] == 10 and config(run)["model"]["width"] == 9
    assert f"{run / 'saved_model'}: serve(latents, labels) and sample(labels, seed)" in out
    assert f"kgan generate {run} -n 64 -o grid.png" in out


def test_labels_take_turns(trained, tmp_path):
    out = tmp_path / "a.npz"
    assert labels(trained, out, "-n", 3, "--label", 3) == [3, 3, 3]
    assert labels(trained, out, "-n", 5, "--label", 7, "--label", 2) == [7, 2, 7, 2, 7]
    assert labels(trained, out, "-n", 12) == [*range(10), 0, 1]


def test_a_picture_has_a_column_a_class(trained, tmp_path):
    gan = kgan.load(trained / "gan.keras")
    for words, asked, columns in (
        ((), np.arange(20) % 10, 10),
        (("--label", 4, "--label", 1), np.resize([4, 1], 20), 2),
        (("--label", 4), np.full(20, 4), None),
    ):
        out = tmp_path / f"{len(words)}.png"
        done("generate", trained, "-n", 20, "--seed", 1, "-o", out, *words)
        samples = gan.generate(labels=asked, seed=1)
        expected = kgan.pictures.draw(samples, value_range=(-1.0, 1.0), columns=columns)
        with Image.open(out) as picture:
            np.testing.assert_array_equal(np.asarray(picture), expected)


def test_single_images_are_named_by_their_class_and_can_be_replaced(trained, tmp_path):
    for overwrite in ((), ("--overwrite",)):
        done("generate", trained, "-n", 11, "--label", 3, "-o", tmp_path / "images", *overwrite)
    names = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert names == [f"sample-{n:02}-class3.png" for n in range(11)]


def test_classes_go_by_name(named, tmp_path):
    out = tmp_path / "a.npz"
    assert labels(named, out, "-n", 2, "--label", "dog", "--label", "bird") == [1, 2]
    # A name comes before a number, and the tenth class has none.
    assert labels(named, out, "-n", 3, "--label", 7, "--label", 8, "--label", 9) == [3, 8, 9]


def test_more_samples_than_fit_are_refused_before_their_labels_are_made(trained, tmp_path):
    for label in ((), ("--label", 3), ("--label", 3, "--label", 4)):
        message = refused("generate", trained, "-n", 10**14, *label, "-o", tmp_path / "a.npz")
        assert f"Generating {10**14} samples would take" in message


def test_unknown_classes_are_answered(trained, named, finished, tmp_path):
    out = ("-o", tmp_path / "a.png")
    message = refused("generate", named, "--label", "frg", *out)
    assert "'frg'" in message and "Did you mean 'frog'" in message and "cat, dog" in message
    for label in (10, "-1", "two"):
        message = refused("generate", trained, "--label", label, *out)
        assert f"{str(label)!r}" in message and "0..9" in message
    assert "not conditional" in refused("generate", finished, "--label", 3, *out)
    assert list(tmp_path.iterdir()) == [named]


def test_export_names_what_is_served(trained, finished, tmp_path):
    out = done("export", trained, "-o", tmp_path / "a")
    assert "serve(latents, labels) and sample(labels, seed)" in out
    served = tf.saved_model.load(str(tmp_path / "a"))
    asked = tf.constant([3, 1], tf.int32)
    np.testing.assert_allclose(
        served.sample(asked, tf.constant(5, tf.int64)),
        kgan.load(trained / "gan.keras").generate(labels=[3, 1], seed=5),
        atol=1e-6,
    )
    assert "serve(latents) and sample(count, seed)" in done(
        "export", finished, "-o", tmp_path / "b"
    )


def test_evaluation_asks_a_classifier_that_numbers_the_classes_alike(trained):
    for extractor, asked in (("auto", True), ("values", False)):
        result = command("evaluate", trained, "--extractor", extractor)
        assert result.status == 0, result.err
        record = json.loads((trained / "evaluations.json").read_text())[-1]
        assert ("classifier_accuracy" in record["figures"]) == asked
    first = json.loads((trained / "evaluations.json").read_text())[0]
    assert 0 <= first["figures"]["classifier_accuracy"] <= 1
    assert first["rests_on"]["classifier_accuracy"] == {"extractor": "digits", "fake": 300}


def test_which_extractors_number_which_classes():
    def tells(extractor, trained_on, measured, shape=(28, 28, 1), classes=10, labelled=10):
        gan = SimpleNamespace(classes=classes, sample_shape=shape)
        info = SimpleNamespace(name=measured, classes=labelled)
        return classes_match(extractor, gan, trained_on, info)

    assert tells(None, "mnist", "mnist:3.0.1")
    assert tells("cifar10", "cifar10", "cifar10", (32, 32, 3))
    assert not tells(None, "cifar10", "cifar10", (32, 32, 3))
    assert not tells(None, "fashion_mnist", "fashion_mnist")
    assert not tells("digits", "mnist", "/home/me/digits")
    assert not tells("digits", "fashion_mnist", "mnist")
    assert not tells(None, "mnist", "mnist", classes=0)
    assert not tells(None, "mnist", "mnist", labelled=0)


def test_data_without_labels_is_refused_before_anything_is_written(pictures, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (120, 8, 8, 1), "uint8")
    np.savez(tmp_path / "plain.npz", x_train=values)
    folder = pictures()
    before = sorted(tmp_path.rglob("*"))
    for data in (folder, tmp_path / "plain.npz"):
        message = refused(*TRAIN, "--data", data, "--out", tmp_path / "run")
        assert "has no labels" in message and str(data) in message
    assert "10" in refused(*TRAIN, "-O", "classes=5", "--out", tmp_path / "run")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_class_metrics_of_a_game_whose_condition_is_more_than_labels(tmp_path):
    run = tmp_path / "lapgan"
    options = ("-O", "classes=10", "-O", "width=4", "-O", "units=16")
    done("train", "lapgan", *options, "--steps", 2, "--quiet", "--out", run)
    result = command("evaluate", run, "-m", "classifier_accuracy", "-m", "inception_score")
    assert result.status == 0, result.err
    record = json.loads((run / "evaluations.json").read_text())[-1]
    # Two steps of training: the classifier sees the class asked for as often as by chance.
    assert 0 <= record["figures"]["classifier_accuracy"] < 0.4
    assert record["rests_on"]["classifier_accuracy"]["extractor"] == "digits"
    gan = kgan.load(run / "gan.keras")
    test = kgan.data.load("digits", split="test", batch_size=250, drop_remainder=False)
    found = gan.evaluate(test, metrics=["classifier_accuracy"], verbose=0)
    assert found["classifier_accuracy"] == pytest.approx(
        record["figures"]["classifier_accuracy"], abs=0.05
    )
