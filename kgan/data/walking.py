"""Finds the image files in and below a folder, and says what it passes over."""

import os
import warnings
from collections import Counter, deque
from pathlib import Path

from kgan.data.formats import OTHER_PICTURES, SUFFIXES, is_picture
from kgan.errors import InputError

# So many files without the name of a picture are opened to see whether they are one.
_OPENED = 256

# A folder is taken for something else than data if it holds this many entries that are not
# images, and fewer than one image in a hundred of them.
_MOST_OTHERS = 200_000

# The most files, or folders, that one message names.
_NAMED = 5


def find(folder: Path) -> list[Path]:
    """Returns the paths of all images in and below the folder, sorted, without hidden ones.

    Only regular files count, also behind symbolic links; links to folders are followed, and each
    folder is read once. It warns of what it passes over, and how much: pipes, devices and sockets
    with the name of an image, pictures in formats that are not read, pictures without the name of
    one, and folders.

    Raises:
        InputError: if the folder cannot be read, is the root of a file system, holds a great
            many files of which hardly any is an image, or holds pictures and none that is read.
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
    walk.refuse(folder)
    walk.warn(folder)
    return sorted(walk.images)


class _Walk:
    """What a walk has found so far."""

    def __init__(self):
        self.images: list[Path] = []
        self.others = 0
        self.special: list[Path] = []
        self.unread: list[Path] = []
        self.misnamed: list[Path] = []
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
        elif not folder and suffix in OTHER_PICTURES:
            self.unread.append(path)
        else:
            self.others += 1
            if regular and self.others <= _OPENED and is_picture(path):
                self.misnamed.append(path)
        return folder

    def check(self, folder: Path) -> None:
        """Raises an `InputError` if the folder holds so much else that it is not a data set."""
        if self.others > _MOST_OTHERS and 100 * len(self.images) < self.others:
            raise InputError(
                f"The folder {folder} holds more than {_MOST_OTHERS:,} files and folders, and "
                f"{len(self.images):,} images among them. Give the folder that holds the images."
            )

    def refuse(self, folder: Path) -> None:
        """Raises an `InputError` if the folder holds pictures, and none of them is read."""
        if not self.images and (self.unread or self.misnamed):
            raise InputError(
                f"No images in the folder {folder} or below it that kgan reads. "
                + " ".join(f"{text}." for text in self._unread())
            )

    def _unread(self) -> list[str]:
        """Returns a sentence about the pictures in other formats, and one about other names."""
        found = []
        if self.unread:
            counts = Counter(path.suffix.lower() for path in self.unread)
            named = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common())
            found.append(
                f"{_some(self.unread)} is skipped ({named}): kgan reads {', '.join(SUFFIXES)}. "
                "Convert pictures to PNG or JPEG, and films to single pictures"
            )
        if self.misnamed:
            found.append(
                f"{_some(self.misnamed)} is skipped: the content is a picture, the name is not. "
                "Give it the ending of its format, such as .png"
            )
        return found

    def warn(self, folder: Path) -> None:
        """Warns of everything that was passed over."""
        said = self._unread()
        for paths, what in (
            (self.special, "is no regular file (a pipe, device or socket), and is skipped"),
            (self.unreadable, "cannot be read (no permission?), and is skipped"),
            (
                self.repeated,
                "leads to a folder that is read already or lies above, and is skipped",
            ),
        ):
            if paths:
                said.append(f"{_some(paths)} {what}")
        for sentence in said:
            warnings.warn(f"In {folder}: {sentence}.", stacklevel=4)


def _some(paths: list[Path]) -> str:
    """Returns the name of the first path, and how many more there are."""
    return f"{paths[0]}" + (f" (and {len(paths) - 1} more like it)" if len(paths) > 1 else "")
