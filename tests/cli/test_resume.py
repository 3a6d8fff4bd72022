"""Stopping a run with Ctrl-C and resuming it."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from command_line import SHORT, TRAIN, assert_same_state, command, config, contents, done, refused
from PIL import Image

import kgan
from kgan import callbacks
from kgan.cli.watchers import History, Stop
from kgan.runs import RunFolder, trained

LONG = (*TRAIN, "--steps", 60)
EVERY = ("--snapshot-every", 10, "--checkpoint-every", 10)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A run of 60 steps."""
    run = tmp_path_factory.mktemp("unbroken") / "run"
    done(*LONG, *EVERY, "--out", run)
    return run


@pytest.fixture
def press(monkeypatch):
    """Presses Ctrl-C so many times at the end of the given step."""

    def at(step, times=1):
        draw = callbacks.ImageSnapshot.on_train_batch_end

        def drawing(self, batch, logs=None):
            nonlocal times
            draw(self, batch, logs)
            while times and self.model.steps_taken >= step:
                times -= 1
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(callbacks.ImageSnapshot, "on_train_batch_end", drawing)

    return at


def history(run):
    with (run / "history.csv").open() as file:
        return [(int(row["epoch"]), int(row["step"])) for row in csv.DictReader(file)]


def steps(run, of):
    return sorted(int(path.stem.removeprefix("step-")) for path in (run / of).glob("step-*"))


@pytest.mark.slow
def test_a_run_stopped_at_the_end_of_an_epoch_ends_as_the_unbroken_one(unbroken, tmp_path, press):
    run = tmp_path / "run"
    press(42)
    stopped = command(*LONG, *EVERY, "--out", run)
    assert stopped.status == 130
    assert f"kgan train --resume --out {run}" in stopped.out
    at = steps(run, "checkpoints")[-1]
    assert at == 42
    assert f"Stopped at step {at} of 60" in stopped.out
    assert not (run / "gan.keras").exists()
    assert f"step-{at:07d}.png" in os.listdir(run / "samples")

    out = done("train", "--resume", "--out", run)
    assert f"Resuming from {run / 'checkpoints'}" in out and f" {at} steps" in out
    assert_same_state(unbroken, run)
    assert history(run) == history(unbroken) == [(0, 14), (1, 28), (2, 42), (3, 56), (4, 60)]
    # The picture of the stop is not one of the unbroken run.
    assert steps(run, "samples") == steps(unbroken, "samples")
    assert steps(run, "checkpoints") == steps(unbroken, "checkpoints")
    with Image.open(run / "samples" / "growth.gif") as growth:
        assert growth.n_frames == len(steps(run, "samples"))


def held_at_its_first_checkpoint(run, request):
    """Trains in a process of its own, which is stopped in its tracks after ten steps."""
    words = [sys.executable, "-m", "kgan", *map(str, (*LONG, *EVERY)), "--out", str(run)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    request.addfinalizer(process.kill)  # a failure must not leave it held
    deadline = time.monotonic() + 120
    while not (run / "checkpoints" / "step-0000010").exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    process.send_signal(signal.SIGSTOP)
    return process


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param("SIGINT", 130, marks=pytest.mark.slow),
        pytest.param("SIGTERM", 143, marks=pytest.mark.slow),
        pytest.param("SIGHUP", 129, marks=pytest.mark.slow),
        pytest.param("SIGKILL", -9, marks=pytest.mark.slow),
    ],
)
def test_a_process_stopped_wherever_it_was_ends_as_the_unbroken_one(
    unbroken, tmp_path, number, status, request
):
    for attempt in range(3):
        run = tmp_path / f"a run {attempt}"
        process = held_at_its_first_checkpoint(run, request)
        # On a busy machine the run may be over before it is held.
        if steps(run, "checkpoints")[-1] < 40:
            break
        process.kill()
    # Others try to train in its folder, which must not harm it.
    before = contents(run)
    for words in (("train", "--resume"), (*LONG, "--overwrite")):
        message = refused(*words, "--out", run)
        assert f"in use by process {process.pid} on" in message and "since" in message
    with pytest.raises(kgan.InputError, match=f"process {process.pid} on"):
        trained(RunFolder(run)).fit(
            np.zeros((64, 8, 8, 1), "float32"),
            batch_size=32,
            verbose=0,
            callbacks=[callbacks.Checkpoint(run / "checkpoints", resume=True)],
        )
    assert contents(run) == before
    process.send_signal(getattr(signal, number))
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    if number != "SIGKILL":
        assert f"--resume --out '{run}'" in out
        again = "Ctrl-C again" if number == "SIGINT" else "a second signal"
        assert err.strip() == f"Stopping after this step; {again} stops at once."
        assert steps(run, "checkpoints")[-1] > 10
    out = done("train", "--resume", "--out", run)
    assert (f"in use by process {process.pid}" in out) == (number == "SIGKILL")
    assert [path.name for path in run.rglob(".*")] == [".kgan.json"]
    assert_same_state(unbroken, run)
    assert history(run) == history(unbroken)


