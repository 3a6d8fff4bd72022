"""What --overwrite replaces, and the folders of a user that it leaves alone."""

import json
import shutil

import numpy as np
import pytest
from command_line import SHORT, command, contents, done, refused
from PIL import Image


class Reading:
    """What is like a trained run that translates and enlarges: it gives images back."""

    data_range = (0, 255)
    networks = {"generator": type("Network", (), {"input_shape": (None, 8, 8, 3)})}
    channels, scale = 3, 1

    def translate(self, pixels):
        return pixels

    def upscale(self, pixels, tile):
        return pixels


@pytest.fixture
def converts(monkeypatch):
    """Lets translate and upscale take any folder for a run."""
    kind = type("Kind", (), {"directions": False})
    monkeypatch.setattr("kgan.cli.translating._trained", lambda *words: (Reading(), kind))


@pytest.mark.parametrize("name", ["translate", "upscale"])
def test_converted_pictures_are_replaced_and_a_users_are_not(tmp_path, pictures, converts, name):
    source, out = pictures(count=3), tmp_path / "out"
    words = (name, "run", source, "-o", out, "--overwrite")
    for _ in range(2):
        done(*words)
    users = pictures("users", count=3)
    before = contents(users)
    assert "000.png" in refused(name, "run", source, "-o", users, "--overwrite")
    assert contents(users) == before
    (out / "notes.txt").write_text("mine")
    before = contents(out)
    assert "notes.txt" in refused(*words)
    assert contents(out) == before
    (out / "notes.txt").unlink()
    # A picture that cannot be converted leaves the old ones.
    (source / "000.png").write_bytes(b"torn")
    before = contents(out)
    assert "000.png" in refused(*words)
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("name", ["generate", "export"])
def test_a_foreign_file_in_an_earlier_output_is_named(finished, tmp_path, name):
    out = tmp_path / "out"
    words = (name, finished, *(("-n", 3) if name == "generate" else ()), "-o", out)
    done(*words)
    (out / "notes.txt").write_text("mine")
    before = contents(out)
    assert "notes.txt" in refused(*words, "--overwrite")
    assert contents(out) == before
    (out / "notes.txt").unlink()
    done(*words, "--overwrite")


def test_a_folder_that_looks_like_an_export_is_left_alone(finished, tmp_path):
    for name in ("saved_model.pb", "thesis.txt", "data/raw.csv"):
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text("x")
    before = contents(tmp_path)
    assert "something else" in refused(
        "export", finished, "-o", tmp_path / "project", "--overwrite"
    )
    assert contents(tmp_path) == before


def test_a_run_with_a_users_file_in_its_folders_is_left_alone(run):
    mine = run / "samples" / "favourites" / "best.png"
    mine.parent.mkdir()
    Image.fromarray(np.zeros((4, 4, 3), "uint8")).save(mine)
    before = contents(run)
    message = refused(*SHORT, "--overwrite", "--out", run)
    assert "samples/favourites/best.png" in message
    assert contents(run) == before


def test_a_users_file_that_came_while_the_data_was_loaded_is_kept(run, monkeypatch):
    from kgan.runs import RunFolder

    lock = RunFolder.lock

    def late(self):
        lock(self)
        (run / "samples" / "notes.txt").write_text("mine")

    monkeypatch.setattr(RunFolder, "lock", late)
    assert "samples/notes.txt" in refused(*SHORT, "--overwrite", "--out", run)
    assert (run / "checkpoints" / "step-0000020").is_dir()


def test_a_run_that_another_process_made_meanwhile_is_kept(finished, tmp_path, monkeypatch):
    from kgan.cli import training

    out, prepare = tmp_path / "run", training.prepare

    def slowly(*arguments):
        job = prepare(*arguments)
        shutil.copytree(finished, out)
        return job

    monkeypatch.setattr(training, "prepare", slowly)
    assert "holds a run already" in refused(*SHORT, "--out", out)
    assert contents(out) == contents(finished)


@pytest.mark.slow
def test_a_run_of_an_earlier_release_is_replaced(run):
    (run / "saved_model" / ".kgan.json").unlink()
    for picture in (run / "samples").glob("*.png"):
        Image.open(picture).copy().save(picture)
    assert command(*SHORT[:-1], 2, "--overwrite", "--out", run).status == 0
    assert json.loads((run / "config.json").read_text())["total_steps"] == 2
