"""The command line over damaged files: one message, or what is whole beside them."""

import errno
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from command_line import assert_same_state, command, done, refused

import kgan
from kgan.callbacks.checkpoint_files import write_checkpoint
from kgan.cli import watchers
from kgan.runs import RunFolder


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.slow
def test_a_damaged_finished_model_is_passed_over_and_written_anew(finished, run, tmp_path):
    assert "trained for 20 steps already" in refused("train", "--resume", "--out", run)
    flip(run / "gan.keras")
    result = command("generate", run, "--seed", 1, "-o", tmp_path / "damaged.npz")
    assert result.status == 0
    assert result.err.startswith("Warning: ") and len(result.err.strip().splitlines()) == 1
    assert f"{run / 'gan.keras'}' is damaged" in result.err
    assert "checkpoint after 20 steps instead" in result.err
    done("generate", finished, "--seed", 1, "-o", tmp_path / "whole.npz")
    drawn = [np.load(tmp_path / f"{name}.npz")["samples"] for name in ("damaged", "whole")]
    np.testing.assert_array_equal(*drawn)
    done("train", "--resume", "--out", run)
    assert_same_state(finished, run)


def test_nothing_whole_is_one_message(run):
    flip(run / "gan.keras")
    for weights in run.glob("checkpoints/*/state.weights.h5"):
        flip(weights)
    message = refused("generate", run)
    assert f"Nothing that {run} has saved can be loaded" in message and "--overwrite" in message


@pytest.mark.slow
def test_a_newest_checkpoint_of_another_model_is_passed_over(run, tmp_path):
    other = kgan.models.VanillaGAN((8, 8, 1), "relu", latent_size=7)
    other.compile()
    newest = kgan.callbacks.latest(run / "checkpoints")
    write_checkpoint(run / "checkpoints", newest.note | {"iterations": 22}, other)
    # What the callbacks keep is whole.
    for arrays in (run / "checkpoints").glob("step-0000020/callbacks.npz"):
        shutil.copy(arrays, run / "checkpoints" / "step-0000022")
    result = command("generate", run, "-n", 2, "-o", tmp_path / "two.npz")
    assert result.status == 0 and "does not fit" in result.err
    # More steps are asked for than both have.
    result = command("train", "--resume", "--steps", 22, "--out", run)
    assert result.status == 0 and "step-0000022 does not fit this model" in result.err
    assert RunFolder(run).config()["finished_steps"] == 22


def test_evaluations_are_checked_before_and_printed_before_they_are_stored(run, monkeypatch):
    evaluate = ("evaluate", run, "-m", "diversity", "-n", 40, "--extractor", "values")
    with monkeypatch.context() as instead:

        def full(folder, record):
            raise OSError(errno.ENOSPC, "No space left on device", str(folder.evaluations))

        instead.setattr(RunFolder, "add_evaluation", full)
        result = command(*evaluate)
    assert result.status == 1 and "Error:" in result.err
    assert "diversity" in result.out and "Stored" not in result.out
    (run / "evaluations.json").write_text("[")
    monkeypatch.setattr("kgan.cli.evaluation.trained", pytest.fail)
    assert "evaluations.json" in refused(*evaluate)


def test_a_damaged_first_stage_is_run_anew(tmp_path, capsys):
    def network(seed):
        start = keras.initializers.GlorotNormal(seed)
        return keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(2, kernel_initializer=start)]
        )

    ran = []

    def pretrain(dataset, **how):
        ran.append(dataset)
        return SimpleNamespace(history={"loss": [2.0, 1.0]})

    def resume(generator):
        dataset = SimpleNamespace(info=SimpleNamespace(steps_per_epoch=5))
        stage = watchers.FirstStage(
            dataset, RunFolder(tmp_path), True, 10, SimpleNamespace(pressed=False)
        )
        stage.set_model(
            SimpleNamespace(
                pretrain=pretrain,
                generator=generator,
                first_stage_steps=lambda total: 3,
                distribute_strategy=tf.distribute.get_strategy(),
            )
        )
        stage.on_train_begin()

    resume(network(1))
    assert len(ran) == 1
    generator = network(2)
    resume(generator)
    assert len(ran) == 1
    assert np.array_equal(generator.get_weights()[0], network(1).get_weights()[0])
    kept = tmp_path / "first-stage.weights.h5"
    kept.write_bytes(kept.read_bytes()[:3000])
    generator = network(2)
    with pytest.warns(UserWarning, match=r"first-stage\.weights\.h5 is damaged.*anew"):
        resume(generator)
    assert len(ran) == 2
    assert np.array_equal(generator.get_weights()[0], network(2).get_weights()[0])
