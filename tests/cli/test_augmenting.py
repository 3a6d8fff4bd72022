"""`kgan augment` and `kgan.augment.preview`: what the discriminator sees of a data set."""

import numpy as np
import pytest
import tensorflow as tf
from command_line import done, refused
from PIL import Image

import kgan
from kgan.errors import InputError

IMAGES = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3)).astype("float32")


def test_a_preview_shows_each_image_and_what_training_makes_of_it():
    rows = kgan.augment.preview(IMAGES, "diffaugment", draws=4, seed=5)
    assert rows.shape == (3, 5, 16, 16, 3)
    np.testing.assert_array_equal(rows[:, 0], IMAGES)
    expected = kgan.augment.DiffAugment()(tf.constant(IMAGES), tf.constant([5, 2]))
    np.testing.assert_array_equal(rows[:, 3], expected)
    draws = rows.reshape(3, 5, -1)
    assert len(np.unique(draws, axis=1)[0]) == 5
    again = kgan.augment.preview(IMAGES, "diffaugment", draws=4, seed=5)
    np.testing.assert_array_equal(again, rows)
    assert (kgan.augment.preview(IMAGES, draws=4, seed=6)[:, 1:] != rows[:, 1:]).any()


def test_flips_are_mirrored_images():
    rows = kgan.augment.preview(IMAGES, "flip", draws=20)
    mirrored = (rows == IMAGES[:, None, :, ::-1]).all((2, 3, 4))
    assert (mirrored ^ (rows == IMAGES[:, None]).all((2, 3, 4))).all()
    assert 15 < mirrored.sum() < 45


def test_the_adaptive_form_changes_as_many_images_as_its_probability_says():
    adaptive = kgan.augment.Adaptive("flip")
    many = np.repeat(IMAGES[:1], 200, axis=0)

    def changed(**settings):
        rows = kgan.augment.preview(many, adaptive, draws=1, **settings)
        return (rows[:, 1] != rows[:, 0]).any((1, 2, 3)).mean()

    assert changed() == 0  # as at the start of a training
    # Half of those that are chosen are mirrored.
    assert 0.05 < changed(p=0.3) < 0.25
    assert 0.4 < changed(p=1.0) < 0.6
    assert float(adaptive.p) == 0
    adaptive.begin_at(0.3)
    assert changed() == changed(p=0.3)
    for wrong in (-0.1, 1.1, "half"):
        with pytest.raises(InputError, match="p must be"):
            kgan.augment.preview(many, adaptive, p=wrong)
    with pytest.raises(InputError, match="Leave p out"):
        kgan.augment.preview(many, "flip", p=0.5)
    with pytest.raises(InputError, match="images"):
        kgan.augment.preview(np.zeros((4, 2)))


def test_the_picture_of_the_command(pictures, tmp_path):
    folder, out = pictures(count=5, sizes=((16, 16),)), tmp_path / "grid.png"
    words = ("augment", folder, "-o", out, "-n", 2, "--draws", 3, "--augment", "flip", "--seed", 4)
    said = done(*words)
    assert "2 images" in said and "3 draws of flip" in said and "--seed 4" in said
    with Image.open(out) as image:
        assert image.info["Software"] == "kgan augment"
        found = np.asarray(image).astype(int)
    gutter, tile = 4, 16 * 5
    assert found.shape == (2 * (tile + gutter) + gutter, 4 * (tile + gutter) + gutter, 3)
    originals = [np.asarray(Image.open(path)).astype(int) for path in sorted(folder.iterdir())]
    for row in range(2):
        tiles = [
            found[row * 84 + gutter :, column * 84 + gutter :][:tile:5, :tile:5]
            for column in range(4)
        ]
        # The first is an image of the folder, and the others are it or its mirror image.
        assert any(abs(tiles[0] - one).max() <= 1 for one in originals)
        for one in tiles[1:]:
            assert (one == tiles[0]).all() or (one == tiles[0][:, ::-1]).all()
    before = out.read_bytes()
    assert "already exists" in refused(*words)
    done(*words, "--overwrite")
    assert out.read_bytes() == before


def test_the_probability_is_that_of_the_adaptive_form(pictures, tmp_path):
    words = ("augment", pictures(count=2), "--augment", "adaptive", "-o")
    assert "adaptive at p=0.5" in done(*words, tmp_path / "half.png")
    done(*words, tmp_path / "never.png", "-p", 0, "-n", 1, "--draws", 1)
    with Image.open(tmp_path / "never.png") as image:
        never = np.asarray(image)
    np.testing.assert_array_equal(never[4:44, 4:44], never[4:44, 48:88])
    assert "--augment adaptive" in refused(
        "augment", tmp_path / "pictures", "-o", tmp_path / "a.png", "-p", 0.5
    )


def test_what_cannot_be_drawn_is_refused(pictures, tmp_path):
    folder = pictures(count=2)
    assert "FILE.png" in refused("augment", folder, "-o", tmp_path / "a.gif")
    assert "diffaugment" in refused(
        "augment", folder, "--augment", "difaugment", "-o", tmp_path / "a.png"
    )
    assert "images" in refused("augment", "ring", "-o", tmp_path / "a.png")
    assert "folder" in refused("augment", tmp_path / "none/", "-o", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
