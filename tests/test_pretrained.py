"""The trained models that the package carries."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import pretrained
from kgan.errors import InputError
from kgan.metrics import extractors
from kgan.runs import RunFolder

CARRIED = pretrained.names()


def command(*words, folder):
    return subprocess.run(
        [sys.executable, "-m", "kgan", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_are_some_and_they_are_small():
    assert {"digits", "ring", "grid"} <= set(CARRIED)
    files = [path for name in CARRIED for path in pretrained.folder(name).rglob("*.*")]
    kinds = {"card.json", "config.json", "evaluations.json", "gan.keras"}
    assert {path.name for path in files if path.parent.name != "samples"} == kinds
    assert sum(path.stat().st_size for path in files) < 12 * 2**20
    for name in CARRIED:
        texts = [path.read_text() for path in pretrained.folder(name).glob("*.json")]
        assert not any(place in text for text in texts for place in ("/tmp", "/home", "/root"))
        assert len(list((pretrained.folder(name) / "samples").iterdir())) == 1


def chances(samples, value_range):
    """Returns the probabilities of the ten digits, by kgan's classifier of real ones."""
    extractor = extractors.get("digits", samples.shape[1:], classes=True)
    extractor.prepare(samples.shape[1:], value_range)
    logits = np.asarray(extractor(samples).logits, "float64")
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


OTHERS = ("ring", "grid", "mnist-ink", "photographs-x4")


@pytest.mark.parametrize("name", [name for name in CARRIED if name not in OTHERS])
def test_they_draw_every_digit_and_that_which_is_asked_for(name):
    gan = kgan.load(name)
    assert gan.average is None
    labels = np.arange(200) % 10 if gan.classes else None
    found = chances(gan.generate(200, labels=labels, seed=0), gan.data_range)
    assert found.max(1).mean() > 0.85
    if labels is None:
        assert set(found.argmax(1)) == set(range(10))
    else:
        assert (found.argmax(1) == labels).mean() > 0.9


def test_digits_are_translated_to_ink_and_back():
    grey = kgan.load("mnist").generate(100, seed=0).repeat(3, -1)
    gan = kgan.models.CycleGAN.from_preset("mnist-ink")
    inked = gan.translate(grey, "a2b")
    # The colours that black and white become, in [-1, 1].
    paper, ink = np.array([0.9, 0.7, 0.2]), np.array([-0.7, -0.6, 0.1])
    for shade, colour in ((grey < -0.95, paper), (grey > 0.95, ink)):
        found = [np.median(inked[..., each][shade[..., 0]]) for each in range(3)]
        np.testing.assert_allclose(found, colour, atol=0.15)
    back = gan.translate(inked, "b2a")
    assert np.abs(back - grey).mean() < 0.1
    before, after = (chances(each[..., :1], (-1, 1)).argmax(1) for each in (grey, back))
    assert (before == after).mean() > 0.9


def test_a_photograph_is_enlarged_better_than_by_bicubic_interpolation():
    skimage_data = pytest.importorskip("skimage.data")
    # A cat, which it was not trained on.
    whole = tf.cast(skimage_data.chelsea()[None, :296, :448], tf.float32) / 127.5 - 1
    small = tf.image.resize(whole, (74, 112), "bicubic", antialias=True)
    small = tf.clip_by_value(small, -1, 1)
    gan = kgan.models.SRGAN.from_preset("photographs-x4")
    bicubic = tf.clip_by_value(tf.image.resize(small, (296, 448), "bicubic"), -1, 1)
    enlarged, plain = (
        float(kgan.metrics.psnr(whole, each, crop=4)[0])
        for each in (gan.upscale(small.numpy()), bicubic)
    )
    assert enlarged > plain + 0.2


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_points_lie_where_the_card_says(name):
    gan = kgan.models.R3GAN.from_preset(name)
    info = kgan.data.load(name, n=100).info
    metric = kgan.metrics.ModeCoverage(info.modes)
    points = gan.generate(2500, seed=0)
    found = kgan.metrics.measure([metric], points, points, value_range=gan.data_range)
    assert found["modes"] == len(info.modes.centres)
    assert found["high_quality"] == pytest.approx(
        pretrained.card(name)["carried"]["high_quality"], abs=0.03
    )


def test_from_preset_trains_further_and_names_the_right_family():
    gan = kgan.models.VanillaGAN.from_preset("digits")
    gan.compile()
    history = gan.fit(kgan.data.load("digits"), epochs=1, steps_per_epoch=2, verbose=0).history
    assert np.isfinite(history["d_loss"][0])
    with pytest.raises(InputError, match=r"'ring' is of the family R3GAN\. VanillaGAN has 'dig"):
        kgan.models.VanillaGAN.from_preset("ring")
    with pytest.raises(InputError, match="Unknown trained model 'rings'.*'ring'"):
        kgan.models.R3GAN.from_preset("rings")


@pytest.mark.slow
def test_on_the_command_line_and_never_written_to(tmp_path):
    before = {p: p.read_bytes() for n in CARRIED for p in pretrained.folder(n).rglob("*.*")}
    done = command("generate", "digits", "-n", "9", "--seed", "1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "samples.png").is_file()
    done = command("export", "digits", folder=tmp_path)
    assert done.returncode == 1 and "-o FOLDER" in done.stderr
    listed = command("models", folder=tmp_path).stdout
    assert all(f"\n{name} " in listed for name in CARRIED)
    shown = json.loads(command("models", "digits", "--json", folder=tmp_path).stdout)
    assert shown["class"] == "VanillaGAN"
    # A folder of the user's comes before the name.
    (tmp_path / "digits").mkdir()
    done = command("generate", "digits", folder=tmp_path)
    assert done.returncode == 1 and "holds no run" in done.stderr
    assert RunFolder.find(tmp_path / "digits").path == Path(tmp_path / "digits")
    assert before == {p: p.read_bytes() for n in CARRIED for p in pretrained.folder(n).rglob("*.*")}
