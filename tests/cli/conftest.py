import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from command_line import SHORT, done

from kgan.cli import training


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run, not to be changed."""
    run = tmp_path_factory.mktemp("runs") / "finished"
    done(*SHORT, "--checkpoint-every", 6, "--snapshot-every", 10, "--out", run)
    return run


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def pictures(tmp_path):
    """Makes a folder of small colour images of the given sizes."""

    def make(name="pictures", count=120, sizes=((8, 8),)):
        folder = tmp_path / name
        folder.mkdir()
        values = np.random.default_rng(0)
        for index in range(count):
            image = values.integers(0, 255, (*sizes[index % len(sizes)], 3), "uint8")
            Image.fromarray(image).save(folder / f"{index:03}.png")
        return folder

    return make


@pytest.fixture
def prepared(monkeypatch):
    """What a `kgan train` would have trained, loaded and compiled."""

    def prepare(*words):
        jobs = []
        with monkeypatch.context() as instead:
            instead.setattr(training, "fit", lambda job, quiet, trained: jobs.append(job))
            instead.setattr(training, "finish", lambda job: None)
            done(*words)
        return jobs[0]

    return prepare
