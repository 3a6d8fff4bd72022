"""`kgan train --warm-start`: a run that starts from the weights of another."""

import json
import shutil

import numpy as np
import pytest
from command_line import SHORT, TRAIN, assert_same_state, command, config, contents, done, refused

import kgan

WARM = (*TRAIN, "--steps", 8, "--checkpoint-every", 4, "--seed", 5, "--quiet")


@pytest.fixture(scope="module")
def output_and_run(finished, tmp_path_factory):
    run = tmp_path_factory.mktemp("warm") / "run"
    return done(*WARM, "--warm-start", finished, "--freeze", 2, "--out", run), run


@pytest.fixture(scope="module")
def warm(output_and_run):
    """A run of 8 steps from the finished one, two layers frozen; not to be changed."""
    return output_and_run[1]


def kernels(run):
    return kgan.load(run / "gan.keras").discriminator.get_weights()


def test_it_begins_where_the_other_ended(finished, prepared):
    expected = kgan.load(finished / "gan.keras")
    for source in (finished, finished / "gan.keras"):
        gan = prepared(*TRAIN, "--seed", 5, "--warm-start", source).gan
        np.testing.assert_array_equal(gan.generate(3, seed=0), expected.generate(3, seed=0))
        assert int(gan.iterations) == 0 and gan.seed == 5


def test_the_run_says_what_it_began_with_and_keeps_what_is_frozen(output_and_run, finished):
    out, run = output_and_run
    assert f"Weights of {finished} after 20 steps:" in out
    assert "discriminator: 3 of 3 layers" in out and "frozen in the discriminator: dense" in out
    said = config(run)
    assert said["settings"]["warm_start"] == str(finished)
    assert said["settings"]["freeze"] == 2
    assert len(said["warm_start"]["loaded"]) == 6 and said["warm_start"]["fresh"] == []
    now, before = kernels(run), kernels(finished)
    for place, (ours, theirs) in enumerate(zip(now, before, strict=True)):
        assert np.array_equal(ours, theirs) == (place < 4)


@pytest.mark.slow
def test_it_goes_on_as_it_was_without_its_source(warm, tmp_path):
    # As if it had been stopped after its first checkpoint.
    run = shutil.copytree(warm, tmp_path / "run")
    shutil.rmtree(run / "checkpoints" / "step-0000008")
    (run / "gan.keras").unlink()
    said = config(run)
    del said["finished_steps"]
    said["settings"]["warm_start"] = str(tmp_path / "gone")
    (run / "config.json").write_text(json.dumps(said))
    done("generate", run, "-n", 2, "-o", tmp_path / "half.npz")
    out = done("train", "--resume", "--out", run, "--quiet")
    assert "Weights of" not in out
    assert_same_state(warm, run)
    assert config(run)["warm_start"] == config(warm)["warm_start"]


def test_killed_before_its_first_checkpoint_it_begins_again(warm, finished, prepared, tmp_path):
    run = shutil.copytree(warm, tmp_path / "run")
    shutil.rmtree(run / "checkpoints")
    (run / "gan.keras").unlink()
    gan = prepared("train", "--resume", "--out", run).gan
    expected = kgan.load(finished / "gan.keras")
    np.testing.assert_array_equal(gan.generate(3, seed=0), expected.generate(3, seed=0))
    assert [layer.trainable for layer in gan.discriminator.layers].count(False) == 2


def test_what_does_not_fit_is_named(finished, prepared, monkeypatch):
    said = []
    monkeypatch.setattr("kgan.cli.training.click.echo", lambda text="", **more: said.append(text))
    job = prepared(*TRAIN, "--size", "6x4", "--warm-start", finished)
    report = "\n".join(said)
    assert "generator: 2 of 3 layers" in report and "discriminator: 2 of 3 layers" in report
    assert "kernel (128, 24), bias (24,): " in report and "kernel (128, 64), bias (64,)" in report
    assert len(job.transfer.fresh) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--freeze", 1), ["--warm-start"]),
        (("--warm-start", "nowhere"), ["nowhere holds no run"]),
        (("--warm-start", "nowhere.keras"), ["no file", "nowhere.keras"]),
        (("--warm-start", __file__), ["no `.keras` file"]),
        (("--warm-start", "SOURCE", "--freeze", 3), ["3 layers", "has 3"]),
        (("--warm-start", "SOURCE", "--size", 4, "--freeze", 1), ["--freeze 1", "Freeze fewer"]),
    ],
)
def test_bad_input_has_one_message_and_writes_nothing(finished, tmp_path, words, said, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [finished if word == "SOURCE" else word for word in words]
    message = refused(*SHORT, *words, "--out", tmp_path / "run")
    for part in said:
        assert part in message
    assert not any(tmp_path.iterdir())


def test_nothing_fits(finished, tmp_path):
    words = ("train", "vanilla", "--variant", "joint_batch", "--steps", 2, "--warm-start", finished)
    result = command(*words, "--out", tmp_path / "run")
    assert result.status == 1
    assert "No layer's weights fit" in result.err and "kernel (100, 256)" in result.err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "named"),
    [(("--freeze", 1), "--freeze 2"), (("--warm-start", "other"), "--warm-start /")],
)
def test_a_run_that_goes_on_has_the_start_it_had(warm, tmp_path, words, named):
    before = contents(warm)
    message = refused("train", "--resume", "--out", warm, "--steps", 12, *words)
    assert f"The run was started with {named}" in message
    assert contents(warm) == before


def test_a_run_without_a_source_gets_none_when_it_goes_on(finished, run, prepared):
    message = refused("train", "--resume", "--out", run, "--warm-start", finished)
    assert "--warm-start left at its default" in message
    # A run that is older than the options has their defaults.
    said = config(run)
    del said["settings"]["warm_start"], said["settings"]["freeze"]
    (run / "config.json").write_text(json.dumps(said))
    job = prepared("train", "--resume", "--out", run, "--steps", 22)
    assert job.settings["warm_start"] is None and job.transfer is None
