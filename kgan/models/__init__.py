"""The families: one file a paper."""

import importlib
from dataclasses import dataclass

from kgan.errors import unknown


@dataclass(frozen=True)
class Family:
    """An entry of the catalogue: what `kgan models` prints without loading TensorFlow.

    Attributes:
        name: as on the command line.
        class_name: the class in `kgan.models`.
        module: where it lives.
        paper: who proposed it, and where.
        data: what data it takes.
    """

    name: str
    class_name: str
    module: str
    paper: str
    data: str


CATALOGUE = {
    family.name: family
    for family in [
        Family(
            "vanilla",
            "VanillaGAN",
            "kgan.models.vanilla",
            "Goodfellow et al. 2014, Generative adversarial nets",
            "small images of any shape; labels are ignored",
        ),
    ]
}

__all__ = sorted(["CATALOGUE", "Family", "find", *(f.class_name for f in CATALOGUE.values())])


def find(name: str):
    """The class of a family by its name in the catalogue.

    Raises:
        InputError: for an unknown name, with the nearest ones.
    """
    family = CATALOGUE.get(str(name).lower())
    if family is None:
        raise unknown("model", name, CATALOGUE)
    return getattr(importlib.import_module(family.module), family.class_name)


def register_all() -> None:
    """Imports every family, so that saved models find their classes."""
    for family in CATALOGUE.values():
        importlib.import_module(family.module)


def __getattr__(name):
    for family in CATALOGUE.values():
        if family.class_name == name:
            return find(family.name)
    raise AttributeError(f"module 'kgan.models' has no attribute {name!r}")
