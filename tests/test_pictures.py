import sys

import numpy as np
import pytest
from PIL import Image

import kgan
from kgan import pictures
from kgan.errors import InputError
from kgan.pictures import draw
from kgan.pictures.grids import GUTTER, PAPER


def blue(picture):
    """How many pixels are clearly blue, as generated points and curves are."""
    return (picture[..., 2].astype(int) - picture[..., 0] > 60).sum()


def grey(picture):
    """How many pixels are the grey of real samples, or near it."""
    near = (picture > 140) & (picture < 200)
    return (near.all(-1) & (np.ptp(picture, axis=-1) == 0)).sum()


@pytest.mark.parametrize(("side", "factor"), [(8, 5), (28, 3)])
def test_small_images_are_enlarged_by_a_whole_factor(side, factor):
    images = np.random.default_rng(0).uniform(-1, 1, (64, side, side, 1))
    picture = draw(images, value_range=(-1, 1))
    assert picture.dtype == np.uint8
    zoom = side * factor
    assert picture.shape[:2] == (8 * (zoom + GUTTER) + GUTTER,) * 2
    expected = np.round((images[9, ..., 0] + 1) * 127.5)
    corner = GUTTER + zoom + GUTTER
    tile = picture[corner : corner + zoom, corner : corner + zoom]
    assert (tile[:: zoom // side, :: zoom // side, 1] == expected).all()


def test_large_images_keep_their_size():
    assert draw(np.zeros((4, 600, 500, 3))).shape == (2 * 604 + 4, 2 * 504 + 4, 3)


def test_columns_and_a_row_that_is_not_full():
    picture = draw(np.ones((5, 8, 8, 3)), value_range=(0, 1), columns=3)
    assert picture.shape[0] / picture.shape[1] == pytest.approx(2 / 3, abs=0.03)
    assert (picture[-40:-4, -40:-4] == PAPER).all()
    assert (picture[4:40, 4:40] == 255).all()


@pytest.mark.parametrize(
    ("pixel", "colour"),
    [
        ([0.5], (128, 128, 128)),
        ([1.0, 0.5], (255, 128, 0)),
        ([1.0, 0.5, 0.0], (255, 128, 0)),
        ([1.0, 0.0, 0.0, 0.5], (255, 128, 128)),
        ([0.0, 0.5, 1.0, 9.0, 9.0], (0, 128, 255)),
        ([np.nan, 2.0, -2.0], (0, 255, 0)),
    ],
)
def test_channels(pixel, colour):
    images = np.full((1, 2, 2, len(pixel)), pixel)
    assert (draw(images, value_range=(0, 1))[5, 5] == colour).all()


def test_transparency_shows_a_checkerboard_or_the_background():
    images = np.zeros((1, 16, 16, 4))
    images[0, :, 8:] = (1, 0, 0, 1)
    sheet = draw(images, value_range=(0, 1))[GUTTER::5, GUTTER::5][:16, :16]
    assert (sheet[:, 8:] == (255, 0, 0)).all()
    squares = sheet[:, :8, 0].reshape(8, 2, 4, 2)
    assert np.ptp(squares, axis=(1, 3)).max() == 0
    whites = (np.indices((8, 4)).sum(0) % 2) == 0
    assert ((squares[:, 0, :, 0] == 255) == whites).all() and set(np.unique(squares)) == {204, 255}

    assert (pictures.to_rgb(images, (0, 1))[0, :, :8] == 255).all()
    half = images + np.array([0, 0, 0, 0.5])
    assert pictures.to_rgb(half, (0, 1), "#004080")[0, 0, 0].tolist() == [0, 32, 64]
    with pytest.raises(InputError, match="background is a colour"):
        pictures.to_rgb(images, (0, 1), "of wood")


def test_a_picture_keeps_its_opacity(tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (2, 5, 6, 4))
    pixels = pictures.to_rgba(images, (-1, 1))
    np.testing.assert_array_equal(pixels, np.round((images + 1) * 127.5).astype("uint8"))
    with Image.open(pictures.save_png(tmp_path / "a.png", pixels[1])) as found:
        assert found.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(found), pixels[1])
    with pytest.raises(InputError, match="four channels"):
        pictures.to_rgba(images[..., :3])


def test_integers_mean_pixels():
    images = np.full((1, 2, 2, 1), 7)
    assert (draw(images.astype("uint8"))[5, 5] == 7).all()
    assert (draw(images)[5, 5] == 7).all()


def test_points_are_a_scatter_with_axes_held_by_the_reference():
    generator = np.random.default_rng(0)
    real, near = generator.normal(size=(300, 2)), generator.normal(size=(64, 2))
    over = draw(near, reference=real)
    assert blue(over) > 500
    assert grey(over) > grey(draw(near)) + 2000
    # Samples that run away leave the axes, and so the grey points, where they are.
    away = draw(near + 1000, reference=real)
    strip = np.s_[-30:, :]
    assert (over[strip] == away[strip]).all()
    assert (draw(near)[strip] != draw(near + 1000)[strip]).any()


def test_points_without_a_finite_one_still_draw():
    assert draw(np.full((4, 2), np.nan)).shape == (640, 640, 3)


def test_signals_are_curves():
    wave = np.sin(np.linspace(0, 9, 50)) * np.ones((6, 1))
    one, two = draw(wave), draw(np.stack([wave, -wave], -1))
    assert one.shape == two.shape == (480, 640, 3)
    assert blue(one) > 500
    assert (one != two).any()


def test_numbers_are_a_histogram():
    values = np.random.default_rng(0).normal(size=(500, 1))
    assert grey(draw(values, reference=values * 2)) > grey(draw(values)) + 10_000
    assert (draw(values) == draw(values[:, 0])).all()


def test_grey_images_without_a_channel_axis_and_voxels():
    images = np.random.default_rng(0).random((4, 9, 9))
    assert (draw(images) == draw(images[..., None])).all()
    voxels = np.zeros((4, 5, 9, 9, 1))
    voxels[:, 2] = images[..., None]
    assert (draw(voxels) == draw(images[..., None])).all()


@pytest.mark.parametrize(
    ("samples", "given"),
    [
        (np.zeros((0, 2)), {}),
        (np.zeros((1, 2, 2, 2, 2, 2)), {}),
        (np.array(["a", "b"]), {}),
        (np.zeros((4, 2, 2, 1)), {"value_range": (1, 0)}),
        (np.zeros((4, 2, 2, 1)), {"columns": 0}),
        (np.zeros((4, 2, 2, 1)), {"size": 1}),
        (np.zeros((4, 2)), {"reference": np.zeros((4, 3))}),
    ],
)
def test_what_cannot_be_drawn(samples, given):
    with pytest.raises(kgan.InputError):
        draw(samples, **given)


def test_png_is_written_whole(tmp_path, monkeypatch):
    path = tmp_path / "new" / "grid.png"
    pictures.save_png(path, np.zeros((4, 6, 3), np.uint8))
    before = path.read_bytes()
    with Image.open(path) as image:
        assert image.size == (6, 4)

    def fail(self, file, *rest, **settings):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(kgan.InputError, match=r"grid\.png.*No space left"):
        pictures.save_png(path, np.zeros((4, 6, 3), np.uint8))
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_gif(tmp_path):
    shades = [np.full((10, 1000, 3), shade, np.uint8) for shade in (0, 100, 200)]
    pictures.save_png(tmp_path / "first.png", shades[0])
    path = tmp_path / "growth.gif"
    pictures.save_gif(path, [tmp_path / "first.png", *shades[1:]], duration=80, hold=900)
    with Image.open(path) as gif:
        assert gif.size == (800, 8)
        assert gif.n_frames == 3
        assert gif.info["loop"] == 0
        lasting, shown = [], []
        for number in range(3):
            gif.seek(number)
            lasting.append(gif.info["duration"])
            shown.append(gif.convert("RGB").getpixel((5, 5))[0])
    assert lasting == [80, 80, 900]
    assert shown == [0, 100, 200]


def test_a_gif_of_nothing(tmp_path):
    with pytest.raises(kgan.InputError):
        pictures.save_gif(tmp_path / "a.gif", [])


def test_a_damaged_picture_is_left_out_of_a_gif(tmp_path):
    shades = [np.full((8, 8, 3), shade, "uint8") for shade in (0, 90, 200)]
    paths = [
        pictures.save_png(tmp_path / f"{number}.png", shade) for number, shade in enumerate(shades)
    ]
    whole = paths[1].read_bytes()
    for number, damaged in enumerate([b"", whole[:40], whole[:16] + b"\xff" * 9 + whole[25:]]):
        path = paths[1 + number % 2]
        content = path.read_bytes()
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match=rf"{path.name} is left out of the GIF"):
            pictures.save_gif(tmp_path / "growth.gif", paths)
        with Image.open(tmp_path / "growth.gif") as gif:
            assert gif.n_frames == 2
        path.write_bytes(content)
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(kgan.InputError, match="None of the frames"),
    ):
        pictures.save_gif(tmp_path / "growth.gif", [tmp_path / "missing.png"])


