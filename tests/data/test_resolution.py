"""Crops and their reduced copies: both show the same place; and the errors."""

import numpy as np
import pytest
from PIL import Image

import kgan
from kgan.data.resolution import reduced
from kgan.errors import InputError


def photos(count=3, height=40, width=52):
    """Smooth uint8 images, which survive a reduction."""
    y, x = np.mgrid[:height, :width] / 8.0
    waves = [np.sin(x + k) * np.cos(y * (k + 1) / 2) for k in range(3 * count)]
    images = np.stack(waves, -1).reshape(height, width, count, 3)
    return [(127 + 100 * images[:, :, k]).astype("uint8") for k in range(count)]


def test_crops_show_the_same_place_in_both_sizes():
    data = kgan.data.crops(photos(), scale=2, size=16, batch_size=4, per_image=4)
    assert data.info.shapes == {"low": (8, 8, 3), "high": (16, 16, 3)}
    assert (data.info.size, int(data.cardinality())) == (12, 3)
    for low, high in data:
        means = high.numpy().reshape(4, 8, 2, 8, 2, 3).mean((2, 4))
        assert np.abs(means - low).mean() < 0.02


def test_a_crop_is_a_function_of_seed_and_epoch():
    def epoch(number, seed=0):
        data = kgan.data.crops(photos(), scale=2, size=16, batch_size=4, per_image=4, seed=seed)
        data.position.seek(number)
        return np.concatenate([high for _, high in data])

    np.testing.assert_array_equal(epoch(1), epoch(1))
    assert np.abs(epoch(0) - epoch(1)).mean() > 0.01
    assert np.abs(epoch(0) - epoch(0, seed=1)).mean() > 0.01


def test_whole_images_come_in_order_cut_to_the_scale(tmp_path):
    for place, image in enumerate(photos(3, 41, 50)):
        Image.fromarray(image).save(tmp_path / f"{place}_HR.png")
        Image.fromarray(reduced(image, 4)).save(tmp_path / f"{place}_LR.png")
    data = kgan.data.crops(tmp_path, scale=4, size=None, value_range=(0, 255))
    assert [(low.shape[1:], high.shape[1:]) for low, high in data] == [
        ((10, 12, 3), (40, 48, 3))
    ] * 3
    low, high = next(iter(data))
    np.testing.assert_array_equal(high[0], photos(3, 41, 50)[0][:40, :48])
    np.testing.assert_array_equal(low[0], reduced(photos(3, 41, 50)[0][:40, :48], 4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 48}, "3 of 3 images are smaller than a crop of 48x48: image 0 \\(40x52\\)"),
        ({"size": 18}, "no multiple of scale=4; take 16"),
        ({"source": []}, "empty"),
        ({"source": [np.zeros((9, 9, 3))]}, "expected uint8"),
        ({"source": 3}, "a folder or a list"),
        ({"source": "/no/such/folder"}, "There is no folder"),
        ({"channels": 2}, "channels is 1 or 3"),
        ({"per_image": 0}, "per_image"),
    ],
)
def test_bad_input_gets_a_message(settings, message):
    settings = {"source": photos(), "size": 16} | settings
    with pytest.raises(InputError, match=message):
        kgan.data.crops(settings.pop("source"), **settings)
