"""The features of a reference on disk: found by content, never wrong, never in the way."""

import os
import shutil
import time

import keras
import numpy as np
import pytest
from PIL import Image
from sources import write_folder

import kgan
from kgan.evaluation import cache as kept
from kgan.evaluation.datasets import Data

NAMES = ["frechet_distance", "recall", "diversity"]


@pytest.fixture
def opened(monkeypatch):
    """The names of the data whose samples were read."""
    names, whole = [], Data.open

    def noted(self, frame):
        names.append(self.name)
        return whole(self, frame)

    monkeypatch.setattr(Data, "open", noted)
    return names


def compared(a, b, **settings):
    return kgan.compare(a, b, NAMES, extractor="values", floor=True, **settings)


def test_the_second_comparison_does_not_read_the_reference(folders, opened, cache, pixels):
    a, b, *_ = folders
    first = compared(a, b)
    assert opened == [str(a), str(b)] and not first.cached
    opened.clear()
    again = compared(a, b)
    assert opened == [str(a)] and again.cached
    assert (again.figures, again.floor) == (first.figures, first.floor)
    assert (again.a, again.b, again.rests_on) == (first.a, first.b, first.rests_on)
    # Other samples against the same reference find it, too.
    assert compared(pixels(30, 4), b).cached
    # Another place or time does not matter, only what is in the files.
    moved = shutil.move(b, b.parent / "moved")
    os.utime(moved / "000.png", (0, 0))
    opened.clear()
    assert compared(a, moved).cached and opened == [str(a)]
    assert len(list(cache.glob("*.features.npz"))) == 2


@pytest.mark.parametrize("change", ["pixel", "name", "more", "count", "seed", "split"])
def test_what_changes_the_features_is_noticed(folders, pixels, change):
    a, b, _, b_pixels = folders
    quick = {"metrics": ["recall"], "extractor": "values"}
    before = kgan.compare(a, b, **quick)
    settings = {"count": {"count": 60}, "seed": {"seed": 1}, "split": {"split": "train[:40]"}}
    if change == "pixel":
        b_pixels[3, 2, 2] ^= 1
        write_folder(b, b_pixels)
    elif change == "name":
        (b / "003.png").rename(b / "zzz.png")
    elif change == "more":
        write_folder(b, pixels(1, 7), names=["new"])
    found = kgan.compare(a, b, **quick, **settings.get(change, {}))
    assert before.b["samples"] == 70
    assert found.b["samples"] == {"count": 60, "split": 40, "more": 71}.get(change, 70)
    assert not found.cached


def test_the_range_of_values_is_a_part_of_what_they_are(folders):
    a, b = (pixels / np.float32(255) for pixels in folders[2:])
    one = kgan.compare(a, b, ["frechet_distance"], extractor="values", value_range=(0, 1))
    other = kgan.compare(a, b, ["frechet_distance"], extractor="values", value_range=(0, 2))
    assert not other.cached
    ratio = one.figures["frechet_distance"] / other.figures["frechet_distance"]
    assert ratio == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "empty"])
def test_damaged_features_are_computed_anew(folders, cache, damage):
    a, b, *_ = folders
    first = compared(a, b)
    for entry in cache.glob("*.features.npz"):
        content = bytearray(entry.read_bytes())
        if damage == "cut":
            del content[len(content) // 2 :]
        elif damage == "flipped":
            content[len(content) // 3] ^= 255
        elif damage == "empty":
            content.clear()
        entry.write_bytes(content)
        if damage == "other":
            np.savez(entry.open("wb"), facts=np.array("{}"), something=np.zeros(3))
    with pytest.warns(UserWarning, match="damaged"):
        again = compared(a, b)
    assert again.figures == first.figures and not again.cached
    assert compared(a, b).cached


def test_another_network_of_the_same_name_is_told_apart(folders):
    a, b, *_ = folders

    def network(seed):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((6, 6, 1))
        flat = keras.layers.Dense(5)(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, flat, name="mine")

    one = kgan.compare(a, b, ["recall"], extractor=network(1))
    assert one.rests_on["recall"]["extractor"] == "mine"
    assert kgan.compare(a, b, ["recall"], extractor=network(1)).cached
    assert not kgan.compare(a, b, ["recall"], extractor=network(2)).cached


def test_the_cache_can_be_left_alone(folders, cache):
    a, b, *_ = folders
    assert not compared(a, b, cache=False).cached
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_a_warning(folders, tmp_path, monkeypatch):
    a, b, *_ = folders
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KGAN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="KGAN_CACHE names another"):
        found = compared(a, b)
    assert found.figures["recall"] > 0


def test_the_place_is_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("KGAN_CACHE", str(tmp_path / "own"))
    assert kept.folder() == tmp_path / "own"
    monkeypatch.delenv("KGAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "users"))
    assert kept.folder() == tmp_path / "users" / "kgan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept.folder() == tmp_path / ".cache" / "kgan"


def test_what_was_used_longest_ago_makes_room(folders, cache, monkeypatch, pixels):
    a, b, *_ = folders
    kgan.compare(a, b, ["recall"], extractor="values")
    (oldest,) = cache.glob("*.features.npz")
    os.utime(oldest, (1, 1))
    kgan.compare(a, pixels(70, 8), ["recall"], extractor="values")
    assert len(list(cache.glob("*.features.npz"))) == 2
    monkeypatch.setattr(kept, "MOST_BYTES", 2 * oldest.stat().st_size + 100)
    kgan.compare(a, pixels(70, 9), ["recall"], extractor="values")
    assert len(list(cache.glob("*.features.npz"))) == 2 and not oldest.exists()


@pytest.mark.slow
def test_the_second_call_takes_a_third_of_the_first(tmp_path):
    """By the processors' time, which other processes disturb least."""
    random = np.random.default_rng(0)
    (tmp_path / "large").mkdir()
    for place in range(300):
        coarse = random.integers(0, 255, (12, 12, 3)).astype("uint8")
        image = Image.fromarray(coarse).resize((700, 700), Image.Resampling.BICUBIC)
        image.save(tmp_path / "large" / f"{place:03}.jpg")
    a = random.integers(0, 255, (100, 32, 32, 3)).astype("uint8")
    quick = {"metrics": ["recall"], "extractor": "cifar10", "size": 32}
    # What is loaded once a process belongs to neither call.
    kgan.compare(a, a[:50], **quick)
    taken = []
    for _ in range(2):
        before = time.process_time()
        found = kgan.compare(a, tmp_path / "large", **quick)
        taken.append(time.process_time() - before)
    assert found.cached and taken[1] < taken[0] / 3, taken
