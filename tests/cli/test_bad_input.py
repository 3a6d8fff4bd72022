"""Bad input ends in one message that says what to do, and a nonzero status."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from command_line import SHORT, command, refused
from PIL import Image

import kgan


@pytest.fixture
def out(tmp_path):
    """Where no run is to appear."""
    yield tmp_path / "run"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "vanila"), ["model 'vanila'", "Did you mean 'vanilla'"]),
        (("train", "--data", "mnst"), ["'mnst'", "'mnist'"]),
        (("train", "--data", "./nowhere"), ["./nowhere", "digits"]),
        (("train", "--data", "nowhere.npz"), ["no file nowhere.npz"]),
        (("train", "--loss", "hing"), ["loss 'hing'", "Did you mean 'hinge'?"]),
        (("train", "--penalty", "r3"), ["penalty 'r3'", "'r1'"]),
        (("train", "--penalty", "r1=abc"), ["'r1=abc'", "NAME=WEIGHT"]),
        (("train", "--penalty", "r1=nan"), ["'r1=nan'"]),
        (("train", "--penalty", "r1=-1"), ["'r1=-1'"]),
        (("train", "--variant", "rel"), ["'rel'", "Did you mean 'relu'?"]),
        (("train", "-O", "latent=3"), ["'latent'", "Did you mean 'latent_size'?"]),
        (("train", "-O", "latent_size"), ["NAME=VALUE", "'latent_size'"]),
        (("train", "-O", "variant=[1]"), ["'variant=[1]'"]),
        (("train", "-O", "latent_size=many"), ["latent_size", "'many'"]),
        (("train", "r3gan", "-O", "preset=typo"), ["preset of R3GAN 'typo'", "Known: narrow"]),
        (("train", "r3gan", "-O", "preset=3"), ["preset of R3GAN 3"]),
        (("train", "began", "-O", "gamma=typo"), ["gamma", "'typo'"]),
        (("train", "began", "-O", "gamma=NaN"), ["gamma", "nan"]),
        (("train", "acgan", "-O", "dropout=true"), ["dropout", "True"]),
        (("train", "acgan", "-O", "classes=null"), ["classes", "None"]),
        (("train", "sngan", "-O", "classes=many"), ["classes", "'many'"]),
        (("train", "sagan", "-O", "attention=3"), ["attention", "3"]),
        (("train", "wgan", "-O", "clip=Infinity"), ["clip", "inf"]),
        (("train", "infogan", "-O", "categorical=typo"), ["categorical", "'typo'"]),
        (("train", "conditional", "-O", "preset=papr"), ["Did you mean 'paper'?"]),
        (("train", "-O", "variant=relu", "-O", "preset=relu"), ["give preset"]),
        (("train", "--split", "tset"), ["tset"]),
        (("train", "--batch-size", "2000"), ["1497 samples", "Use --batch-size 1497 or less."]),
        (("train", "--accumulation-steps", "7"), ["--accumulation-steps 7"]),
        (("train", "--discriminator-steps", "90"), ["--discriminator-steps 90"]),
        (("train", "--data", "ring", "--size", "8"), ["ring", "size"]),
    ],
)
def test_names_and_numbers(out, words, said):
    message = refused(*words, "--steps", 2, "--out", out)
    for part in said:
        assert part in message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cyclegan", "-O", "cycle=-1"), ["cycle", "-1"]),
        (("pix2pix", "-O", "l1=typo"), ["l1", "'typo'"]),
        (("srgan", "-O", "content_weight=NaN"), ["content_weight", "nan"]),
        (("srgan", "-O", "scale=typo"), ["scale", "'typo'"]),
    ],
)
def test_options_of_families_that_start_from_images(out, words, said, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
    for index in range(2):
        for name in ("a", "b", "."):
            picture = Image.new("RGB", (16, 8) if words[0] == "pix2pix" else (96, 96))
            picture.save(tmp_path / "images" / name / f"{index}.png")
    source = tmp_path / "images"
    places = ("--data", source)
    if words[0] == "cyclegan":
        places = ("--data", source / "a", "--data-b", source / "b")
    message = refused("train", *words, *places, "--batch-size", 1, "--out", out)
    for part in said:
        assert part in message


@pytest.mark.parametrize(
    "words",
    [
        ("trian",),
        ("train", "--stepz", "3"),
        ("train", "--steps", "0"),
        ("train", "--steps", "many"),
        ("train", "--seed", "-1"),
        ("train", "--seed", str(2**40)),
        ("train", "--learning-rate", "nan"),
        ("train", "--learning-rate", "0"),
        ("train", "--ema", "1"),
        ("train", "--size", "8by8"),
        ("train", "--size", "0"),
        ("train", "--channels", "2"),
        ("generate",),
    ],
)
def test_words_the_parser_refuses(out, words):
    result = command(*words, "--out", out)
    assert result.status == 2
    assert "Error: " in result.err and "Traceback" not in result.err


@pytest.mark.skipif(os.name == "nt", reason="names there are UTF-16")
def test_names_that_are_not_utf8(finished, tmp_path):
    odd = tmp_path / "caf\udce9"
    before = set(tmp_path.iterdir())
    # TensorFlow writes the event files and the SavedModel.
    for words in (("train", "--out", odd), ("export", finished, "-o", odd)):
        assert "a path in UTF-8, because TensorFlow writes there" in refused(*words)
    assert set(tmp_path.iterdir()) == before
    gan = kgan.load(finished / "gan.keras")
    with pytest.raises(kgan.InputError, match="filepath must be a path in UTF-8"):
        gan.export(odd)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="names there are UTF-16")
def test_a_name_that_is_not_utf8_is_written_to_and_shown(finished, tmp_path):
    odd = tmp_path / "caf\udce9"
    # A terminal that cannot show the name shows its bytes.
    done = subprocess.run(
        [sys.executable, "-m", "kgan", "generate", finished, "-n", "1", "-o", f"{odd}.png"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.returncode == 0, done.stderr
    assert "caf\\udce9.png" in done.stdout
    assert odd.with_suffix(".png").is_file()


def test_folders(out, pictures, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "No images in the folder" in refused("train", "--data", tmp_path / "empty", "--out", out)

    mixed = pictures("mixed", sizes=((8, 8), (8, 10)))
    message = refused("train", "--data", mixed, "--out", out)
    # Of the nine tenths that are trained on.
    counts = re.search(r"8x8 \((\d+) images.*8x10 \((\d+) images", message) or re.search(
        r"8x10 \((\d+) images.*8x8 \((\d+) images", message
    )
    assert sum(map(int, counts.groups())) == 108
    assert "like --size 64 or --size 64x96" in message

    damaged = pictures("damaged")
    (damaged / "007.png").write_bytes((damaged / "007.png").read_bytes()[:60])
    assert f"{damaged / '007.png'} (" in refused("train", "--data", damaged, "--out", out)

    few = pictures("few", count=9)
    message = refused("train", "--data", few, "--out", out)
    assert "9 samples" in message and message.endswith("Use --batch-size 9 or less.")


def test_arrays(out, tmp_path):
    values = np.zeros((200, 4), "float32")
    values[150, 2] = np.nan
    np.savez(tmp_path / "nan.npz", x_train=values)
    message = refused("train", "--data", tmp_path / "nan.npz", "--out", out)
    assert "Sample 150" in message and "nan" in message

    (tmp_path / "broken.npz").write_bytes(b"PK no archive")
    assert "broken.npz" in refused("train", "--data", tmp_path / "broken.npz", "--out", out)
    assert "is a file, but not an .npz" in refused("train", "--data", __file__, "--out", out)


def test_no_network_for_data_that_must_be_downloaded(out, tmp_path, monkeypatch):
    monkeypatch.setattr("kgan.data.tfds.online", lambda: False)
    message = refused("train", "--data", "mnist", "--data-dir", tmp_path, "--out", out)
    assert "no network" in message and "'digits'" in message and "Point --data-dir" in message


def test_a_fault_of_ours_is_not_hidden(out, monkeypatch):
    def fails(*arguments, **options):
        raise RuntimeError("a bug")

    monkeypatch.setattr("kgan.data.load", fails)
    with pytest.raises(RuntimeError, match="a bug"):
        command(*SHORT, "--out", out)
