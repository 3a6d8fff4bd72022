"""Runs the tests in `inside`, in one process with two logical devices.

`KGAN_DEVICES=2 pytest -n 0 tests/scaling/inside` runs them one by one.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("marked", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_with_two_replicas(marked):
    words = ["-n", "0", "-m", marked, "-p", "no:cacheprovider", str(HERE / "inside")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        capture_output=True,
        text=True,
        timeout=400,
        cwd=HERE.parents[1],
        env=os.environ | {"KGAN_DEVICES": "2"},
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "skipped" not in done.stdout
