"""The trained models that the package carries, each a small run folder.

`benchmarks/presets.py` makes them. Beside `config.json` and `gan.keras`, as of every run, there is
a `card.json`: what the model draws, on what data it was trained and under which licence that is,
the command that trained it, and the figures of the model as it was trained and as it is carried.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

from kgan import arguments
from kgan.errors import InputError, unknown

_HOME = Path(__file__).parent
Model = TypeVar("Model")


def names() -> list[str]:
    """Returns the names of the trained models."""
    return sorted(path.parent.name for path in _HOME.glob("*/card.json"))


def folder(name: str) -> Path | None:
    """Returns the run folder of a trained model; None if there is none of that name."""
    return _HOME / name if isinstance(name, str) and name in names() else None


def carried(path: Path) -> bool:
    """Returns whether a folder is one of the package's own, which is only read."""
    return Path(arguments.path("path", path)).parent == _HOME


def card(name: str) -> dict[str, Any]:
    """Returns the card of a trained model.

    Its entries: `class`, `title`, `data` (with its licence), `command`, `trained` (steps, split,
    versions, figures, and the floor of these), and `carried`: the figures of the weights in the
    package.

    Raises:
        InputError: if there is no model of that name.
    """
    found = folder(name)
    if found is None:
        raise unknown("trained model", name, names())
    return json.loads((found / "card.json").read_text(encoding="utf-8"))


def load(name: str, family: type[Model]) -> Model:
    """Returns a trained model of a family, not compiled.

    Raises:
        InputError: if there is no such model, or it is one of another family.
    """
    import keras

    known = card(name)
    model = keras.saving.load_model(_HOME / name / "gan.keras", compile=False)
    if not isinstance(model, family):
        own = [each for each in names() if card(each)["class"] == family.__name__]
        has = f"{family.__name__} has {', '.join(map(repr, own))}. " if own else ""
        raise InputError(
            f"The trained model {name!r} is of the family {known['class']}. {has}"
            f"kgan.models.{known['class']}.from_preset({name!r}) loads it."
        )
    return model
