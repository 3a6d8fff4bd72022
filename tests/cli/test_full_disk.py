"""A full disk, simulated by a limit on the size of files."""

import contextlib
import signal
import subprocess
import sys

import pytest
from command_line import SHORT, assert_same_state, command, config, done, refused

import kgan
from kgan import callbacks
from kgan.runs import RunFolder

resource = pytest.importorskip("resource")

# More than a picture or a table, less than the weights.
LIMIT = 150_000

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from kgan.cli.commands import main
main(sys.argv[2:])
"""


@contextlib.contextmanager
def full_disk(limit=LIMIT):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fills_up(monkeypatch, owner, method):
    """Lets the disk be full while a method runs."""
    original = getattr(owner, method)

    def limited(*arguments, **options):
        with full_disk():
            return original(*arguments, **options)

    monkeypatch.setattr(owner, method, limited)


@pytest.mark.slow
def test_from_the_start(tmp_path):
    words = [*map(str, SHORT), "--out", str(tmp_path / "run")]
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(LIMIT), *words], capture_output=True, text=True
    )
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: Cannot write") and "the disk is full" in lines[0]


@pytest.mark.slow
def test_at_a_later_checkpoint(finished, run, monkeypatch):
    with monkeypatch.context() as during:
        fills_up(during, callbacks.Checkpoint, "after_train_batch_end")
        message = refused("train", "--resume", "--out", run, "--steps", 60)
    assert "the disk is full" in message and "--resume goes on from the newest" in message
    saved = callbacks.find_checkpoints(run / "checkpoints")
    assert [state.problem() for state in saved] == [None] * len(saved)
    assert saved[-1].iterations == 20
    # The state before is still there to be sampled from.
    done("generate", run, "-n", 1, "-o", run / "one.png")


@pytest.mark.slow
def test_and_an_interrupt_while_the_model_is_written(finished, tmp_path, monkeypatch):
    run = tmp_path / "run"
    words = SHORT
    # First for Keras, then for TensorFlow.
    for method in ("save", "export"):
        with monkeypatch.context() as during:
            fills_up(during, kgan.GAN, method)
            message = refused(*words, "--out", run)
        assert "File too large. Free some space there" in message
        words = ("train", "--resume")
    with monkeypatch.context() as during:
        during.setattr(kgan.GAN, "export", lambda *a, **k: signal.raise_signal(signal.SIGINT))
        result = command(*words, "--out", run)
    assert result.status == 130
    assert "--resume" in result.err
    assert "finished_steps" not in config(run)
    assert not list(run.glob(".part-*"))
    # All steps are taken: what is missing is written, and no more.
    assert "Trained" not in done(*words, "--out", run)
    assert_same_state(finished, run)
    assert (run / "saved_model" / "saved_model.pb").exists()
    assert (run / "history.csv").read_bytes() == (finished / "history.csv").read_bytes()


def test_at_the_samples(finished, tmp_path):
    for name in ("a.npz", "a.png"):
        with full_disk():
            # As many do not fit, however well they are packed.
            message = refused("generate", finished, "-n", 4000, "-o", tmp_path / name)
        assert str(tmp_path / name) in message
        assert "Free some space" in message
    assert not any(tmp_path.iterdir())


def test_at_a_small_file_that_is_named(tmp_path):
    run = RunFolder(tmp_path)
    with full_disk(50), pytest.raises(OSError, match="large") as history:
        run.add_to_history(0, 10, {"d_loss": 1 / 3, "g_loss": 2 / 3})
    with full_disk(50), pytest.raises(OSError, match="large") as configuration:
        run.write_config({"settings": "x" * 100})
    assert history.value.filename == str(run.history)
    assert configuration.value.filename == str(run.config_file)
    assert not list(tmp_path.glob(".part-*"))
