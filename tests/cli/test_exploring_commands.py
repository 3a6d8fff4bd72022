"""`kgan interpolate`, `kgan directions`, `kgan project` and `kgan play`, on the command line."""

import json
import shutil
import sys

import numpy as np
import pytest
from command_line import done, refused
from PIL import Image

import kgan
from kgan.playground.shown import Shown
from kgan.runs import RunFolder


def test_a_walk_is_written_in_every_form(tmp_path):
    words = ("interpolate", "digits", "--seed", 1, "--seed", 2, "--steps", 4, "-o")
    facts = json.loads(done(*words, "walk.npz", "--json"))
    assert facts["frames"] == 5 and facts["seeds"] == [1, 2]
    samples = np.load("walk.npz")["samples"]
    np.testing.assert_allclose(samples[4], kgan.load("digits").generate(1, seed=2)[0], atol=1e-5)
    done(*words, "walk.gif", "--loop")
    with Image.open("walk.gif") as film:
        assert film.n_frames == 8 and film.size == (256, 256)
    done(*words, "walk.png")
    assert "already exists" in refused(*words, "walk.png")
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="videos are the extra `video`")
    done(*words, "walk.mp4", "--fps", 10)
    frames = ffmpeg.read_frames("walk.mp4")
    facts = next(frames)
    assert facts["size"] == (256, 256) and facts["fps"] == 10
    # H.264 loses a little of each pixel.
    read = [np.frombuffer(frame, np.uint8).reshape(256, 256, 3) for frame in frames]
    expected = kgan.pictures.frames(samples, (0, 1) if samples.min() >= 0 else (-1, 1))
    assert len(read) == 5
    assert np.abs(read[2].astype(float) - expected[2]).mean() < 5


@pytest.mark.slow
def test_directions_and_projection_tell_what_they_found(tmp_path):
    facts = json.loads(done("directions", "digits", "-n", 2, "--seed", 3, "-o", "d.npz", "--json"))
    with np.load("d.npz") as file:
        assert file["samples"].shape == (2, 9, 8, 8, 1)
        middle = file["samples"][:, 4]
    expected = kgan.load("digits").generate(1, seed=3)
    np.testing.assert_allclose(middle, np.repeat(expected, 2, 0), atol=1e-5)
    assert facts["strengths"] == sorted(facts["strengths"], reverse=True)

    done("generate", "digits", "-n", 2, "--seed", 5, "-o", "given")
    given = ("given/sample-0.png", "given/sample-1.png")
    words = ("project", "digits", *given, "--steps", 30, "--starts", 1)
    facts = json.loads(done(*words, "-o", "p.png", "--latents", "found.npz", "--json"))
    assert [each["image"] for each in facts["images"]] == list(given)
    assert all(each["error"] < 0.15 for each in facts["images"])
    done("interpolate", "digits", "--latents", "found.npz", "--steps", 2, "-o", "w.npz")
    ends = np.load("w.npz")["samples"][[0, -1]]
    np.testing.assert_allclose(ends, np.load("found.npz")["samples"], atol=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("interpolate", "digits", "-o", "walk.avi"), "FILE.gif or FILE.mp4"),
        (("interpolate", "digits", "--seed", 1), "twice"),
        (("interpolate", "digits", "--latents", "none.npz"), "none.npz"),
        (("interpolate", "nowhere"), "holds no run"),
        (("directions", "digits", "-o", "d.gif"), "FILE.png or FILE.npz"),
        (("directions", "digits", "--label", 3), "not conditional"),
        (("project", "digits", "nothing.png"), "There is no file"),
        (("play", "nowhere"), "holds no run"),
    ],
)
def test_what_cannot_be_done_is_refused(words, message):
    assert message in refused(*words)


def test_the_playground_names_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install "kgan[play]"' in refused("play", "digits")


def test_a_run_in_training_is_shown_and_its_next_checkpoint_loaded(run):
    (run / "gan.keras").unlink()
    *_, newest = sorted(run.glob("checkpoints/step-*"))
    aside = shutil.move(newest, run / "aside")
    shown = Shown(RunFolder(run))
    before = shown.samples(1, 1, None, None)[0][0]
    first = shown.gan.steps_taken
    shutil.move(aside, newest)
    assert f"{shown.gan.steps_taken} steps" in shown.state
    shown.reload()
    assert shown.gan.steps_taken > first
    assert (shown.samples(1, 1, None, None)[0][0] != before).any()
