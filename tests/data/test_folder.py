import numpy as np
import pytest
from PIL import Image

import kgan.data
from kgan.errors import InputError


def make(folder, count=6, size=(8, 8), channels=3, suffix="png", seed=0):
    """Random images in a folder; returns them as an array."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (count, *size, channels)).astype("uint8")
    for index, image in enumerate(values):
        Image.fromarray(np.squeeze(image)).save(folder / f"{index:03}.{suffix}")
    return values


def everything(dataset):
    batches = list(dataset)
    if isinstance(batches[0], tuple):
        return tuple(np.concatenate(column) for column in zip(*batches, strict=True))
    return np.concatenate(batches)


@pytest.mark.parametrize("cache", [True, False])
def test_a_flat_folder(tmp_path, cache):
    values = make(tmp_path / "photos")
    dataset = kgan.data.load(tmp_path / "photos", batch_size=3, shuffle=False, cache=cache)
    np.testing.assert_allclose(everything(dataset), values / 127.5 - 1, atol=1e-6)
    info = dataset.info
    assert (info.size, info.sample_shape, info.classes) == (6, (8, 8, 3), 0)
    assert info.cached == cache
    assert len(dataset) == 2


@pytest.mark.parametrize("cache", [True, False])
def test_sub_folders_are_classes(tmp_path, cache):
    make(tmp_path / "cats", 5)
    make(tmp_path / "dogs" / "small", 3, seed=1)
    make(tmp_path / "dogs" / "large", 4, seed=2)
    dataset = kgan.data.load(tmp_path, batch_size=4, cache=cache)
    assert dataset.info.class_names == ("cats", "dogs")
    images, labels = everything(dataset)
    assert np.bincount(labels).tolist() == [5, 7]
    assert dataset.element_spec[0].shape == (4, 8, 8, 3)
    # The label belongs to the image.
    cats = {
        image.tobytes() for image in everything(kgan.data.load(tmp_path / "cats", batch_size=5))
    }
    assert [image.tobytes() in cats for image in images] == (labels == 0).tolist()


def test_labels_can_be_left_out(tmp_path):
    make(tmp_path / "a", 3)
    make(tmp_path / "b", 3)
    dataset = kgan.data.load(tmp_path, batch_size=2, labels=False)
    assert dataset.element_spec.shape == (2, 8, 8, 3)
    assert dataset.info.classes == 0


def test_streamed_and_cached_agree_on_every_epoch(tmp_path):
    make(tmp_path / "a", 5)
    make(tmp_path / "b", 6, size=(10, 12), seed=1)
    settings = {"batch_size": 3, "size": 7, "seed": 5, "drop_remainder": False}
    cached, streamed = (
        kgan.data.load(tmp_path, cache=cache, **settings) for cache in (True, False)
    )
    for _ in range(2):
        for one, other in zip(everything(cached), everything(streamed), strict=True):
            np.testing.assert_array_equal(one, other)
    for dataset in (cached, streamed):
        dataset.position.seek(1, skip_batches=2)
    np.testing.assert_array_equal(everything(cached)[1], everything(streamed)[1])
    assert len(everything(streamed)[1]) == 11


def test_mixed_sizes(tmp_path):
    make(tmp_path, 4)
    make(tmp_path / "more", 3, size=(9, 12))
    with pytest.raises(InputError, match=r"8x8 \(4 images.*9x12 \(3 images.*size=64"):
        kgan.data.load(tmp_path, labels=False)
    dataset = kgan.data.load(tmp_path, labels=False, size=(6, 4), batch_size=7)
    assert dataset.info.sample_shape == (6, 4, 3)


def test_mixed_channels_follow_the_majority(tmp_path):
    make(tmp_path, 2, channels=3)
    make(tmp_path, 5, channels=1, suffix="bmp")
    assert kgan.data.load(tmp_path, batch_size=7).info.sample_shape == (8, 8, 1)
    assert kgan.data.load(tmp_path, batch_size=7, channels=3).info.sample_shape == (8, 8, 3)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "webp", "tif"])
@pytest.mark.parametrize("cache", [True, False])
def test_a_truncated_image_is_named(tmp_path, suffix, cache):
    make(tmp_path, 5, size=(40, 40), suffix=suffix)
    victim = tmp_path / f"003.{suffix}"
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"1 of 5 images .*003\.{suffix}"):
        kgan.data.load(tmp_path, batch_size=2, cache=cache)


def test_what_is_no_image_is_named(tmp_path):
    make(tmp_path, 3)
    (tmp_path / "notes.png").write_text("not an image")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"2 of 5 .*empty\.jpg.*notes\.png"):
        kgan.data.load(tmp_path, batch_size=2)


def test_other_and_hidden_files_are_passed_over(tmp_path):
    make(tmp_path, 3)
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "._000.png").write_text("left by a Mac")
    make(tmp_path / ".thumbnails", 2)
    assert kgan.data.load(tmp_path, batch_size=1).info.size == 3


def test_without_images(tmp_path):
    (tmp_path / "readme.txt").write_text("hello")
    with pytest.raises(InputError, match="No images in the folder"):
        kgan.data.load(tmp_path)


def test_loose_images_beside_classes(tmp_path):
    make(tmp_path, 1)
    make(tmp_path / "cats", 1)
    with pytest.raises(InputError, match="1 loose images"):
        kgan.data.load(tmp_path, batch_size=1)
    assert kgan.data.load(tmp_path, batch_size=1, labels=False).info.size == 2


def test_splits(tmp_path):
    make(tmp_path / "data" / "train" / "a", 6)
    make(tmp_path / "data" / "train" / "b", 6)
    make(tmp_path / "data" / "test" / "a", 2)
    assert kgan.data.load(tmp_path / "data", batch_size=1).info.size == 12
    assert kgan.data.load(tmp_path / "data", batch_size=1, split="test").info.size == 2
    with pytest.raises(InputError, match="no sub-folder 'valid'"):
        kgan.data.load(tmp_path / "data", batch_size=1, split="valid")


def test_slices_part_the_images_across_classes(tmp_path):
    make(tmp_path / "a", 20)
    make(tmp_path / "b", 20, seed=1)
    parts = [
        everything(kgan.data.load(tmp_path, batch_size=1, split=split))
        for split in ("train[:75%]", "train[75%:]")
    ]
    assert [len(part[1]) for part in parts] == [30, 10]
    assert all(set(part[1]) == {0, 1} for part in parts)
    seen = [{image.tobytes() for image in part[0]} for part in parts]
    assert not seen[0] & seen[1]