@pytest.mark.slow
def test_a_second_ctrl_c_stops_at_once(unbroken, tmp_path, press, monkeypatch):
    run = tmp_path / "run"
    with monkeypatch.context():
        press(24, times=2)
        result = command(*LONG, *EVERY, "--out", run)
        assert result.status == 130
        assert "Stopped at once" in result.err and "--resume" in result.err
        assert steps(run, "checkpoints")[-1] == 20
        monkeypatch.undo()
    done("train", "--resume", "--out", run)
    assert_same_state(unbroken, run)
    assert history(run) == history(unbroken)


@pytest.mark.slow
def test_no_row_is_missing_of_a_run_broken_before_it(unbroken, tmp_path, monkeypatch):
    add = History.on_epoch_end

    def broken(self, epoch, logs=None):
        # The epoch of steps 29 to 42, in which a checkpoint was written after step 40.
        if epoch == 2:
            raise KeyboardInterrupt
        add(self, epoch, logs)

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_epoch_end", broken)
        assert command(*LONG, *EVERY, "--out", run).status == 130
    assert steps(run, "checkpoints")[-1] == 40
    done("train", "--resume", "--out", run)
    # Its row holds the means over the whole epoch.
    assert (run / "history.csv").read_text() == (unbroken / "history.csv").read_text()
    assert sorted(os.listdir(run / "samples")) == sorted(os.listdir(unbroken / "samples"))


@pytest.mark.slow
def test_a_finished_run_goes_on_for_more_steps(unbroken, run):
    done("train", "--resume", "--out", run, "--steps", 60)
    assert_same_state(unbroken, run)
    assert history(run) == history(unbroken)
    said = config(run)
    assert said["total_steps"] == said["finished_steps"] == said["settings"]["steps"] == 60
    assert len(said["resumed"]) == 1 and "versions" in said["resumed"][0]
    message = refused("train", "--resume", "--out", run)
    assert "60 steps already" in message and "--steps 120" in message


def test_epochs_can_take_the_place_of_steps(run, prepared):
    # The other settings may be said again.
    words = ("--seed", 0, "--data", "digits", "--batch-size", 100)
    job = prepared(*TRAIN, "--resume", "--out", run, "--epochs", 3, *words)
    assert job.resume
    assert job.total == 42
    assert job.settings["steps"] is None


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--seed", 3), "--seed 0"),
        (("--variant", "minimax"), "-O preset=relu"),
        (("-O", "latent_size=9"), "-O preset=relu"),
        (("--data", "ring"), "--data digits"),
        (("--batch-size", 50), "--batch-size 100"),
        (("--loss", "hinge"), "--loss left at its default"),
        (("--penalty", "r1"), "--penalty left at its default"),
        (("--size", "9x8"), "--size left at its default"),
        (("--learning-rate", 0.5), "--learning-rate left at its default"),
    ],
)
def test_changed_settings_are_refused_by_name(run, words, named):
    before = contents(run)
    message = refused("train", "--resume", "--out", run, "--steps", 60, *words)
    assert f"The run was started with {named}" in message
    assert contents(run) == before


def test_where_there_is_no_run(finished, tmp_path):
    assert "holds no run" in refused("train", "--resume", "--out", tmp_path / "nothing")
    message = refused("train", "--resume", "--out", finished.parent / "finishd")
    assert f"Did you mean {finished}?" in message


