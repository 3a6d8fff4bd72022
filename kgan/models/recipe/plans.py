"""What is chosen for a data set, line by line."""

import math
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kgan import arguments, bridge
from kgan.data.info import DataInfo
from kgan.errors import InputError
from kgan.models.blocks import strided
from kgan.models.recipe import facts as found
from kgan.models.recipe import rules
from kgan.models.recipe.facts import Facts

# Minutes, where none are given.
MINUTES = 30.0
# Of the printed plan: its columns, and the longest value beside which a reason stands.
_COLUMNS, _SHORT = 100, 18
_LEAST_SAMPLES = 8
# What the printed reason is where a choice was not made here.
GIVEN = "as you said"
# A GPU counts as so many processor cores in the rules.
_GPU = 64


@dataclass(frozen=True)
class Choice:
    """A line of a plan.

    Attributes:
        name: what was chosen.
        value: what it is, in words.
        reason: why.
    """

    name: str
    value: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What `auto` chose. `print(plan)` shows it line by line, with the reasons.

    Attributes:
        facts: about the data.
        minutes: of the whole training.
        choices: the lines, in the order in which the choices were made.
        family: name of the family, as in `kgan.models.find`.
        options: arguments of the family.
        compile: arguments of `compile`.
        batch_size: samples in a batch.
        mirror: whether half of the pictures are to be mirrored; `kgan.data.load` does it.
        steps: training steps; 0 before a step was timed.
        seconds: what they take, without what is written at the end.
        clocked: whether the clock ends the training, and not the number of steps.
    """

    facts: Facts | None
    minutes: float
    choices: tuple[Choice, ...]
    family: str
    options: dict[str, Any] = field(default_factory=dict)
    compile: dict[str, Any] = field(default_factory=dict)
    batch_size: int = 64
    mirror: bool = False
    steps: int = 0
    seconds: float = 0.0
    clocked: bool = False

    def epochs(self, info: DataInfo) -> int:
        """Returns the epochs of `fit` that hold the steps."""
        return math.ceil(self.steps / max(1, info.steps_per_epoch))

    def with_choice(self, choice: Choice, **changes: Any) -> "Plan":
        """Returns the plan with one more line, and with other attributes."""
        return replace(self, choices=(*self.choices, choice), **changes)

    def record(self) -> dict[str, Any]:
        """Returns the plan as plain data, for JSON."""
        return {
            "minutes": self.minutes,
            "steps": self.steps,
            "seconds": round(self.seconds, 1),
            "choices": [vars(choice) for choice in self.choices],
        }

    def __str__(self) -> str:
        names = max((len(choice.name) for choice in self.choices), default=0) + 2
        # A long value has a line of its own, so that the reasons stay aligned.
        short = [len(choice.value) for choice in self.choices if len(choice.value) <= _SHORT]
        values = max(short, default=0) + 2
        lines = []
        for choice in self.choices:
            first, reason = f"{choice.name:{names}}{choice.value:{values}}", choice.reason
            if len(choice.value) > _SHORT and reason:
                first, reason = f"{choice.name:{names}}{choice.value}; {reason}", ""
            indent = " " * (names if not reason else names + values)
            lines += textwrap.wrap(
                first + reason, _COLUMNS, subsequent_indent=indent, drop_whitespace=True
            )
        return "\n".join(lines)


def plan(
    data: Any,
    minutes: float = MINUTES,
    *,
    family: str | None = None,
    options: dict[str, Any] | None = None,
    compile: dict[str, Any] | None = None,
    batch_size: int | None = None,
    mirror: bool | None = None,
) -> Plan:
    """Returns what the rules choose for a data set; no model is made and nothing is timed.

    Args:
        data: a dataset of `kgan.data`, whose pictures are looked at, or its `info` alone.
        minutes: of the training.
        family, options, compile, batch_size, mirror: what is kept instead of chosen.

    Raises:
        InputError: for data that no family takes, or too few samples.
    """
    minutes = arguments.number("minutes", minutes, above=0)
    facts = data if isinstance(data, Facts) else found.of(data)
    if facts.kind == "other":
        raise InputError(
            f"The samples of {facts.name!r} have the shape {facts.shape}; auto chooses for images "
            "(height, width, channels) and points (dimensions,). Build both networks yourself, for "
            "kgan.GAN."
        )
    if facts.count < _LEAST_SAMPLES:
        raise InputError(
            f"The data set {facts.name!r} has too few samples to train on ({facts.count}): a model "
            f"could only repeat them. auto takes {_LEAST_SAMPLES} or more, and hundreds are better."
        )
    known = rules.Known(facts, minutes, _cores(), family=family or "")
    lines = [Choice("data", _described(facts), _remarks(facts))]

    def choose(choice, given=None, shown=str):
        value, reason = (given, GIVEN) if given is not None else rules.chosen(choice, known)
        if reason:
            lines.append(Choice(choice, shown(value), reason))
        return value

    for name, value in (("options", options), ("compile", compile)):
        arguments.instance(name, {} if value is None else value, dict, "a dictionary of arguments")
    options, compile = dict(options or {}), dict(compile or {})
    if family is not None:
        arguments.text("family", family, or_else="None")
    family = str(choose("family", family))
    known = replace(known, family=family)
    if "classes" in options:
        lines.append(Choice("classes", str(options["classes"]), GIVEN))
    else:
        classes = choose("classes", shown=lambda value: str(value or "ignored"))
        options |= {"classes": classes} if classes else {}
    batch = choose("batch", batch_size)
    most = 2 ** int(math.log2(facts.count))
    if batch is not None and batch_size is None and batch > most:
        batch = most
        lines[-1] = Choice("batch", str(batch), f"{facts.count} samples make no larger one")
    if "augment" in compile:
        lines.append(Choice("augment", str(compile["augment"] or "none"), GIVEN))
    else:
        augment = choose("augment", shown=lambda value: str(value or "none"))
        compile |= {"augment": augment} if augment else {}
    mirrored = choose("mirror", mirror, lambda value: "half of them" if value else "none")
    for choice in ("penalties", "average"):
        choose(choice)
    return Plan(facts, minutes, tuple(lines), family, options, compile, batch or 0, bool(mirrored))


def size(sizes: Sequence[tuple[int, int]], minutes: float) -> tuple[int | None, Choice]:
    """Returns the size that pictures are resized to, or None if they stay as they are; its line.

    Args:
        sizes: (height, width) of the pictures.
        minutes: of the training.
    """
    if not sizes:
        raise InputError("There are no pictures to choose a size for.")
    # A few small pictures among large ones are enlarged.
    side = sorted(min(one) for one in sizes)[len(sizes) // 10]
    known = rules.Known(Facts("images", "", len(sizes), ()), minutes, _cores(), side)
    value, reason = rules.chosen("size", known)
    same = len(set(sizes)) == 1
    if same and max(sizes[0]) <= max(value, 32) and _can_be_made(sizes[0]):
        return None, Choice("size", f"{sizes[0][0]}x{sizes[0][1]}", "all pictures have it")
    if not same:
        reason = f"they have {len(set(sizes))} sizes; {reason}"
    if any(height != width for height, width in sizes):
        reason += "; of others than squares the middle is taken"
    return value, Choice("size", f"{value}x{value}", reason)


def _can_be_made(size: tuple[int, int]) -> bool:
    try:
        strided.plan((*size, 3))
    except InputError:
        return False
    return True


def _cores() -> int:
    return _GPU if bridge.has_gpu() else os.cpu_count() or 1


def _described(facts: Facts) -> str:
    if facts.kind == "points":
        return f"{facts.count:,} points of {facts.shape[0]} coordinates"
    height, width, channels = (*facts.shape, 0, 0)[:3]
    colour = {1: "grey ", 3: "colour ", 4: "transparent "}.get(channels, "")
    kind = {"pairs": "pairs of pictures", "domains": "pictures of two domains"}.get(
        facts.kind, f"{colour}pictures"
    )
    of = f" in {facts.classes} classes" if facts.classes else ""
    return f"{facts.count:,} {kind}, read at {height}x{width}{of}"


def _remarks(facts: Facts) -> str:
    remarks = []
    if facts.alike is not None and facts.looked_at >= 20:
        much = "much" if facts.alike > 0.2 else "something" if facts.alike > 0.05 else "little"
        remarks.append(f"with {much} in common ({facts.alike:.0%} of their variance)")
    if facts.twins:
        remarks.append(f"{facts.twins:.0%} nearly the same as another")
    return "; ".join(remarks)
