"""Which files of a folder are images to be read, and what is said of the others."""

import os
import pathlib
import warnings

import numpy as np
import pytest
from PIL import Image

import kgan.data
from kgan.data import walking
from kgan.errors import InputError


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 4), "uint8")).save(path)
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipes_and_devices_are_named_and_never_opened(tmp_path):
    kept = image(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    with pytest.warns(UserWarning, match=r"device\.jpg \(and 1 more like it\) is no regular file"):
        dataset = kgan.data.load(tmp_path, batch_size=1)
    assert dataset.info.size == 1
    os.mkfifo(tmp_path / "samples.npz")
    with pytest.raises(InputError, match="is a pipe, device or socket"):
        kgan.data.load(tmp_path / "samples.npz")
    with pytest.warns(UserWarning, match="regular"):
        assert walking.find(tmp_path) == [kept]


def test_each_folder_is_read_once_whatever_links_lead_to_it(tmp_path):
    root = tmp_path / "data"
    kept = [image(root / "cats" / "a.png"), image(root / "cats" / "old" / "b.png")]
    (root / "cats" / "round").symlink_to(root)
    (root / "above").symlink_to(tmp_path)
    (root / "aardvarks").symlink_to(root / "cats")
    elsewhere = image(tmp_path / "elsewhere" / "c.png")
    (root / "dogs").symlink_to(elsewhere.parent)
    linked = root / "link.png"
    linked.symlink_to(elsewhere)
    with pytest.warns(
        UserWarning, match=r"aardvarks \(and 2 more like it\) leads to a folder that is"
    ):
        assert walking.find(root) == [*kept, root / "dogs" / "c.png", linked]


def test_links_to_nowhere_are_named_as_images_that_cannot_be_read(tmp_path):
    image(tmp_path / "a.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    with pytest.raises(InputError, match=r"2 of 3 images .*lost\.png.*round\.png"):
        kgan.data.load(tmp_path, batch_size=1)


def test_images_of_other_formats_are_named(tmp_path):
    image(tmp_path / "a.png")
    (tmp_path / "b.HEIC").write_bytes(b"\0\0\0\x18ftyp")
    (tmp_path / "c.heic").touch()
    (tmp_path / "d.pdf").touch()
    said = r"b\.HEIC \(and 2 more like it\) is skipped \(2 \.heic, 1 \.pdf\): kgan reads .*Convert"
    with pytest.warns(UserWarning, match=said):
        assert len(walking.find(tmp_path)) == 1
    (tmp_path / "a.png").unlink()
    with pytest.raises(InputError, match=rf"No images in the folder .* that kgan reads.*{said}"):
        kgan.data.load(tmp_path)


def test_pictures_without_the_name_of_one_are_named_and_other_files_are_not(tmp_path):
    image(tmp_path / "a.png").rename(tmp_path / "photo")
    image(tmp_path / "b.png")
    (tmp_path / "drawing.txt").write_text('<?xml version="1.0"?>\n<svg width="4"></svg>')
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (tmp_path / "notes.txt").write_text("II* is how a TIFF file begins")
    with pytest.warns(UserWarning, match=r"drawing\.txt \(and 1 more like it\) is skipped: the"):
        assert len(walking.find(tmp_path)) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (tmp_path / "photo").unlink()
        (tmp_path / "drawing.txt").unlink()
        assert len(walking.find(tmp_path)) == 1


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    image(tmp_path / "a" / "a.png")
    image(tmp_path / "locked" / "b.png")
    scan = os.scandir

    def refuse(path):
        if "locked" in str(path):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.warns(UserWarning, match=r"locked cannot be read"):
        assert len(walking.find(tmp_path)) == 1
    with pytest.raises(InputError, match=r"locked cannot be read: Permission denied"):
        walking.find(tmp_path / "locked")


def test_what_is_no_data_set_is_refused_before_it_is_walked(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="is the root of the file system"):
        kgan.data.load(pathlib.Path(tmp_path.anchor))
    monkeypatch.setattr(walking, "_MOST_OTHERS", 150)
    image(tmp_path / "a.png")
    for number in range(151):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(InputError, match=r"more than 150 files and folders, and 1 images"):
        walking.find(tmp_path)
    image(tmp_path / "b.png")
    assert len(walking.find(tmp_path)) == 2
