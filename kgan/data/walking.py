"""Finds the image files in and below a folder, and says what it passes over."""

import os
import warnings
from collections import deque
from pathlib import Path

from kgan.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")

# Images of other formats, which a user may expect to be read.
_OTHER_IMAGES = (
    ".avif", ".cr2", ".dcm", ".dng", ".exr", ".hdr", ".heic", ".heif", ".j2k", ".jfif", ".jp2",
    ".jpe", ".jxl", ".nef", ".pbm", ".pgm", ".pnm", ".ppm", ".psd", ".svg", ".tga", ".tif", ".tiff",
)  # fmt: skip

# A folder is taken for something else than data if it holds this many entries that are not
# images, and fewer than one image in a hundred of them.
_MOST_OTHERS = 200_000

# The most files, or folders, that one message names.
_NAMED = 5


def find(folder: Path) -> list[Path]:
    """Returns the paths of all images in and below the folder, sorted, without hidden ones.

    Only regular files count, also behind symbolic links; links to folders are followed, and each
    folder is read once. It warns of pipes, devices and sockets with the name of an image, of
    images in formats that are not read, and of folders that it passes over.

    Raises:
        InputError: if the folder cannot be read, is the root of a file system, or holds a great
            many files of which hardly any is an image.
    """
    whole = folder.resolve()
    if whole == Path(whole.anchor):
        raise InputError(
            f"{folder} is the root of the file system. Give the folder that holds the images."
        )
    walk = _Walk()
    for above in whole.parents:  # a link to one of them would lead out of the data
        walk.know(above)
    waiting, links = [folder], deque()
    while waiting or links:
        # Links come last, so that a folder is known by its own name if it has one here.
        parent = waiting.pop() if waiting else links.popleft()
        try:
            if walk.know(parent):
                walk.repeated.append(parent)
                continue
            with os.scandir(parent) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if parent == folder:
                raise InputError(f"The folder {folder} cannot be read: {error.strerror}.") from None
            walk.unreadable.append(parent)
            continue
        for entry in found:
            if walk.is_folder(entry):
                (links if entry.is_symlink() else waiting).append(Path(entry.path))
        walk.check(folder)
    walk.warn(folder)
    return sorted(walk.images)


class _Walk:
    """What a walk has found so far."""

    def __init__(self):
        self.images: list[Path] = []
        self.others = 0
        self.special: list[Path] = []
        self.unread: list[Path] = []
        self.unreadable: list[Path] = []
        self.repeated: list[Path] = []
        self._known: set[tuple[int, int]] = set()

    def know(self, folder: Path) -> bool:
        """Returns whether a folder was known, by whatever path; from now on it is."""
        status = os.stat(folder)
        place, known = (status.st_dev, status.st_ino), len(self._known)
        self._known.add(place)
        return len(self._known) == known

    def is_folder(self, entry: os.DirEntry) -> bool:
        """Sorts an entry of a folder in, and returns whether it is a folder to be entered."""
        path, suffix = Path(entry.path), os.path.splitext(entry.name)[1].lower()
        try:
            folder, regular = entry.is_dir(), entry.is_file()
        except OSError:  # a link that leads to itself
            folder = regular = False
        if entry.name.startswith(".") or (folder and entry.name.startswith("__MACOSX")):
            return False
        if not folder and suffix in SUFFIXES:
            # Reading will name a link that leads nowhere.
            lost = not regular and entry.is_symlink() and not path.exists()
            (self.images if regular or lost else self.special).append(path)
        elif not folder and suffix in _OTHER_IMAGES:
            self.unread.append(path)
        else:
            self.others += 1
        return folder

    def check(self, folder: Path) -> None:
        """Raises an `InputError` if the folder holds so much else that it is not a data set."""
        if self.others > _MOST_OTHERS and 100 * len(self.images) < self.others:
            raise InputError(
                f"The folder {folder} holds more than {_MOST_OTHERS:,} files and folders, and "
                f"{len(self.images):,} images among them. Give the folder that holds the images."
            )

    def warn(self, folder: Path) -> None:
        """Warns of everything that was passed over."""
        for paths, what in (
            (self.special, "is no regular file (a pipe, device or socket), and is skipped"),
            (self.unread, f"is skipped: kgan reads {', '.join(SUFFIXES)}. Convert it to PNG"),
            (self.unreadable, "cannot be read (no permission?), and is skipped"),
            (self.repeated, "leads to a folder that is read already or lies above, and is skipped"),
        ):
            if paths:
                more = f" (and {len(paths) - 1} more like it)" if len(paths) > 1 else ""
                warnings.warn(f"In {folder}: {paths[0]}{more} {what}.", stacklevel=4)
