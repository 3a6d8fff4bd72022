"""Registries of named objects, of kgan and of other packages, imported when first used."""

import importlib
import warnings
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from kgan.errors import InputError, unknown


@dataclass(frozen=True)
class Entry:
    """A named object of a `Registry`.

    Attributes:
        name: its name.
        target: the object, or its location as "module:Name".
        description: one line for listings.
    """

    name: str
    target: Any
    description: str = ""

    def load(self) -> Any:
        """Returns the object, which is imported if `target` is a location.

        Raises:
            InputError: if it cannot be imported.
        """
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            if module.startswith("kgan."):
                raise
            raise self._load_error(error) from error
        if not hasattr(found, attribute):
            raise self._load_error(f"{module} has no {attribute!r}")
        return getattr(found, attribute)

    def _load_error(self, why) -> InputError:
        return InputError(
            f"{self.name!r} is registered as {self.target!r}, which cannot be loaded: {why}."
        )


class Registry(MutableMapping):
    """Entries by name: kgan's own, registered ones, and those of installed packages.

    A package declares its entries in an entry-point group, in its `pyproject.toml`:

    ```toml
    [project.entry-points."kgan.families"]
    pacgan = "their_package:PacGAN"
    ```

    Entry points are discovered when the registry is first used, and imported when an entry is
    loaded.

    Args:
        kind: what an entry is called in error messages, such as "metric".
        group: the entry-point group.
        entries: kgan's own entries.
        make: makes an entry from a name, a target and a description.
    """

    def __init__(
        self, kind: str, group: str, entries: Iterable[Any], make: Callable[..., Any] = Entry
    ):
        self.kind, self.group, self.make = kind, group, make
        self._entries = {entry.name: entry for entry in entries}
        self._discovered = False

    def register(self, name: str, target: Any, description: str = "") -> None:
        """Adds an entry; adding the same one again has no effect.

        Args:
            name: the name of the entry.
            target: the object, or its location as "module:Name", which is imported when needed.
            description: one line for listings.

        Raises:
            InputError: if the name is taken by another object, or is not a non-empty string.
        """
        if not isinstance(name, str) or not name:
            raise InputError(f"The name of a {self.kind} must be a non-empty string; got {name!r}.")
        made = self.make(name, target, description)
        before = self._all().get(name)
        if before is not None and _place(before) != _place(made):
            raise InputError(f"There is a {self.kind} named {name!r} already; take another name.")
        self._entries[name] = made

    def own(self) -> list[Any]:
        """Returns the entries so far, without discovering those of other packages."""
        return list(self._entries.values())

    def find(self, name: str) -> Any:
        """Returns the entry of a given name.

        Raises:
            InputError: for an unknown name; the message suggests the nearest ones.
        """
        entries = self._all()
        if not isinstance(name, str) or name not in entries:
            raise unknown(self.kind, name, entries)
        return entries[name]

    def discover(self) -> None:
        """Adds the entry points of installed packages; they cannot replace an existing entry."""
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
        """Imports every entry; warns of those of other packages that fail to import."""
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
    """Returns the location of an entry's object as "module:Name"."""
    target = entry.target
    if isinstance(target, str):
        return target
    return f"{target.__module__}:{target.__qualname__}"


def _origin(point) -> str:
    return f"the package {point.dist.name}" if point.dist is not None else point.value
