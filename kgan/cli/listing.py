"""What `kgan models` and `kgan datasets` print: as text that fits the terminal, and as JSON."""

import shutil
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from kgan import pretrained
from kgan.models import CATALOGUE, Family
from kgan.models.outline import Outline, outline

# A family of another package says what it takes in its own source, which would have to be loaded.
_ELSEWHERE = "Its options are those of {target}, in another package."
_NARROWEST, _WIDEST = 40, 100


def facts(family: Family) -> dict[str, Any]:
    """Returns what a family takes and how it trains, ready for JSON.

    A family of another package has only the entries `name`, `class`, `paper` and `takes`.
    """
    found: dict[str, Any] = {
        "name": family.name,
        "class": f"{family.module}.{family.class_name}",
        "paper": family.paper,
        "takes": family.data,
    }
    known = outline(family)
    if known is None:
        return found
    return found | {
        "about": known.about,
        "squares": known.squares() or None,
        "options": [
            {"name": o.name, "type": o.type, "default": o.default, "meaning": o.meaning}
            for o in known.options
        ],
        "preset": known.preset or None,
        "presets": known.presets,
        "batch_size": known.batch_size,
        "training_steps": known.training_steps,
        "compile": known.settings,
    }


def every_model() -> str:
    """Returns the list of the families with their papers and what they take."""
    families = (
        f"{family.name:12} {family.paper}\n{'':12} takes {family.data}"
        for family in CATALOGUE.values()
    )
    auto = f"{'auto':12} chosen for your data, with the reasons: kgan train auto --data FOLDER"
    trained = (f"{name:14} {pretrained.card(name)['title']}" for name in pretrained.names())
    head = "\nTrained already, for `kgan generate NAME` and kgan.load(NAME):"
    return "\n".join([auto, *families, head, *trained])


# What is shown of a model without a floor.
MEASURED = ("psnr", "ssim", "frechet_distance", "precision", "recall")


def trained_model(name: str) -> str:
    """Returns what a trained model draws, how it was made and how good it is, as text."""
    card = pretrained.card(name)
    carried, trained = card["carried"], card["trained"]
    # What has a floor; the losses have none. Nothing of a model that starts from images has one.
    floors = {figure: floor for figure, floor in trained["floor"].items() if floor is not None}
    floors = floors or dict.fromkeys(MEASURED)
    figures = (
        f"{figure:20} {carried[figure]:10.4g}" + ("" if floor is None else f"   (real {floor:.4g})")
        for figure, floor in floors.items()
        if carried.get(figure) is not None
    )
    return "\n".join(
        [
            *_wrapped(f"{name}: {card['title']} ({card['class']})"),
            *_wrapped(f"Trained on {card['data']}, {trained['step']} steps: {card['command']}"),
            *_wrapped(card.get("use") or f"Draw: kgan generate {name} -n 64"),
            f"\nMeasured against its {trained['split']} split:",
            *figures,
        ]
    )


def model(family: Family) -> str:
    """Returns what a family takes and how it trains, as text for the terminal."""
    known = outline(family)
    head = [
        *_wrapped(f"{family.name}: {family.class_name}"),
        *_wrapped(family.paper),
        *_wrapped(f"Takes {family.data}."),
    ]
    if known is None:
        return "\n".join([*head, *_wrapped(_ELSEWHERE.format(target=family.target))])
    return "\n".join([*head, *_sides(known), *_options(known), *_training(known), *_about(known)])


def _sides(known: Outline) -> Iterator[str]:
    squares = known.squares()
    if squares:
        yield from _wrapped(f"Squares of {', '.join(map(str, squares))}, ... pixels (--size).")


def _options(known: Outline) -> Iterator[str]:
    yield "\nOptions, as -O NAME=VALUE:"
    for option in known.options:
        default = f", default {option.default}" if option.default else ""
        yield from _wrapped(f"{option.name}  {option.type}{default}", 2)
        yield from _wrapped(option.meaning, 6)


def _training(known: Outline) -> Iterator[str]:
    """The batch, the steps and the settings of `compile`, by preset if there are any."""
    if not known.presets:
        yield "\nTraining by default:"
        counts = {"batch_size": known.batch_size, "training_steps": known.training_steps}
        yield from _rows(counts | known.settings.get("", {}), 2)
        return
    yield "\nPresets, as --preset NAME:"
    for name, settings in known.presets.items():
        yield from _wrapped(f"{name}{' (the default)' if name == known.preset else ''}", 2)
        # What `compile` takes says the same of them, in full.
        said = known.settings.get(name, {})
        yield from _rows({k: v for k, v in settings.items() if k not in said} | said, 6)


def _about(known: Outline) -> Iterator[str]:
    yield "\nAbout:"
    for paragraph in known.about.split("\n\n"):
        table = any(set(line) <= {"=", " "} and line for line in paragraph.splitlines())
        # A table or a list has lines of its own.
        if table or paragraph.startswith("- "):
            yield from (f"  {line}" for line in paragraph.splitlines())
        else:
            yield from _wrapped(" ".join(paragraph.split()), 2)
        yield ""


def _rows(values: dict[str, Any], indent: int) -> Iterator[str]:
    wide = max(map(len, values), default=0) + 2
    for name, value in values.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        yield from _wrapped(f"{name:{wide}}{shown}", indent, indent + wide)


def _wrapped(text: str, indent: int = 0, further: int | None = None) -> Iterable[str]:
    """Returns the lines of a text, which fit the terminal."""
    columns = shutil.get_terminal_size((80, 24)).columns
    return textwrap.wrap(
        text,
        max(_NARROWEST, min(columns, _WIDEST)),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if further is None else further),
        break_on_hyphens=False,
    )
