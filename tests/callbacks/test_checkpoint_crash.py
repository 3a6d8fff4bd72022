"""The checkpoints that a crash or a full disk leaves. Each test runs in its own process."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from stand_in import StandIn

import kgan
from kgan.callbacks import Checkpoint, find_checkpoints, latest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and limits")


def run(code, *arguments):
    """Runs code that finds `StandIn`, `Checkpoint` and `folder` ready."""
    start = """
        import os, resource, signal, sys
        from pathlib import Path
        from stand_in import StandIn
        from kgan.callbacks import Checkpoint, checkpoint_files
        folder = Path(sys.argv[1])
    """
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(start) + textwrap.dedent(code), *arguments],
        env=os.environ | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_killed_at_any_moment_of_a_write(tmp_path):
    done = run(
        """
        import shutil

        def die(*ignored, **also):
            os.kill(os.getpid(), signal.SIGKILL)

        def half(path, **ignored):
            Path(path).write_bytes(b"half of a state")
            die()

        def write(model, moment):
            files = checkpoint_files
            if moment == "in the state":
                model.save_weights = half
            elif moment == "before the note":
                files.sha256 = die
            elif moment == "before the rename":
                files._put = die
            elif moment == "after the old one has moved away":
                model.iterations.assign(5)
                put = Path.rename
                Path.rename = lambda path, to: (put(path, to), die())
            elif moment == "in the deletion of an old one":
                delete = shutil.rmtree
                shutil.rmtree = lambda path, **k: (delete(path, **k), path.exists() or die())
            Checkpoint.save_now(checkpoint)

        MOMENTS = ["in the state", "before the note", "before the rename",
                   "after the old one has moved away", "in the deletion of an old one"]
        for number, moment in enumerate(MOMENTS):
            model = StandIn().ready()
            checkpoint = Checkpoint(folder / str(number), keep=1)
            model.run(1, checkpoint)
            model.iterations.assign(7)
            child = os.fork()
            if child == 0:
                if moment.startswith("after"):
                    checkpoint._last = None
                write(model, moment)
                os._exit(0)
            killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
            print(moment, "killed" if killed else "LIVED")
        """,
        str(tmp_path),
    )
    assert done.stdout.count(" killed\n") == 5, done.stdout + done.stderr
    for folder in sorted(tmp_path.iterdir()):
        left = [path.name for path in folder.iterdir()]
        model = StandIn().ready()
        history = model.run(2, Checkpoint(folder, resume=True))
        # Five steps, or the seven of a write that was complete, and the second epoch.
        assert history.epoch == [1], left
        assert int(model.iterations) in (10, 12), left
        assert not [path for path in folder.iterdir() if path.name.startswith(".")], left


@pytest.mark.slow
def test_a_killed_training_resumes(tmp_path):
    code = """
        model = StandIn().ready()
        save = model.save_weights
        def save_and_die(path):
            save(path)
            if int(model.iterations) == 15:
                os.truncate(path, 1000)
                os.kill(os.getpid(), signal.SIGKILL)
        model.save_weights = save_and_die
        model.run(9, Checkpoint(folder))
    """
    assert run(code, str(tmp_path)).returncode == -9
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".unfinished")]
    model = StandIn().ready()
    assert model.run(4, Checkpoint(tmp_path, resume=True)).epoch == [2, 3]
    assert model.level() == 20
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_a_full_disk(tmp_path):
    done = run(
        """
        model = StandIn(width=2000).ready()
        checkpoint = Checkpoint(folder)
        model.run(1, checkpoint)
        for limit in (3000, 10_000, 60_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                model.run(1, checkpoint)
            except Exception as error:
                print(type(error).__name__, error)
        """,
        str(tmp_path),
    )
    errors = done.stdout.splitlines()
    assert len(errors) == 3, done.stdout + done.stderr
    for error, step in zip(errors, (10, 15, 20), strict=True):
        assert error.startswith(f"InputError Cannot write {tmp_path}/step-00000{step}"), error
        assert "Free some space" in error
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["step-0000005"]
    assert latest(tmp_path).problem() is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_failing_save_leaves_the_older_ones(tmp_path, monkeypatch, number):
    model, checkpoint = StandIn().ready(), Checkpoint(tmp_path)
    model.run(1, checkpoint)

    def fail(path):
        Path(path).write_bytes(b"a part")
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(model, "save_weights", fail)
    with pytest.raises(kgan.InputError, match="step-0000010"):
        model.run(1, checkpoint)
    assert [path.name for path in tmp_path.iterdir()] == ["step-0000005"]
    assert find_checkpoints(tmp_path)[0].problem() is None
