"""Mirrored pictures: half of them, others in every epoch, the same when entered in the middle."""

import numpy as np
import pytest
from PIL import Image

import kgan.data

COUNT = 40


def stripes(batch_size=8, **settings):
    """Pictures that are dark on the left; each has a brightness of its own on the right."""
    pictures = np.zeros((COUNT, 4, 6, 1), "uint8")
    pictures[:, :, 3:] = 100 + np.arange(COUNT, dtype="uint8")[:, None, None, None]
    labels = np.arange(COUNT) % 4
    return kgan.data.load(
        (pictures, labels), batch_size=batch_size, value_range=(0.0, 255.0), **settings
    )


def read(dataset):
    """(the number of each picture of an epoch, whether it is mirrored), and the labels."""
    numbers, mirrored, labels = [], [], []
    for batch, of in dataset:
        values = batch.numpy()
        mirrored += list(values[:, 0, 0, 0] > 0)
        numbers += [round(float(picture.max())) - 100 for picture in values]
        labels += list(of.numpy())
        # Nothing but whole pictures, as they are or mirrored.
        for picture in values:
            assert sorted(np.unique(picture[:, :3])) + sorted(np.unique(picture[:, 3:])) in (
                [0.0, picture.max()],
                [picture.max(), 0.0],
            )
    return numbers, mirrored, labels


def test_half_of_the_pictures_are_mirrored_and_others_in_every_epoch():
    dataset = stripes(mirror=True)
    epochs = [read(dataset) for _ in range(8)]
    shares = [np.mean(mirrored) for _, mirrored, _ in epochs]
    # Of 320 throws of a coin: a standard deviation of 0.028.
    assert 0.4 < np.mean(shares) < 0.6
    of_each = [dict(zip(numbers, mirrored, strict=True)) for numbers, mirrored, _ in epochs]
    # All but one in 128 are seen both ways in 8 epochs.
    assert sum(len({of[number] for of in of_each}) == 2 for number in range(COUNT)) > 35


def test_order_and_labels_are_those_of_the_pictures_as_they_are():
    plain, mirrored = read(stripes()), read(stripes(mirror=True))
    assert plain[0] == mirrored[0] and not any(plain[1])
    assert mirrored[2] == [number % 4 for number in mirrored[0]]


def test_an_epoch_entered_in_the_middle_mirrors_the_same():
    whole = stripes(mirror=True)
    read(whole)
    second = read(whole)
    entered = stripes(mirror=True)
    entered.position.seek(1, 3)
    assert read(entered) == tuple(part[3 * 8 :] for part in second)


def test_another_seed_mirrors_others():
    def mirrored(seed):
        numbers, found, _ = read(stripes(mirror=True, seed=seed, shuffle=False))
        return dict(zip(numbers, found, strict=True))

    assert mirrored(0) == mirrored(0) != mirrored(1)


@pytest.mark.parametrize("cache", [True, False])
def test_files_of_a_folder_are_mirrored_alike_from_memory_and_from_disk(tmp_path, cache):
    for number in range(12):
        picture = np.zeros((4, 6), "uint8")
        picture[:, 3:] = 100 + number
        Image.fromarray(picture).save(tmp_path / f"{number:02}.png")
    of_cached = kgan.data.load(tmp_path, batch_size=4, mirror=True, cache=True)
    found = kgan.data.load(tmp_path, batch_size=4, mirror=True, cache=cache)
    pictures = np.concatenate([batch.numpy() for batch in found])
    np.testing.assert_array_equal(pictures, np.concatenate([b.numpy() for b in of_cached]))
    assert 0 < (pictures[:, 0, 0, 0] > -1).sum() < 12


def test_points_have_no_mirror_images():
    with pytest.raises(kgan.InputError, match="mirror is for images"):
        kgan.data.load("ring", mirror=True)
