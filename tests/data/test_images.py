import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kgan.data
from kgan.data import images
from kgan.errors import InputError


def gradient(height, width):
    """Grey that grows from left to right."""
    row = np.linspace(0, 255, width).round().astype("uint8")
    return np.tile(row, (height, 1))[..., None]


def save(path, values, **settings):
    Image.fromarray(np.squeeze(values)).save(path, **settings)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp"])
def test_lossless_formats_are_read_exactly(tmp_path, suffix):
    values = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype("uint8")
    path = save(
        tmp_path / f"a.{suffix}", values, **({"lossless": True} if suffix == "webp" else {})
    )
    assert images.describe(path) == ((5, 7), 3)
    np.testing.assert_array_equal(images.read(path, 3), values)


@pytest.mark.parametrize("suffix", ["jpg", "gif"])
def test_other_formats(tmp_path, suffix):
    path = save(tmp_path / f"a.{suffix}", gradient(8, 16))
    assert abs(images.read(path, 1).astype(int) - gradient(8, 16)).max() < 12


def test_transparent_parts_become_white(tmp_path):
    values = np.zeros((4, 4, 4), "uint8")
    values[:2, :, 3] = 255  # the upper half is black and opaque, the lower transparent
    path = save(tmp_path / "a.png", values)
    flat = images.read(path, 3)
    assert (flat[:2] == 0).all()
    assert (flat[2:] == 255).all()
    np.testing.assert_array_equal(images.read(path, 4), values)


def test_sixteen_bits_keep_the_upper_eight(tmp_path):
    values = (np.arange(16).reshape(4, 4) * 4096).astype("uint16")
    path = save(tmp_path / "a.png", values)
    assert images.describe(path)[1] == 1
    np.testing.assert_array_equal(images.read(path, 1)[..., 0], values >> 8)


def test_orientation_of_the_camera(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    path = save(tmp_path / "a.jpg", gradient(8, 16), exif=exif)
    assert images.describe(path) == ((16, 8), 1)
    assert images.read(path, 1).shape == (16, 8, 1)


def test_resize_cuts_the_middle_out():
    wide = gradient(10, 30)
    small = images.resize(wide, (10, 10))
    np.testing.assert_array_equal(small, wide[:, 10:20])
    assert images.resize(wide, (5, 5)).shape == (5, 5, 1)
    assert images.resize(wide, (20, 40)).shape == (20, 40, 1)


def test_resize_is_antialiased_and_stays_in_range():
    checks = (np.indices((16, 16)).sum(axis=0) % 2 * 255).astype("uint8")[..., None]
    small = images.resize(checks, (4, 4))
    assert abs(small.astype(int) - 127).max() < 16  # without antialiasing: 0 or 255
    floats = (checks[::4, ::4] / 255).astype("float32")
    floats[:2] = 1
    large = images.resize(floats, (16, 16))
    assert large.dtype == np.float32
    assert 0 <= large.min() <= large.max() <= 1


def test_channels():
    colour = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype("uint8")
    grey = images.to_channels(colour, 1)
    assert grey.dtype == np.uint8
    expected = np.asarray(Image.fromarray(colour[0]).convert("L"))
    assert abs(grey[0, ..., 0].astype(int) - expected).max() <= 1
    again = images.to_channels(grey, 3)
    assert again.shape == colour.shape
    assert (again == grey).all()
    assert images.to_channels(colour, None) is colour
    with pytest.raises(InputError, match="4 channels"):
        images.to_channels(np.zeros((1, 4, 4, 4)), 1)


def test_memory_budget():
    assert images.fits_in_memory(1000)
    assert not images.fits_in_memory(3 * 1024**3)


def test_resizing_while_reading_gives_the_same_pixels(tmp_path):
    """Also for proportions whose box would be larger than the image by a rounding error."""
    random = np.random.default_rng(0)
    for number, shape in enumerate([(21, 34), (35, 5), (7, 3), (40, 40)]):
        colours = Image.fromarray(random.integers(40, 200, (*shape, 4)).astype("uint8"))
        for mode in ("L", "RGB", "RGBA"):
            path = tmp_path / f"{number}-{mode}.png"
            colours.convert(mode).save(path)
            for channels in (1, 3, 4):
                whole = images.read(path, channels)
                for size in ((8, 8), (5, 40), (100, 30)):
                    found = images.read(path, channels, size)
                    assert found.dtype == np.uint8
                    np.testing.assert_array_equal(found, images.scaled(whole, size))


@pytest.mark.parametrize(("bits", "warns"), [(10, True), (12, True), (14, True), (16, False)])
def test_images_of_16_bits_that_use_few_of_them_are_noticed(tmp_path, bits, warns):
    values = np.linspace(0, 2**bits - 1, 64).reshape(8, 8).astype("uint16")
    for number in range(3):
        Image.fromarray(values).save(tmp_path / f"{number}.png")
    assert images.brightest(tmp_path / "0.png") == 2**bits - 1
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        kgan.data.load(tmp_path, batch_size=3)
    said = [str(warning.message) for warning in said if "16 bits" in str(warning.message)]
    assert bool(said) == warns
    if warns:
        assert f"multiply the values by {2 ** (16 - bits)}" in said[0]


def test_a_file_that_is_lost_while_it_is_streamed_is_named(tmp_path):
    for number in range(4):
        Image.fromarray(np.zeros((8, 8), "uint8")).save(tmp_path / f"{number}.png")
    dataset = kgan.data.load(tmp_path, batch_size=1, cache=False, shuffle=False)
    (tmp_path / "2.png").write_bytes(b"")
    with pytest.raises(tf.errors.OpError, match=r"2\.png cannot be read"):
        list(dataset)
