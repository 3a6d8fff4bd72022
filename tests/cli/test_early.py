"""What is wrong with a command line is said before TensorFlow is loaded."""

import subprocess
import sys

import pytest
from command_line import command, done, refused

import kgan
from kgan import losses, penalties
from kgan.augment import BUILT_IN
from kgan.cli import early

# Every command in one process, because each new one takes half a second to start.
ASK = """
import sys
from kgan.cli.commands import main
for words in {commands!r}:
    try:
        main(words)
    except SystemExit as stop:
        assert stop.code, words
    slow = {{"tensorflow", "keras"}} & set(sys.modules)
    assert not slow, (words, slow)
"""


def test_what_needs_no_tensorflow_is_said_without_it(tmp_path):
    said = {
        ("train", "nosuch"): "Unknown model 'nosuch'",
        ("train", "outo"): "Unknown model 'outo'. Did you mean 'auto'",
        ("train", "auto", "--size", "50"): "Images of 50x50 cannot be made",
        ("train", "r3gan", "-O", "nosuch=3"): "Unknown option of model r3gan: 'nosuch'",
        ("train", "dcgan", "-O", "width=abc"): "width must be a positive integer; got 'abc'",
        ("train", "r3gan", "--preset", "nosuch"): "Unknown preset of R3GAN 'nosuch'",
        ("train", "r3gan", "--size", "30"): "for instance with --size 32",
        ("train", "pix2pix", "--size", "30x32"): "Images of 30x32 cannot be halved twice",
        ("train", "--loss", "hing"): "Unknown loss 'hing'. Did you mean 'hinge'",
        ("train", "--penalty", "r3=4"): "Unknown penalty 'r3'",
        ("train", "--augment", "nosuch"): "Unknown augmentation 'nosuch'",
        ("train", "--data", "./nowhere"): "There is no folder ./nowhere",
        ("train", "--data", "nowhere.npz"): "There is no file nowhere.npz",
        ("train", "--data", "mnst"): "Unknown dataset 'mnst'. Did you mean 'mnist'",
        ("train", "--devices", "2", "--loss", "hing"): "Unknown loss 'hing'",
        ("train", "--warm-start", "nowhere.keras"): "nowhere.keras' to take weights from",
        ("evaluate", "nowhere", "-m", "nosuch"): "Unknown metric 'nosuch'",
        ("evaluate", "nowhere"): "nowhere holds no run",
        ("generate", "nowhere"): "nowhere holds no run",
        ("train", "--resume", "--out", "nowhere"): "nowhere holds no run",
        ("models", "nosuch"): "Unknown model 'nosuch'",
    }
    asked = subprocess.run(
        [sys.executable, "-c", ASK.format(commands=[list(words) for words in said])],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert asked.returncode == 0, asked.stderr
    lines = asked.stderr.splitlines()
    assert len(lines) == len(said)
    for line, expected in zip(lines, said.values(), strict=True):
        assert line.startswith("Error: ") and expected in line
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_nearly_that_name_is_named(tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    said = refused("train", "auto", "--data", "picturs")
    assert "Did you mean the folder 'pictures' here?" in said


def test_a_folder_that_may_not_be_written_to_is_refused_before_any_look_at_the_data(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("mine")
    for words in (["auto"], ["auto", "--dry-run"], ["vanilla"]):
        said = refused("train", *words, "--data", "digits", "--out", tmp_path / "mine")
        assert "holds files that are no run" in said and "Looking at" not in said


def test_data_written_like_an_argument_is_answered_by_the_option():
    result = command("train", "auto", "pictures")
    assert result.status == 2 and "kgan train auto --data FOLDER" in result.err


def test_the_names_are_those_of_the_modules():
    assert list(early.names_in("kgan.losses")) == list(losses.BUILT_IN)
    assert list(early.names_in("kgan.penalties")) == list(penalties.BUILT_IN)
    assert sorted(early.names_in("kgan.augment")) == sorted(BUILT_IN)


def test_what_is_known_is_let_through(prepared, tmp_path):
    job = prepared("train", "--augment", "flip", "--loss", "hinge", "--penalty", "r1=2",
                   "--steps", 2, "--out", tmp_path / "run")  # fmt: skip
    assert type(job.gan.loss).__name__ == "Hinge"


def test_data_that_only_the_users_folder_has_is_not_refused_early(tmp_path, monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    (tmp_path / "my_own").mkdir()
    settings = {
        **{"model": "vanilla", "data": "my_own", "data_dir": str(tmp_path)},
        **{"options": [], "penalties": []},
        **dict.fromkeys(("data_b", "warm_start", "loss", "size", "discriminator_steps")),
    }
    monkeypatch.chdir(tmp_path / "my_own")
    early.check_training(settings)
    with pytest.raises(kgan.InputError, match="Unknown dataset 'my_owm'"):
        early.check_training(settings | {"data": "my_owm"})


def test_an_evaluation_of_what_is_there_is_let_through(tmp_path):
    early.check_evaluation(str(tmp_path), ("recall",))


def test_the_family_that_starts_from_images_says_what_it_takes(tmp_path):
    message = refused("train", "pix2pix", "--data", "nowhere", "--out", tmp_path / "run")
    assert "pairs of images" in message


def test_models_in_json():
    import json

    listed = json.loads(done("models", "--json"))
    assert [each["name"] for each in listed] == list(kgan.models.CATALOGUE)
    r3gan = json.loads(done("models", "R3GAN", "--json"))
    assert r3gan in listed
    assert r3gan["options"][0]["name"] == "classes" and r3gan["options"][0]["default"] == "0"
    assert r3gan["presets"]["narrow"]["widths"] == "(96, 48)" and r3gan["preset"] == "narrow"
    assert 32 in r3gan["squares"] and 30 not in r3gan["squares"]
    named = json.loads(done("datasets", "--json"))
    assert named[0]["name"] == "digits"


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_the_list_of_a_model_fits_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    said = done("models", "dcgan")
    assert max(map(len, said.splitlines())) <= min(columns, 100)
    for words in (
        "Radford et al. 2016",
        "latent_size  int, default 100",
        "Adam 0.0002",
        "11700",
        "64,",
    ):
        assert words in " ".join(said.split()) or words in said