def test_loss_plot_takes_a_history_and_rows():
    history = {"epoch": [1, 2], "d_loss": [1.0, 0.5], "g_loss": [1.0, 2.0], "d_real": [0.0, 1.0]}
    rows = [
        {"epoch": "1", "d_loss": "1.0", "g_loss": "1.0", "d_real": "0.0", "fid": ""},
        {"epoch": "2", "d_loss": "0.5", "g_loss": "2.0", "d_real": "1.0", "fid": "3"},
    ]
    picture = pictures.loss_plot(history)
    assert (picture == pictures.loss_plot(rows)).all()
    assert picture.shape[1] == 900
    losses_alone = pictures.loss_plot({"d_loss": [1.0], "g_loss": [2.0]})
    assert losses_alone.shape[0] == pytest.approx(picture.shape[0] / 2, abs=2)


@pytest.mark.parametrize("history", [{}, [], {"accuracy": [1.0]}, {"d_loss": []}])
def test_a_history_without_a_course(history):
    with pytest.raises(kgan.InputError):
        pictures.loss_plot(history)


def test_the_global_state_of_pyplot_stays_untouched():
    pyplot = sys.modules.get("matplotlib.pyplot")
    draw(np.zeros((3, 2)))
    assert pyplot is not None or "matplotlib.pyplot" not in sys.modules
    assert pyplot is None or pyplot.get_fignums() == []


def test_what_is_no_array_of_images_is_refused():
    for images in (np.zeros((8, 8, 1)), "x", [None], np.zeros((2, 8, 8, 0))):
        with pytest.raises(InputError, match="images"):
            pictures.grid(images)
    with pytest.raises(InputError, match="nothing to draw"):
        pictures.grid(np.zeros((0, 8, 8, 1)))
    with pytest.raises(InputError, match="columns must be a positive integer"):
        pictures.grid(np.zeros((2, 8, 8, 1)), columns=-1)