def test_data_is_found_again_from_elsewhere(run, pictures, prepared, tmp_path, monkeypatch):
    folder = pictures()
    monkeypatch.chdir(tmp_path)
    job = prepared(*TRAIN, "--data", "pictures", "--steps", 40, "--out", "new")
    said = config(run)
    (run / "config.json").write_text(json.dumps(said | {"settings": job.settings}))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for words in ([], ["--data", "../pictures"]):
        job = prepared("train", "--resume", "--out", "../run", *words)
        assert job.settings["data"] == str(folder)
        assert job.dataset.info.size == 108  # a tenth is held out


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_is_passed_over(unbroken, run):
    newest = run / "checkpoints" / "step-0000020" / "state.weights.h5"
    newest.write_bytes(newest.read_bytes()[:-1])
    result = command("train", "--resume", "--out", run, "--steps", 60)
    assert result.status == 0
    warning = result.err.strip()
    assert warning.startswith("Warning: Skipping the damaged checkpoint")
    assert "step-0000020" in warning and len(warning.splitlines()) == 1
    assert_same_state(unbroken, run)
    assert history(run) == history(unbroken)


def test_no_whole_checkpoint_at_all(run):
    for weights in run.glob("checkpoints/*/state.weights.h5"):
        weights.write_bytes(b"")
    result = command("train", "--resume", "--out", run, "--steps", 60)
    assert result.status == 1
    assert "--overwrite instead of --resume" in result.err.splitlines()[-1]


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_starts_anew(finished, run):
    shutil.rmtree(run / "checkpoints")
    (run / "gan.keras").unlink()
    assert "starting from the beginning" in done("train", "--resume", "--out", run)
    assert_same_state(finished, run)
    assert history(run) == history(finished)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_data_loads_leaves_nothing(tmp_path, monkeypatch, number):
    monkeypatch.setattr("kgan.data.load", lambda *a, **k: signal.raise_signal(number))
    result = command(*SHORT, "--out", tmp_path / "run")
    assert (result.status, result.err.strip()) == (128 + number, "Stopped.")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_step_under_way_is_the_last(capfd, number):
    alone = tf.distribute.get_strategy()
    model = SimpleNamespace(steps_taken=3, stop_training=False, distribute_strategy=alone)
    before = signal.getsignal(number)
    with Stop(total=10, per_epoch=5) as stop:
        stop.set_model(model)
        stop.on_train_batch_end(2)
        assert not model.stop_training
        signal.raise_signal(number)
        assert "stops at once" in capfd.readouterr().err
        stop.on_train_batch_end(3)
        assert model.stop_training
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) == before
    assert stop.status == 128 + number


def test_a_run_of_before_presets_goes_on(run, prepared):
    said = config(run)
    said["settings"]["options"] = ["variant=relu"]
    said["model"] = {
        {"preset": "variant"}.get(name, name): value for name, value in said["model"].items()
    }
    (run / "config.json").write_text(json.dumps(said))
    job = prepared("train", "--resume", "--out", run, "--steps", 60, "--preset", "relu")
    assert (job.gan.preset, job.total) == ("relu", 60)
    assert trained(RunFolder(run)).preset == "relu"


@pytest.mark.parametrize("family", ["dcgan", pytest.param("wgangp", marks=pytest.mark.slow)])
def test_a_run_of_before_networks_were_deeper_goes_on_with_its_own(tmp_path, family):
    run = tmp_path / "run"
    images = np.random.default_rng(0).integers(0, 255, (64, 12, 12, 1), "uint8")
    np.savez(tmp_path / "data.npz", images)
    words = ("train", family, "-O", "width=4", "--batch-size", 8, "--no-report", "--quiet")
    done(*words, "-O", "halvings=1", "--data", tmp_path / "data.npz", "--steps", 2, "--out", run)
    said = config(run)
    said["settings"]["options"].remove("halvings=1")
    assert said["model"].pop("halvings") == 1
    (run / "config.json").write_text(json.dumps(said))
    (run / "gan.keras").unlink()
    done("train", "--resume", "--out", run, "--steps", 3)
    gan = trained(RunFolder(run))
    assert (gan.halvings, gan.steps_taken) == (1, 3)
    # A new one has what this kgan makes of the size.
    assert kgan.models.find(family)((12, 12, 1), width=4).halvings == 2
