"""`kgan train auto`, `--minutes`, `--dry-run`, `--mirror`, and the tenth that is held out."""

import json
import math
import re

import numpy as np
import pytest
from command_line import SHORT, assert_same_state, command, config, done, refused
from PIL import Image

import kgan
from kgan.cli import planning
from kgan.training import timing
from kgan.training.execution import choice
from kgan.training.timing import Timing

RELU = ("train", "vanilla", "--variant", "relu")


@pytest.fixture
def timed(monkeypatch):
    """Steps that take a tenth of a second, without taking them, on a usual processor."""
    models = []
    monkeypatch.setattr("kgan.precision.has_bfloat16_units", lambda: False)

    def measure(model, dataset, seconds):
        models.append(model)
        return Timing(0.1, 2.0, 30)

    monkeypatch.setattr(timing, "measure", measure)
    return models


def classes_of(folder, names, each, side=8):
    """A folder of random pictures in sub-folders."""
    values = np.random.default_rng(1)
    for name in names:
        (folder / name).mkdir(parents=True)
        for place in range(each):
            picture = values.integers(0, 255, (side, side, 3), "uint8")
            Image.fromarray(picture).save(folder / name / f"{place}.png")
    return folder


# What is held out.


def test_a_tenth_of_a_folder_is_held_out_and_measured_against(pictures, tmp_path):
    folder, run = pictures(count=120), tmp_path / "run"
    out = done(*RELU, "--data", folder, "--steps", 2, "--out", run)
    assert "12 of 120 pictures are held out" in out
    assert config(run)["settings"]["split"] == "train[:90%]"
    assert config(run)["data"]["size"] == 108
    words = ("-m", "diversity", "--extractor", "values", "-n", 12)
    measured = command("evaluate", run, *words)
    assert measured.status == 0 and "the figures flatter it" not in measured.err
    record = json.loads((run / "evaluations.json").read_text())[-1]
    assert (record["split"], record["trained_on_it"]) == ("train[90%:]", False)
    assert record["rests_on"]["diversity"]["real"] == 12


@pytest.mark.parametrize(
    ("count", "words", "expected"),
    [
        (120, ("--split", "train"), "train"),
        (120, ("--batch-size", 120), "train"),
        (19, ("--batch-size", 4), "train"),
        (20, ("--batch-size", 4), "train[:90%]"),
    ],
)
def test_what_is_not_held_out(pictures, prepared, tmp_path, count, words, expected):
    folder = pictures(count=count)
    job = prepared(*SHORT, "--data", folder, *words, "--out", tmp_path / "run")
    assert job.settings["split"] == expected


def test_a_folder_with_a_part_to_test_with_is_trained_on_whole(prepared, tmp_path):
    folder = classes_of(tmp_path / "data", ("train", "test"), 30)
    words = (*SHORT, "--data", folder, "--batch-size", 4, "--out", tmp_path / "run")
    job = prepared(*words)
    assert job.settings["split"] == "train" and job.dataset.info.size == 30


def test_a_named_data_set_is_trained_on_whole(prepared, tmp_path):
    assert prepared(*SHORT, "--out", tmp_path / "run").settings["split"] == "train"


@pytest.mark.slow
def test_a_run_that_was_begun_on_all_is_resumed_on_all(pictures, tmp_path, monkeypatch):
    run = tmp_path / "run"
    words = (*RELU, "--data", pictures(count=120), "--batch-size", 10, "--out", run)
    done(*words, "--split", "train", "--steps", 3)
    done(*words, "--resume", "--steps", 5)
    assert config(run)["settings"]["split"] == "train"
    assert config(run)["data"]["size"] == 120


# Mirrored pictures.


@pytest.mark.slow
def test_a_run_with_mirrored_pictures_is_resumed_bit_for_bit(pictures, tmp_path):
    words = (*RELU, "--data", pictures(count=60), "--batch-size", 10, "--mirror", "--lr", 0.01)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    done(*words, "--steps", 9, "--out", whole)
    assert config(whole)["settings"]["mirror"] is True
    assert config(whole)["settings"]["learning_rate"] == 0.01
    done(*words, "--steps", 4, "--out", parts)
    done("train", "vanilla", "--resume", "--steps", 9, "--out", parts)
    assert_same_state(whole, parts)


# Auto.


def test_auto_says_what_it_chose_and_stops(pictures, tmp_path, timed):
    folder, run = pictures(count=120, sizes=((40, 48), (64, 64))), tmp_path / "run"
    out = done("train", "auto", "--data", folder, "--dry-run", "--out", run)
    names = [line.split()[0] for line in out.splitlines() if line and not line.startswith(" ")]
    expected = ["data", "size", "split", "family", "batch", "augment", "mirror"]
    assert [name for name in names if name in expected] == expected
    assert "32x32" in out and "2 sizes" in out and "12 of 120" in out
    assert not run.exists()
    [model] = timed
    assert isinstance(model, kgan.models.R3GAN) and model.image_shape == (32, 32, 3)


@pytest.mark.slow
def test_the_printed_command_makes_the_same_run(pictures, tmp_path, timed, prepared):
    folder = classes_of(tmp_path / "data", ("one", "two"), 60)
    words = ("--data", folder, "--out", tmp_path / "run", "--seed", 5)
    out = done("train", "auto", *words, "--minutes", 2, "--dry-run")
    [printed] = [line.split() for line in out.splitlines() if line.startswith("    kgan train ")]
    job, same = prepared("train", "auto", *words, "--minutes", 2), prepared(*printed[1:])
    assert "-O" in printed and job.gan.classes == same.gan.classes == 2
    for name in ("model", "size", "augment", "mirror", "options", "split", "seed", "batch_size"):
        assert job.settings[name] == same.settings[name], name
    # Keras numbers the optimizers of a process.
    found, expected = (
        re.sub(r"scheduled_adam_?\d*", "scheduled_adam", str(each.gan.get_compile_config()))
        for each in (job, same)
    )
    assert found == expected or job.total != same.total


