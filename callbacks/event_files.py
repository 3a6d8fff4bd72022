"""The event files of a run: which are its own, how far they are written, and cutting them."""

import os
from pathlib import Path


class EventFiles:
    """The event files in a log folder that were there before this process wrote any.

    Args:
        folder: Folder of the runs "train" and "validation".
        suffix: The end of the names of this run's files; None if it has no name. Files of other
            runs are never touched, unless a state names them.
    """

    def __init__(self, folder: str | os.PathLike, suffix: str | None):
        self.folder, self.suffix = Path(folder), suffix
        self.earlier = set(self._found())
        # Files of earlier processes that belong to this run, though it was moved meanwhile.
        self._named: set[str] = set()

    def sizes(self) -> dict[str, int]:
        """Returns the size of each file of this run, by its path in the folder."""
        return {
            name: (self.folder / name).stat().st_size
            for name in self._found()
            if self._is_own(name) or name in self._named or name not in self.earlier
        }

    def cut(self, sizes: dict[str, int]) -> None:
        """Cuts the earlier files to the sizes that they had, and deletes later ones of this run."""
        for name in sorted(self.earlier):
            path = self.folder / name
            if name not in sizes:
                if self._is_own(name):
                    path.unlink(missing_ok=True)
            elif path.is_file() and path.stat().st_size >= sizes[name]:
                os.truncate(path, sizes[name])
        self._named |= sizes.keys()

    def _is_own(self, name: str) -> bool:
        return self.suffix is not None and name.endswith(self.suffix)

    def _found(self) -> list[str]:
        found = (path for run in ("train", "validation") for path in self._in(run))
        return [path.relative_to(self.folder).as_posix() for path in found]

    def _in(self, run: str):
        return (self.folder / run).glob("events.out.tfevents.*")
