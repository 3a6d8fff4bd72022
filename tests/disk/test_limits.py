"""No file handles left, and a folder that cannot be written: an answer, and nothing is lost."""

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest

import kgan
from kgan.callbacks import Checkpoint

resource = pytest.importorskip("resource")

WITH_LIMIT = """
import resource, sys
import kgan.callbacks, kgan.cli.training, kgan.cli.watchers, kgan.models, kgan.transfer
from kgan.cli.commands import main
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
main(sys.argv[2:])
"""

# What a user without rights gets: the superuser may write anywhere. The rehearsal imports all that
# writing needs, for the modules may lie where only the superuser reads.
AS_NOBODY = """
import os, sys, tempfile
import numpy as np
import kgan
from kgan.callbacks import Checkpoint, ImageSnapshot
from kgan.cli.commands import main

gan, data = kgan.load("gan.keras"), np.zeros((32, 2), "float32")


def fit(callback):
    gan.fit(data, batch_size=16, verbose=0, callbacks=[callback])


def outcomes(folder):
    for write in (
        lambda: gan.save(f"{folder}/gan.keras"),
        lambda: gan.save_weights(f"{folder}/gan.weights.h5"),
        lambda: gan.export(f"{folder}/serving"),
        lambda: kgan.pictures.save_png(f"{folder}/a.png", np.zeros((4, 4, 3), "uint8")),
        lambda: fit(Checkpoint(f"{folder}/steps")),
        lambda: fit(ImageSnapshot(folder)),
    ):
        try:
            write()
            yield "written"
        except (OSError, kgan.InputError) as error:
            yield error


with tempfile.TemporaryDirectory() as rehearsal:
    assert list(outcomes(rehearsal)) == ["written"] * 6
if os.getuid() == 0:
    os.setuid(65534)
for outcome in outcomes("."):
    print(outcome)
"""


@contextlib.contextmanager
def no_handles():
    """In this context the process can open no more files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1, before[1]))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for handle in taken:
            os.close(handle)


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_without_file_handles(gan, tmp_path):
    gan.compile()
    picture = np.zeros((4, 4, 3), "uint8")
    checkpoint = Checkpoint(tmp_path / "steps")
    checkpoint.set_model(gan)
    written = {
        "gan.keras": gan.save,
        "gan.weights.h5": gan.save_weights,
        "a.png": lambda path: kgan.pictures.save_png(path, picture),
        "steps": lambda path: checkpoint.on_train_begin() or checkpoint.save_now(),
    }
    for name, write in written.items():
        write(tmp_path / name)
    checkpoint.on_train_end()
    before = files(tmp_path)
    gan.iterations.assign(1)
    for name, write in written.items():
        with no_handles(), pytest.raises((OSError, kgan.InputError)) as error:
            write(tmp_path / name)
        assert name in str(error.value) and "Too many open files" in str(error.value)
    assert files(tmp_path) == before
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.slow
def test_in_a_folder_that_cannot_be_written(gan, tmp_path_factory):
    gan.compile()
    folder = tmp_path_factory.mktemp("readonly")
    gan.save(folder / "gan.keras")
    gan.save_weights(folder / "gan.weights.h5")
    before = files(folder)
    folder.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY], cwd=folder, capture_output=True, text=True
        )
    finally:
        folder.chmod(0o755)
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 6, done.stdout + done.stderr
    assert all("Permission denied" in line for line in lines), lines
    assert files(folder) == before


@pytest.mark.slow
@pytest.mark.parametrize("limit", [8, 10])
def test_a_command_says_what_it_lacks(tmp_path, limit):
    words = ["train", "vanilla", "--variant", "relu", "--steps", "20", "--quiet", "--out", "run"]
    done = subprocess.run(
        [sys.executable, "-c", WITH_LIMIT, str(limit), *words], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Too many open files" in done.stderr and "raise the limit" in done.stderr
    assert "Traceback" not in done.stderr
    resumed = [sys.executable, "-m", "kgan", "train", "--resume", "--out", "run"]
    assert subprocess.run(resumed, capture_output=True, text=True).returncode == 0
    assert (tmp_path / "run" / "saved_model" / "saved_model.pb").is_file()
