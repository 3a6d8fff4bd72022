"""`kgan balance`: what is written, what is said, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from command_line import command, config, contents, done, refused
from PIL import Image
from tiny_family import TINY

import kgan
from kgan import models
from kgan.cli.balancing import folder_names, numbered_as
from kgan.disk import marks
from kgan.errors import InputError

NAMES = ("bar", "dot", "pole")


def strokes(random, label, count, channels=3, side=8):
    """Bright bars, dots and poles on black, uint8."""
    images = np.zeros((count, side, side, channels), "uint8")
    for image, place in zip(images, random.integers(1, side - 1, count), strict=True):
        rows, columns = [(place, slice(None)), (place, place), (slice(None), place)][label]
        image[rows, columns] = random.integers(150, 256, channels)
    return images


class _Drawing:
    """Makes the model of a run draw what is asked for, or always bars."""

    def __init__(self, monkeypatch, always=None):
        def trained(run):
            gan = kgan.runs.trained(run)

            def generate(n=None, *, labels=None, seed=None, **settings):
                random = np.random.default_rng(seed)
                return np.concatenate(
                    [
                        strokes(random, each if always is None else always, 1, 3) / 127.5 - 1
                        for each in labels
                    ]
                ).astype("float32")

            monkeypatch.setattr(gan, "generate", generate)
            return gan

        monkeypatch.setattr("kgan.cli.balancing.trained", trained)


@pytest.fixture(scope="module")
def unequal(tmp_path_factory):
    """A folder with 40 bars, 8 dots and 30 poles, in colour."""
    folder = tmp_path_factory.mktemp("data") / "shapes"
    random = np.random.default_rng(0)
    for label, count in enumerate((40, 8, 30)):
        (folder / NAMES[label]).mkdir(parents=True)
        for index, image in enumerate(strokes(random, label, count)):
            Image.fromarray(image).save(folder / NAMES[label] / f"{index:03}.png")
    return folder


@pytest.fixture(scope="module")
def trained_run(unequal, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "shapes"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.CATALOGUE, "tiny", TINY)
        words = ("-O", "classes=3", "--steps", 2, "--batch-size", 8, "--quiet")
        done("train", "tiny", "--data", unequal, "--split", "train", *words, "--out", run)
    return run


def files(folder):
    return {
        name: len(list((folder / name).iterdir()))
        for name in sorted(p.name for p in folder.iterdir())
    }


@pytest.mark.slow
def test_a_folder_by_class_that_can_be_trained_on(trained_run, unequal, tmp_path, monkeypatch):
    _Drawing(monkeypatch)
    out = tmp_path / "more"
    said = done("balance", trained_run, "-o", out)
    # The folders' order is that of their names; bars lack nothing.
    assert files(out) == {"dot": 32, "pole": 10}
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines()[1:4]}
    assert rows["bar"] == ["40", "0", "0", "0"]  # and no variety of none
    for name, (real, lacked) in {"pole": (30, 10), "dot": (8, 32)}.items():
        count, generated, rejected, drawn = map(int, rows[name][:4])
        assert 0.5 < float(rows[name][4]) < 2
        assert (count, generated, drawn - rejected) == (real, lacked, lacked)
    assert f"42 generated samples in {out}" in said
    with Image.open(next((out / "dot").iterdir())) as image:
        assert image.mode == "RGB" and image.size == (8, 8)
        # A dot: one bright place, and it is the model's.
        assert (np.asarray(image).max(axis=2) > 100).sum() == 1
    # The same seed writes the same files, and another one others.
    before = contents(out)
    assert "already exists" in refused("balance", trained_run, "-o", out)
    done("balance", trained_run, "-o", out, "--overwrite")
    assert contents(out) == before
    done("balance", trained_run, "-o", out, "--overwrite", "--seed", 5)
    assert contents(out).keys() == before.keys() and contents(out) != before


def test_with_the_real_ones_it_is_a_data_set(trained_run, unequal, tmp_path, monkeypatch):
    _Drawing(monkeypatch)
    out = tmp_path / "all"
    said = done("balance", trained_run, "--with-real", "--to", 45, "-o", out)
    assert files(out) == {"bar": 45, "dot": 45, "pole": 45}
    assert "57 generated and 78 real samples" in said
    data = kgan.data.load(out, labels=True, batch_size=8)
    assert data.info.class_names == ("bar", "dot", "pole") and data.info.size == 135
    # The real ones are what they were, to the last bit.
    written = {Image.open(path).tobytes() for path in out.glob("*/real-*.png")}
    assert written == {Image.open(path).tobytes() for path in unequal.glob("*/*.png")}
    assert all(marks.program(path) == "kgan balance" for path in out.rglob("*.png"))


def test_arrays(trained_run, tmp_path, monkeypatch):
    _Drawing(monkeypatch)
    out = tmp_path / "more.npz"
    done("balance", trained_run, "-o", out)
    with np.load(out) as arrays:
        names = config(trained_run)["data"]["class_names"]
        counts = np.bincount(arrays["labels"], minlength=3)
        assert dict(zip(names, counts.tolist(), strict=True)) == {"bar": 0, "dot": 32, "pole": 10}
        assert arrays["samples"].shape == (42, 8, 8, 3)
        # Dots have one bright place, poles eight.
        bright = (arrays["samples"].max(axis=3) > 0).sum(axis=(1, 2))
        np.testing.assert_array_equal(
            bright, np.where(arrays["labels"] == names.index("dot"), 1, 8)
        )


def test_a_model_that_does_not_draw_the_class_is_given_up(trained_run, tmp_path, monkeypatch):
    _Drawing(monkeypatch, always=0)
    message = refused("balance", trained_run, "-o", tmp_path / "more")
    assert "'dot'" in message and "recognises" in message and "--confidence 0.5" in message
    assert list(tmp_path.iterdir()) == []


def test_other_data_is_numbered_by_the_names_of_its_folders(
    trained_run, unequal, tmp_path, monkeypatch
):
    _Drawing(monkeypatch)
    other = shutil.copytree(unequal, tmp_path / "other")
    # Without bars the poles' number is another.
    shutil.rmtree(other / "bar")
    message = refused("balance", trained_run, "--data", other, "-o", tmp_path / "a")
    assert "0 samples of class 'bar'" in message
    (other / "dot").rename(other / "point")
    message = refused("balance", trained_run, "--data", other, "-o", tmp_path / "a")
    assert "'point'" in message and "bar, dot, pole" in message


def test_what_is_refused(trained_run, finished, tmp_path):
    out = ("-o", tmp_path / "a")
    assert "not conditioned on a class" in refused("balance", finished, *out)
    assert "no run" in refused("balance", tmp_path / "none", *out).lower()
    assert "-o takes" in refused("balance", trained_run, "-o", tmp_path / "a.png")
    mine = tmp_path / "mine" / "dot"
    mine.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(mine / "generated-0.png")
    message = refused("balance", trained_run, "-o", tmp_path / "mine", "--overwrite")
    assert "dot/generated-0.png" in message
    assert list(mine.iterdir()) == [mine / "generated-0.png"]
    message = refused("balance", trained_run, "--to", 3, *out)
    assert "No class lacks anything" in message and "--to 80" in message


def test_names_of_folders():
    names = ["a/b", "a_b", "", ".hidden", "con.", "A_B"]
    found = folder_names(names, 8)
    assert len({name.lower() for name in found}) == 8
    assert not any("/" in name or name.startswith(".") or not name for name in found)
    assert found[0] == "a_b" and found[6:] == ["6", "7"]
    assert folder_names((), 12)[:2] == ["00", "01"]


def test_numbers_by_name():
    labels = np.array([0, 1, 1])
    np.testing.assert_array_equal(numbered_as(labels, ("b", "a"), ("a", "b", "c")), [1, 0, 0])
    np.testing.assert_array_equal(numbered_as(labels, (), ("a", "b")), labels)
    with pytest.raises(InputError, match="'d'"):
        numbered_as(labels, ("a", "d"), ("a", "b"))


def test_evaluation_knows_usefulness_by_its_name(trained_run, tmp_path, monkeypatch):
    run = shutil.copytree(trained_run, tmp_path / "run")
    monkeypatch.setattr(
        "kgan.metrics.usefulness_metric.Usefulness.__init__.__defaults__",
        (None, 1, "auto", 5, None, "usefulness"),
    )
    result = command("evaluate", run, "-m", "usefulness", "-n", 60)
    assert result.status == 0, result.err
    record = json.loads((run / "evaluations.json").read_text())[-1]
    assert 0 <= record["figures"]["usefulness_real"] <= 1
    assert record["rests_on"]["usefulness"]["training"] == 78
