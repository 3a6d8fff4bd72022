import pathlib
import shutil

import numpy as np
import pytest

import kgan
from kgan.runs import RunFolder

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture
def golden(tmp_path):
    """Copies a stored run, with three pictures and a history of its own; returns the folder."""

    def make(name="vanilla", rows=5, pictures=3, into="run"):
        run = shutil.copytree(GOLDEN / name / "run", tmp_path / into)
        shutil.rmtree(run / "samples", ignore_errors=True)
        for place in range(pictures):
            pixels = np.full((12, 16, 3), 60 * place, np.uint8)
            kgan.pictures.save_png(run / "samples" / f"step-{10 * place:07d}.png", pixels)
        (run / "history.csv").unlink(missing_ok=True)
        for epoch in range(rows):
            logs = {"d_loss": 1 / (epoch + 1), "g_loss": epoch**2 / 7, "d_real": -0.5 * epoch}
            RunFolder(run).add_to_history(epoch, epoch + 1, logs)
        return run

    return make
