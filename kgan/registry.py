"""What goes by a name, of kgan's own and of other packages, loaded when it is first asked for."""

import importlib
import warnings
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from kgan.errors import InputError, unknown


@dataclass(frozen=True)
class Entry:
    """Something that goes by a name.

    Attributes:
        name: the name.
        target: what it is, or where: "module:Name".
        description: one line for people.
    """

    name: str
    target: Any
    description: str = ""

    def load(self) -> Any:
        """What it is, imported now where only its place was given.

        Raises:
            InputError: where it is not there.
        """
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            if module.startswith("kgan."):
                raise
            raise self._lost(error) from error
        if not hasattr(found, attribute):
            raise self._lost(f"{module} has no {attribute!r}")
        return getattr(found, attribute)

    def _lost(self, why) -> InputError:
        return InputError(
            f"{self.name!r} is registered as {self.target!r}, which cannot be loaded: {why}."
        )


class Registry(MutableMapping):
    """Entries by name: those given, those registered, and those of installed packages.

    A package names its own under an entry-point group, in its `pyproject.toml`:

    ```toml
    [project.entry-points."kgan.families"]
    pacgan = "their_package:PacGAN"
    ```

    They are looked for when the registry is first asked, and imported when one is loaded.

    Args:
        kind: what messages call an entry.
        group: of entry points.
        entries: kgan's own.
        make: from name, target and description to an entry.
    """

    def __init__(
        self, kind: str, group: str, entries: Iterable[Any], make: Callable[..., Any] = Entry
    ):
        self.kind, self.group, self.make = kind, group, make
        self._entries = {entry.name: entry for entry in entries}
        self._discovered = False

    def register(self, name: str, target: Any, description: str = "") -> None:
        """Adds an entry; the same one may be added again.

        Args:
            name: what it goes by.
            target: the object, or "module:Name", which is imported when it is needed.
            description: one line for people.

        Raises:
            InputError: where the name is taken, or none.
        """
        if not isinstance(name, str) or not name:
            raise InputError(f"A {self.kind} goes by a word; got {name!r}.")
        made = self.make(name, target, description)
        before = self._all().get(name)
        if before is not None and _place(before) != _place(made):
            raise InputError(f"There is a {self.kind} named {name!r} already; take another name.")
        self._entries[name] = made

    def own(self) -> list[Any]:
        """The entries so far, without a look for those of other packages."""
        return list(self._entries.values())

    def find(self, name: str) -> Any:
        """The entry of that name.

        Raises:
            InputError: for an unknown name, with the nearest ones.
        """
        entries = self._all()
        if not isinstance(name, str) or name not in entries:
            raise unknown(self.kind, name, entries)
        return entries[name]

    def discover(self) -> None:
        """Looks for the entry points of installed packages; kgan's own names stay kgan's."""
        self._discovered = True
        for point in metadata.entry_points(group=self.group):
            made = self.make(point.name, point.value, _origin(point))
            before = self._entries.setdefault(point.name, made)
            if _place(before) != _place(made):
                warnings.warn(
                    f"The {self.kind} {point.name!r} of {_origin(point)} is left out: there is one "
                    "of that name.",
                    stacklevel=2,
                )

    def load_all(self) -> None:
        """Imports every entry; warns of those of other packages that cannot be."""
        for entry in list(self.values()):
            try:
                entry.load()
            except InputError as error:
                warnings.warn(str(error), stacklevel=2)

    def _all(self) -> dict[str, Any]:
        if not self._discovered:
            self.discover()
        return self._entries

    def __getitem__(self, name):
        return self._all()[name]

    def __setitem__(self, name, entry):
        self._all()[name] = entry

    def __delitem__(self, name):
        del self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self):
        return len(self._all())


def _place(entry) -> str:
    """Where an entry's object is defined."""
    target = entry.target
    if isinstance(target, str):
        return target
    return f"{target.__module__}:{target.__qualname__}"


def _origin(point) -> str:
    return f"the package {point.dist.name}" if point.dist is not None else point.value