def test_what_is_given_is_kept(pictures, tmp_path, timed, prepared):
    job = prepared(
        "train", "auto", "--data", pictures(count=120), "--steps", 7, "--batch-size", 5,
        "--augment", "none", "--no-mirror", "--ema", 0.5, "--out", tmp_path / "run",
    )  # fmt: skip
    assert (job.total, job.dataset.info.batch_size, job.minutes) == (7, 5, None)
    assert job.gan.augment is None and job.settings["mirror"] is False
    reasons = {choice.name: choice.reason for choice in job.plan.choices}
    assert all("as you said" in reasons[name] for name in ("batch", "augment", "mirror", "steps"))


def test_steps_fill_the_minutes(tmp_path, timed, prepared):
    job = prepared(*RELU, "--minutes", 5, "--out", tmp_path / "run")
    # 300 s less what it took until here, what is kept for the end and 2 s to start.
    left = 300 - 2 - planning._CLOSING
    assert 0.95 * 10 * (left - 60) <= job.total <= 0.95 * 10 * left
    assert job.gan.training_steps == job.total and job.minutes == 5 - planning._CLOSING / 60
    free = prepared("train", "auto", "--data", "ring", "--out", tmp_path / "points")
    assert free.total <= 12_000 and free.minutes is None
    assert free.gan.sample_shape == (2,)
    # Without a time, what the run would be.
    out = done(*RELU, "--data", "ring", "--dry-run", "--out", tmp_path / "usual")
    assert f"{kgan.models.VanillaGAN.recipe('relu').training_steps:,}" in out


@pytest.mark.parametrize(
    ("steps", "longer"), [(1, False), pytest.param(40, True, marks=pytest.mark.slow)]
)
def test_the_clock_ends_a_training_with_a_time(tmp_path, monkeypatch, steps, longer):
    """Of a plan of 28 steps the clock leaves time for one, or for many more."""
    monkeypatch.setattr(choice, "_LEAST_SECONDS_FOR_XLA", math.inf)
    monkeypatch.setattr(timing, "measure", lambda *given: Timing(120.0, 2.0, 3))

    class Clock(kgan.callbacks.TimeLimit):
        """The time is up after some steps, however long they take."""

        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = self.model.steps_taken >= steps

    monkeypatch.setattr(kgan.callbacks, "TimeLimit", Clock)
    run = tmp_path / "run"
    # Executions of a step, so that the first of them does not hold the whole plan.
    monkeypatch.setattr(choice, "_EXECUTION_SECONDS", 0.0)
    out = done(*RELU, "--minutes", 60, "--out", run)
    assert "Resume with" not in out and "The trained model" in out
    found = config(run)
    assert 25 <= found["total_steps"] <= 30 and found["settings"]["minutes"] == 60
    assert found["finished_steps"] == steps
    assert (steps > found["total_steps"]) is longer
    assert [choice["name"] for choice in found["plan"]["choices"]] == ["steps", "time"]
    assert kgan.load(run / "gan.keras").steps_taken == found["finished_steps"]
    if longer:
        assert "steps already" in refused("train", "vanilla", "--resume", "--out", run)


@pytest.mark.slow
def test_an_auto_run_is_resumed_drawn_and_measured(tmp_path, timed):
    folder, run = classes_of(tmp_path / "data", ("one", "two"), 60), tmp_path / "run"
    done("train", "auto", "--data", folder, "--steps", 4, "--out", run)
    assert config(run)["settings"]["model"] == "r3gan"
    assert config(run)["plan"]["choices"][0]["name"] == "data"
    done("train", "auto", "--resume", "--steps", 6, "--out", run)
    assert config(run)["finished_steps"] == 6 and config(run)["plan"]["steps"] == 4
    done("generate", run, "-n", 4, "--label", 1, "-o", tmp_path / "grid.png")
    measured = command("evaluate", run, "-m", "recall", "--extractor", "values", "-n", 12)
    assert measured.status == 0


# Bad input.


@pytest.mark.slow
def test_what_auto_cannot_train_on(tmp_path, pictures):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "No images" in refused("train", "auto", "--data", empty)
    one = refused("train", "auto", "--data", pictures("one", 1))
    assert "too few samples to train on (1)" in one and "hundreds" in one
    damaged = pictures("damaged", 30)
    (damaged / "005.png").write_bytes(b"no picture")
    assert "005.png" in refused("train", "auto", "--data", damaged)
    assert "--minutes" in refused(*RELU, "--minutes", 0.001, "--out", tmp_path / "run")
    assert "give one" in refused(*RELU, "--minutes", 3, "--steps", 5)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_ten_pictures_pairs_and_many_classes(tmp_path, pictures, timed):
    def plan(folder):
        return done("train", "auto", "--data", folder, "--dry-run", "--out", tmp_path / "run")

    ten = plan(pictures("ten", 10))
    assert "repeats of the pictures" in ten and "held out" not in ten
    pairs = tmp_path / "pairs"
    classes_of(pairs, ("A", "B"), 24, side=16)
    assert "pix2pix" in plan(pairs)
    assert timed[-1].reads == "pairs"
    many = classes_of(tmp_path / "many", [f"{number:03}" for number in range(200)], 1)
    assert "200 classes are more" in plan(many)
    assert timed[-1].classes == 0
