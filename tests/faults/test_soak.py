"""A training with every callback does not grow: `soak.py` in its short form."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import soak


def samples(**rises):
    """Returns looks at ten minutes, with figures that rise by so much over the last two thirds."""
    seconds = np.linspace(1, 600, 200)
    share = np.clip((seconds - 200) / 400, 0, None)
    usual = {"memory": 1000, "handles": 30, "threads": 20, "processor": 5, "clock": 6}
    columns = [usual[name] + rises.get(name, 0) * share for name in soak.FIGURES]
    return list(zip(seconds, *columns, np.full(200, 50), strict=True))


def test_what_is_flat_is_told_from_what_grows():
    assert soak.judged(samples()) == []
    assert soak.judged(samples(memory=5, processor=0.2, clock=6)) == []
    assert soak.judged(samples(memory=-300, handles=-3)) == []
    for rise, says in (
        ({"memory": 25}, "Memory grows by 2[45]"),
        ({"handles": 1.5}, "handles grow by 1.5"),
        ({"threads": 2}, "threads grow by 2.0"),
        ({"processor": 0.5}, "more of the processor"),
    ):
        (said,) = soak.judged(samples(**rise))
        assert re.search(says, said)
    assert "grown" in soak.table(samples())


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="counts file descriptors")
def test_two_minutes_with_every_callback():
    done = subprocess.run(
        [sys.executable, soak.__file__, "--minutes", "2", "--every", "1"],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
