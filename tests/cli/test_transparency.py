"""`--channels 4`, `--background` and `--balance`: from a folder to samples with transparency."""

import numpy as np
import pytest
from command_line import command, config, done, refused
from PIL import Image

import kgan

TRAIN = ("train", "vanilla", "--preset", "relu", "--batch-size", 3, "--steps", 2, "--quiet")


@pytest.fixture
def stickers(tmp_path):
    """Red and blue squares on transparent ground: nine of one class and three of the other."""
    for name, count, colour in (("blue", 9, (0, 0, 255, 255)), ("red", 3, (255, 0, 0, 255))):
        (tmp_path / "stickers" / name).mkdir(parents=True)
        for number in range(count):
            values = np.zeros((16, 16, 4), "uint8")
            values[number : number + 6, 2:9] = colour
            Image.fromarray(values).save(tmp_path / "stickers" / name / f"{number}.png")
    return tmp_path / "stickers"


@pytest.mark.slow
def test_a_run_learns_transparency_and_writes_it(stickers, tmp_path):
    run = tmp_path / "run"
    done(*TRAIN, "--data", stickers, "--channels", 4, "--out", run)
    assert config(run)["data"]["shape"] == [16, 16, 4]
    done("generate", run, "-n", 3, "--seed", 1, "-o", tmp_path / "samples")
    expected = kgan.load(run / "gan.keras").generate(3, seed=1)
    assert expected.shape == (3, 16, 16, 4)
    for number, sample in enumerate(expected):
        with Image.open(tmp_path / "samples" / f"sample-{number}.png") as image:
            assert image.mode == "RGBA"
            written = np.asarray(image).astype(float)
        np.testing.assert_allclose(written, (sample + 1) * 127.5, atol=0.51)
    done("generate", run, "-n", 3, "--seed", 1, "-o", tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.mode == "RGB"
    # The data is read again as it was, to be measured.
    result = command("evaluate", run, "--extractor", "values", "-n", 8, "-m", "precision")
    assert result.status == 0 and "precision" in result.out, result.err


def test_the_background_and_the_balance_reach_the_data(stickers, prepared, tmp_path):
    words = (*TRAIN, "--data", stickers, "--out", tmp_path / "run")
    job = prepared(*words, "--background", "#ff8000", "--balance", "classes")
    assert job.dataset.info.balance == "classes"
    assert job.settings["balance"] == "classes" and job.settings["background"] == "#ff8000"
    images, labels = zip(*[*job.dataset, *job.dataset], strict=True)
    corners = np.concatenate(images)[:, 15, 15]
    np.testing.assert_allclose(corners, np.tile([1, 128 / 127.5 - 1, -1], (24, 1)), atol=1e-5)
    assert np.bincount(np.concatenate(labels)).tolist() == [12, 12]
    assert prepared(*words).dataset.info.balance is None


def test_what_has_no_background_or_classes_is_refused(stickers, tmp_path):
    words = (*TRAIN, "--out", tmp_path / "run")
    assert "is no folder" in refused(*words, "--data", "digits", "--background", "black")
    assert "is a colour" in refused(*words, "--data", stickers, "--background", "blackish")
    assert "no labels" in refused(*words, "--data", stickers / "red", "--balance", "classes")
    assert "only 1 (grey) and 3" in refused(*words, "--data", "digits", "--channels", 4)
    cyclegan = ("train", "cyclegan", "--data", stickers / "red", "--data-b", stickers / "blue")
    for option in ("--background", "black"), ("--balance", "classes"):
        assert "single images" in refused(*cyclegan, "--out", tmp_path / "run", *option)
    assert not (tmp_path / "run").exists()
