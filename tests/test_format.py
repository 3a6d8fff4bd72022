"""Files of format 1, kept as they were written: they load, and say what they said.

`python tests/test_format.py FOLDER` writes such files; see docs/format.md and golden/README.md.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

import kgan
from kgan.runs import RunFolder, first_stage, trained

GOLDEN = Path(__file__).parent / "golden" / "format1"


def make(folder: Path) -> None:
    """Writes a run, with the other kinds of files beside it, and what is drawn from each."""
    from faults.damage import make_run

    with tempfile.TemporaryDirectory() as temporary:
        run = make_run(Path(temporary))
        for earlier in kgan.callbacks.find_checkpoints(run / "checkpoints")[:-1]:
            shutil.rmtree(earlier.path)
        for extra in ("samples", "logs", "saved_model"):
            shutil.rmtree(run / extra)
        (run / "losses.png").unlink()
        config = RunFolder(run).config()
        config["settings"]["data"] = "data.npz"
        RunFolder(run).write_config(config)
        shutil.copytree(run, folder / "run")
    first_stage.save(folder / "first-stage.weights.h5", _network(0.5))
    kgan.metrics.Statistics(np.arange(3.0), np.eye(3), 20, "values").save(folder / "statistics.npz")
    drawn = kgan.load(folder / "run" / "gan.keras").generate(4, seed=3)
    np.save(folder / "drawn.npy", drawn)


def _network(value):
    start = keras.initializers.Constant(value)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, kernel_initializer=start)])


@pytest.fixture
def run(tmp_path):
    return RunFolder(shutil.copytree(GOLDEN / "run", tmp_path / "run"))


def test_a_run_is_read_as_it_was_written(run):
    assert run.config()["format"] == 1 and run.config()["finished_steps"] == 6
    assert [row["step"] for row in run.rows()] == ["4", "6"]
    assert [each["figures"] for each in run.evaluated()] == [{"frechet_distance": 1.25}]
    saved = kgan.callbacks.latest(run.checkpoints)
    assert (saved.iterations, saved.note["format"]) == (6, 1)
    expected = np.load(GOLDEN / "drawn.npy")
    finished = trained(run).generate(4, seed=3)
    run.model.unlink()
    for drawn in (finished, trained(run).generate(4, seed=3)):
        np.testing.assert_allclose(drawn, expected, rtol=1e-4, atol=1e-5)


def test_the_other_files_are_read_as_they_were_written(tmp_path):
    path = shutil.copyfile(GOLDEN / "first-stage.weights.h5", tmp_path / "first.weights.h5")
    network = _network(0.0)
    assert first_stage.load(path, network) is None
    assert np.array_equal(network.get_weights()[0], np.full((2, 2), 0.5))
    statistics = kgan.metrics.Statistics.load(GOLDEN / "statistics.npz")
    assert (statistics.count, statistics.mu.tolist()) == (20, [0.0, 1.0, 2.0])


def test_what_is_written_today_states_the_format(run):
    # A change of the number needs files of the new one here, and a page that says what changed.
    page = (Path(__file__).parents[1] / "docs" / "format.md").read_text(encoding="utf-8")
    assert f"**format {kgan.records.FORMAT}**" in page
    assert json.loads(run.config_file.read_text())["format"] == kgan.records.FORMAT


if __name__ == "__main__":
    make(Path(sys.argv[1]))
