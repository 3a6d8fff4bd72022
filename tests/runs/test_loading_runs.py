"""`kgan.load`: a damaged or incomplete file is answered, and never loaded as if it was whole."""

import contextlib
import json
import zipfile

import h5py
import numpy as np
import pytest

import kgan
from kgan.errors import InputError


@pytest.fixture
def path(networks, tmp_path):
    gan = kgan.GAN(*networks(), seed=1)
    gan.compile(ema=0.9)
    gan.save(tmp_path / "gan.keras")
    return tmp_path / "gan.keras"


def rewrite(path, name, change):
    """Replaces one file in an archive by `change` of it; None leaves it out."""
    with zipfile.ZipFile(path) as archive:
        held = {each: archive.read(each) for each in archive.namelist()}
    held[name] = change(held[name])
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in held.items():
            if content is not None:
                archive.writestr(each, content)


def change_weights(path, change):
    with zipfile.ZipFile(path) as archive:
        weights = archive.extract("model.weights.h5", path.parent)
    with h5py.File(weights, "r+") as file:
        change(file)
    with open(weights, "rb") as file:
        content = file.read()
    rewrite(path, "model.weights.h5", lambda before: content)


def test_a_bit_that_has_flipped_is_noticed(path):
    whole = path.read_bytes()
    expected = kgan.load(path).generate(2, seed=0)
    for place in np.linspace(0, len(whole) - 1, 40).astype(int):
        content = bytearray(whole)
        content[place] ^= 4
        path.write_bytes(content)
        # Some bits say nothing, such as those of the date of a file.
        with contextlib.suppress(InputError):
            np.testing.assert_array_equal(kgan.load(path).generate(2, seed=0), expected)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("config.json", lambda held: b"[" * 100_000),
        ("config.json", lambda held: held[:-9]),
        ("config.json", lambda held: b"3"),
        ("config.json", lambda held: held.replace(b'"seed"', b'"sead"')),
        ("config.json", lambda held: None),
        ("model.weights.h5", lambda held: None),
        ("model.weights.h5", lambda held: held[: len(held) // 2]),
        ("model.weights.h5", lambda held: b""),
    ],
)
def test_a_file_with_wrong_content_is_refused(path, name, change):
    rewrite(path, name, change)
    with pytest.raises(InputError, match="gan.keras"):
        kgan.load(path)


def test_a_file_without_its_optimizers_is_incomplete(path):
    def leave_out(file):
        for name in [name for name in file if name.endswith("_optimizer")]:
            del file[name]

    change_weights(path, leave_out)
    with pytest.raises(InputError, match=r"incomplete.*d_optimizer, g_optimizer.*compile=False"):
        kgan.load(path)
    assert kgan.load(path, compile=False).generate(2).shape == (2, 2)


@pytest.mark.parametrize("role", ["generator", "average"])
def test_weights_that_are_no_numbers_are_named(path, role):
    def spoil(file):
        names = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
        name = next(name for name in names if name.startswith(role) and file[name].ndim == 2)
        file[name][0, 0] = np.nan

    change_weights(path, spoil)
    with pytest.raises(InputError, match=f"NaN or Inf in .* of the {role}"):
        kgan.load(path)


def test_a_file_of_a_newer_version_says_so(path):
    def newer(held):
        config = json.loads(held)
        assert config["build_config"]["format"] == 1
        config["build_config"] = {"format": 2, "kgan": "7.1"}
        # As a newer version may write it, this one could not read it.
        config["config"] = {"networks": []}
        return json.dumps(config).encode()

    rewrite(path, "config.json", newer)
    with pytest.raises(InputError, match=r"written by kgan 7\.1 in format 2.*Update kgan"):
        kgan.load(path)


def test_the_way_out_names_the_checkpoints_beside(path):
    (path.parent / "checkpoints").mkdir()
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match="checkpoints are beside it"):
        kgan.load(path)
