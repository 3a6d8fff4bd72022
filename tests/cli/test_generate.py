"""`kgan generate` and `kgan export`: samples and a SavedModel from a run."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from command_line import command, contents, done, refused
from PIL import Image

import kgan
from kgan import records

SERVE = """
import sys, numpy as np, tensorflow as tf
assert not any(name.split(".")[0] == "kgan" for name in sys.modules)
sys.modules["kgan"] = None
model = tf.saved_model.load(sys.argv[1])
samples = model.sample(tf.constant(5), tf.constant(7, tf.int64))
np.save(sys.argv[2], samples.numpy())
"""


def generate(run, out, *words):
    done("generate", run, "-n", 5, "--seed", 7, "-o", out, *words)
    return out


def test_the_same_seed_gives_the_same_files(finished, tmp_path):
    for name in ("a.png", "a.npz", "folder"):
        one = generate(finished, tmp_path / "one" / name)
        two = generate(finished, tmp_path / "two" / name)
        same = contents if one.is_dir() else type(one).read_bytes
        assert same(one) == same(two)
    with np.load(tmp_path / "one" / "a.npz") as arrays:
        samples = arrays["samples"]
    expected = kgan.load(finished / "gan.keras").generate(5, seed=7)
    np.testing.assert_array_equal(samples, expected)
    names = sorted(path.name for path in (tmp_path / "one" / "folder").iterdir())
    assert names == [f"sample-{n}.png" for n in range(5)]
    with Image.open(tmp_path / "one" / "folder" / "sample-3.png") as image:
        pixels = np.asarray(image)
    np.testing.assert_array_equal(pixels, kgan.pictures.to_rgb(expected, (-1.0, 1.0))[3])


def test_without_a_seed_they_are_new_and_can_be_had_again(finished, tmp_path):
    out = done("generate", finished, "-n", 2, "-o", tmp_path / "a.npz")
    done("generate", finished, "-n", 2, "-o", tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "b.npz").read_bytes()
    seed = out.split("--seed ")[1].split()[0]
    done("generate", finished, "-n", 2, "-o", tmp_path / "c.npz", "--seed", seed)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "c.npz").read_bytes()


def test_truncation_draws_other_samples(finished, tmp_path):
    whole = generate(finished, tmp_path / "whole.npz")
    near = generate(finished, tmp_path / "near.NPZ", "--truncation", 0.3)
    assert whole.read_bytes() != near.read_bytes()


def test_the_newest_state_is_taken(finished, run, tmp_path):
    expected = generate(finished, tmp_path / "finished.npz").read_bytes()
    # Times of files say nothing: a copy has new ones.
    (run / "gan.keras").touch()
    assert generate(run, tmp_path / "same.npz").read_bytes() == expected
    # As after a crash between the last checkpoint and the finished model ...
    (run / "gan.keras").unlink()
    assert generate(run, tmp_path / "checkpoint.npz").read_bytes() == expected
    # ... and as after an interruption: whatever the newest checkpoint is.
    shutil.rmtree(run / "checkpoints" / "step-0000020")
    assert generate(run, tmp_path / "earlier.npz").read_bytes() != expected
    # An old finished model does not hide a checkpoint that a resumed run has written since.
    shutil.copytree(finished, tmp_path / "longer")
    for path in (tmp_path / "longer" / "checkpoints").glob("step-*"):
        later = path.rename(path.with_name(path.name.replace("00000", "00001")))
        note = json.loads((later / "state.json").read_text())
        note = {k: v for k, v in note.items() if k not in ("checksum", "format")}
        note["iterations"] += 100
        (later / "state.json").write_text(json.dumps(records.signed(note)))
    (tmp_path / "longer" / "gan.keras").write_bytes(b"not looked at")
    assert generate(tmp_path / "longer", tmp_path / "longer.npz").read_bytes() == expected


@pytest.mark.parametrize("name", ["a.png", "a.npz", "folder"])
def test_what_is_there_is_replaced_by_overwrite_alone(finished, tmp_path, name):
    out = generate(finished, tmp_path / name)
    before = contents(tmp_path)
    assert "--overwrite" in refused("generate", finished, "-n", 3, "-o", out)
    assert contents(tmp_path) == before
    done("generate", finished, "-n", 3, "-o", out, "--overwrite")
    assert contents(tmp_path) != before
    assert not out.is_dir() or len(list(out.iterdir())) == 3


def test_overwrite_does_not_delete_what_it_did_not_write(finished, pictures, tmp_path):
    folder = pictures(count=3)
    before = contents(folder)
    for words in (["generate", finished], ["export", finished]):
        assert "something else" in refused(*words, "-o", folder, "--overwrite")
    assert contents(folder) == before


def test_bad_input(finished, run, tmp_path):
    assert "'a.jpg'" in refused("generate", finished, "-o", tmp_path / "a.jpg")
    message = refused("generate", finished.parent / "finishd", "-o", tmp_path / "a.png")
    assert f"Did you mean {finished}?" in message
    (tmp_path / "file").write_text("")
    for name in ("a.png", "a.npz", "a"):
        assert "file" in refused("generate", finished, "-o", tmp_path / "file" / name)
    assert command("generate", finished, "-n", 0).status == 2
    assert command("generate", finished, "--truncation", "nan").status == 2
    shutil.rmtree(run / "checkpoints")
    (run / "gan.keras").unlink()
    assert "no saved state yet" in refused("generate", run, "-o", tmp_path / "a.png")
    assert "no saved state yet" in refused("export", run, "--overwrite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "run"]


def test_points_are_no_single_files(finished, tmp_path, gan, monkeypatch):
    monkeypatch.setattr("kgan.cli.sampling.trained", lambda run: gan)
    message = refused("generate", finished, "-o", tmp_path / "folder")
    assert "Single files are for images" in message
    generate(finished, tmp_path / "points.png")


@pytest.mark.slow
def test_export_serves_without_kgan(finished, run, tmp_path):
    assert "--overwrite" in refused("export", run)
    shutil.rmtree(run / "saved_model" / "variables")
    done("export", run, "--overwrite")
    done("export", finished, "-o", tmp_path / "new" / "serving")
    assert contents(run / "saved_model").keys() == contents(tmp_path / "new" / "serving").keys()
    out = tmp_path / "samples.npy"
    subprocess.run(
        [sys.executable, "-I", "-c", SERVE, run / "saved_model", out], check=True, cwd=tmp_path
    )
    expected = kgan.load(finished / "gan.keras").generate(5, seed=7)
    np.testing.assert_allclose(np.load(out), expected, atol=1e-6)
