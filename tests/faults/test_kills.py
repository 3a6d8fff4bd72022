"""Trainings that are killed and resumed end as the unbroken ones: `kills.py` in its short form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and processes")


def killed(*words, seconds):
    # A process of its own: a fork of one that has used TensorFlow would hang.
    done = subprocess.run(
        [sys.executable, str(HERE / "kills.py"), *words],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert " 0 different" in done.stdout


@pytest.mark.slow
def test_kills_of_one_family():
    words = ("--by", "command", "--families", "vanilla", "--moments", "before the animation")
    killed("--kills", "1", *words, seconds=280)


@pytest.mark.campaign
def test_kills_of_all_families():
    killed("--kills", "64", "--seed", str(os.getpid()), seconds=7200)
