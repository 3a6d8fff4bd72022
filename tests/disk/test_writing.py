"""Writes that happen as a whole or not at all."""

import os
import subprocess
import sys

import pytest

from kgan.disk import writing
from kgan.errors import InputError


def tree(folder):
    """Everything below a folder: files with their text, folders with None."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_text()
        for path in folder.rglob("*")
    }


def folder_of(**files):
    """Returns a function that writes a folder of these files."""

    def write(part):
        part.mkdir()
        for name, text in files.items():
            (part / name).write_text(text)

    return write


def fails_after(write, error):
    def failing(part):
        write(part)
        raise error

    return failing


@pytest.mark.parametrize("error", [OSError(28, "full"), ValueError("odd"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, error):
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("old")
    before = tree(tmp_path)
    new = tmp_path / "not" / "yet" / "there"
    for target in (tmp_path / "file", new):
        with pytest.raises(type(error)):
            writing.replace(target, fails_after(lambda part: part.write_text("half"), error))
        assert tree(tmp_path) == before
    with pytest.raises(type(error)):
        writing.replace(tmp_path / "folder", fails_after(folder_of(a="half"), error))
    assert tree(tmp_path) == before
    if isinstance(error, OSError):
        assert error.filename == str(tmp_path / "folder")


@pytest.mark.parametrize("of_its_own", [False, True])
def test_a_folder_is_replaced_whole(tmp_path, monkeypatch, of_its_own):
    # Neither a file system, as a container's volume, nor the working folder can be renamed.
    monkeypatch.setattr(os.path, "ismount", lambda path: of_its_own and str(path).endswith("out"))
    target = tmp_path / "out"
    for name in "ab":
        writing.replace(target, folder_of(**{name: name}))
        assert tree(tmp_path) == {"out": None, f"out/{name}": name}

    def refuses(one, other, rename=os.rename):
        if os.path.basename(other) in ("out", "c"):
            raise OSError(16, "busy")
        rename(one, other)

    with monkeypatch.context() as during:
        during.setattr(os, "rename", refuses)
        with pytest.raises(OSError, match="busy"):
            writing.replace(target, folder_of(c="c"))
    if of_its_own:
        assert tree(tmp_path) == {"out": None, "out/b": "b"}
    else:
        # Putting the old one back was refused as well.
        assert [path.read_text() for path in tmp_path.rglob("b")] == ["b"]
        assert not list(tmp_path.rglob("c"))


def test_a_link_stays_one(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "file")
    writing.replace(tmp_path / "link", lambda part: part.write_text("new"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").read_text() == "new"


def test_permissions_are_kept(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o640)
    writing.replace(file, lambda part: part.write_text("new"))
    assert file.stat().st_mode & 0o777 == 0o640
    # The superuser may write to any file, so the refusal is played.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="file"):
        writing.replace(file, lambda part: part.write_text("newer"))
    assert tree(tmp_path) == {"file": "new"}


def test_what_is_no_file_or_another_kind_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no regular file"):
        writing.replace(tmp_path / "pipe", lambda part: part.write_text("x"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        writing.replace(tmp_path / "folder", lambda part: part.write_text("x"))
    (tmp_path / "file").write_text("old")
    with pytest.raises(FileExistsError):
        writing.replace(tmp_path / "file", folder_of(a="x"))
    assert (tmp_path / "file").read_text() == "old"


def test_what_a_killed_process_left_is_deleted(tmp_path):
    code = """
import os, pathlib, signal, sys
from kgan.disk import writing
def die(part):
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
writing.replace(pathlib.Path(sys.argv[1]), die)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], check=False)
    (tmp_path / ".part-gan.keras").write_text("of an earlier release")
    assert len(list(tmp_path.glob(".part-*"))) == 2

    def write(part):
        # What a living process is writing stays.
        writing.remove_leftovers(tmp_path)
        part.write_text("new")

    writing.replace(tmp_path / "file", write)
    assert tree(tmp_path) == {"file": "new"}
