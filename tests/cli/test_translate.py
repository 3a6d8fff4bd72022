"""Families that start from images, on the command line, with a user's own files."""

import json

import numpy as np
import pytest
from command_line import command, done, refused
from PIL import Image

TINY = ("-O", "width=4", "--quiet")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Sides A and B of pairs, and photos of other sizes."""
    root = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for name in ("pairs/A", "pairs/B", "photos"):
        (root / name).mkdir(parents=True)
    for place in range(8):
        image = random.integers(0, 255, (16, 16, 3)).astype("uint8")
        Image.fromarray(image).save(root / "pairs" / "A" / f"{place}.png")
        Image.fromarray(255 - image).save(root / "pairs" / "B" / f"{place}.png")
    for place in range(3):
        image = random.integers(0, 255, (37 + place, 50, 3)).astype("uint8")
        Image.fromarray(image).save(root / "photos" / f"{place}.png")
    return root


@pytest.mark.slow
def test_pix2pix_from_a_folder_of_pairs_to_translated_files(folders, tmp_path):
    run = tmp_path / "run"
    said = done("train", "pix2pix", "--data", folders / "pairs", "--steps", 4, "--out", run, *TINY)
    assert f"kgan translate {run}" in said
    assert "serve(images)" in said
    assert (run / "samples" / "step-0000004.png").is_file()
    assert "the figures flatter it" in command("evaluate", run).err
    figures = json.loads((run / "evaluations.json").read_text())[0]["figures"]
    assert {"psnr", "ssim"} <= figures.keys()
    done("translate", run, folders / "photos", "-o", tmp_path / "made")
    for place in range(3):
        assert Image.open(tmp_path / "made" / f"{place}.png").size == (50, 37 + place)
    for name in ("a.png", "a.jpg", "b/a.png"):
        (tmp_path / "mixed" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "mixed" / name)
    done("translate", run, tmp_path / "mixed", "-o", tmp_path / "several")
    names = {
        p.relative_to(tmp_path / "several").as_posix()
        for p in (tmp_path / "several").rglob("*.png")
    }
    assert names == {"a.png.png", "a.jpg.png", "b/a.png"}
    for words, message in (
        ((tmp_path / "mixed", "-o", tmp_path / "x.png"), "a folder for a folder"),
        ((tmp_path / "mixed", "-o", tmp_path / "mixed", "--overwrite"), "would be lost"),
        ((tmp_path / "mixed" / "a.png", "-o", tmp_path / "mixed" / "a.png", "--overwrite"), "lost"),
    ):
        assert message in refused("translate", run, *words)
    assert "says nothing" in refused("evaluate", run, "--floor")
    done("translate", run, folders / "photos" / "0.png", "-o", tmp_path / "one.png")
    one, same = Image.open(tmp_path / "one.png"), Image.open(tmp_path / "made" / "0.png")
    np.testing.assert_array_equal(one, same)


@pytest.mark.slow
def test_cyclegan_goes_on_and_translates_both_ways(folders, tmp_path):
    run = tmp_path / "run"
    sides = ("--data", folders / "pairs" / "A", "--data-b", folders / "pairs" / "B")
    done("train", "cyclegan", *sides, "--steps", 2, "--out", run, "-O", "blocks=1", *TINY)
    done("train", "--resume", "--out", run, "--steps", 4, "--quiet")
    for direction in ("a2b", "b2a"):
        done(
            "translate", run, folders / "photos" / "1.png", "--direction", direction,
            "-o", tmp_path / f"{direction}.png",
        )  # fmt: skip
    made = [np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("a2b", "b2a")]
    assert made[0].shape == (38, 50, 3)
    assert (made[0] != made[1]).any()


@pytest.mark.slow
def test_srgan_trains_its_two_stages_and_enlarges(folders, tmp_path):
    run = tmp_path / "run"
    said = done(
        "train", "srgan", "--data", folders / "photos", "--size", 32, "--steps", 2,
        "--batch-size", 4, "--out", run, "-O", "blocks=1", "-O", "content=pixels", *TINY,
    )  # fmt: skip
    assert "First 10 steps on the pixels alone" in said
    said = done("train", "--resume", "--out", run, "--steps", 4, "--quiet")
    assert "on the pixels alone" not in said
    done("upscale", run, folders / "photos" / "2.png", "-o", tmp_path / "large.png")
    assert Image.open(tmp_path / "large.png").size == (200, 156)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "pix2pix", "--data", "digits"), "pairs of images"),
        (("train", "cyclegan", "--data", "{root}/photos"), "no two domains"),
        (("train", "srgan", "--data", "{root}/pairs"), "smaller than a crop"),
        (("train", "vanilla", "--data-b", "{root}"), "--data-b"),
        (("translate", "{root}/run", "{root}/none"), "no file or folder"),
        (("translate", "{root}/run", "{root}/photos/0.png", "-o", "x.jpg"), "FILE.png"),
        (("upscale", "{root}/run", "{root}/photos"), "holds no run"),
    ],
)
def test_what_does_not_fit_is_said(folders, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(*(word.format(root=folders) for word in words))
    assert not list(tmp_path.iterdir())
