"""`auto`: a model, its settings and the length of its training, chosen from the data."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from kgan import arguments, bridge
from kgan.data.info import DataInfo
from kgan.data.loading import from_arrays
from kgan.errors import InputError
from kgan.models import facts as found
from kgan.models import rules
from kgan.models.blocks import strided
from kgan.models.facts import Facts
from kgan.training import timing

# Minutes, where none are given.
MINUTES = 30.0
# The schedules end a little before the time does, as callbacks take some of it.
_SHARE = 0.95
_LEAST_SAMPLES = 8
_LEAST_STEPS = 20
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
        names = max((len(choice.name) for choice in self.choices), default=0)
        values = max((len(choice.value) for choice in self.choices if len(choice.value) < 24),
                     default=0)  # fmt: skip
        return "\n".join(
            f"{choice.name:{names}}  {choice.value:{values}}  {choice.reason}".rstrip()
            for choice in self.choices
        )


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
            f"The data set {facts.name!r} holds {facts.count} samples to train on, and a model "
            f"could only repeat them: auto takes {_LEAST_SAMPLES} or more, and hundreds are better."
        )
    known = rules.Known(facts, minutes, _cores(), family=family or "")
    lines = [Choice("data", _described(facts), _remarks(facts))]

    def choose(choice, given=None, shown=str):
        value, reason = (given, GIVEN) if given is not None else rules.chosen(choice, known)
        if reason:
            lines.append(Choice(choice, shown(value), reason))
        return value

    options, compile = dict(options or {}), dict(compile or {})
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
    if same and max(sizes[0]) <= value and _can_be_made(sizes[0]):
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


def fitted(
    begun: Plan, timed: timing.Timing, spent: float = 0.0, closing: float = 0.0, most: int = 0
) -> Plan:
    """Returns the plan with the number of steps that its minutes hold.

    Args:
        begun: the plan.
        timed: how long steps took.
        spent: seconds of the minutes that are gone.
        closing: seconds to be kept for what is written at the end.
        most: the most steps; 0 for as many as there is time for.

    Raises:
        InputError: if there is time for hardly any step.
    """
    left = 60 * begun.minutes - spent - closing - timed.start
    steps = int(_SHARE * left / timed.step)
    if steps < _LEAST_STEPS:
        least = (spent + closing + timed.start + _LEAST_STEPS * timed.step) / 60
        raise InputError(
            f"minutes={begun.minutes:g} is too short: to prepare takes "
            f"{spent + timed.start:.0f} s, to write the model {closing:.0f} s, and a step "
            f"{timed.step:.2g} s. Give at least {10 * math.ceil(least / 10)} minutes."
        )
    reason = f"what {begun.minutes:g} minutes hold"
    if most and steps > most:
        steps, reason = most, "those of the quality board; more hardly help"
    return lasting(begun, timed, steps, reason)


def lasting(begun: Plan, timed: timing.Timing, steps: int, reason: str = GIVEN) -> Plan:
    """Returns the plan with a number of steps, and the time that they take."""
    speed = f"{1 / timed.step:.3g} steps a second" if timed.step < 1 else f"{timed.step:.3g} s each"
    line = Choice("steps", f"{steps:,}", f"{reason}, {speed} (timed now, {timed.steps} of them)")
    # Callbacks take what the schedules leave.
    seconds = timed.start + steps * timed.step / _SHARE
    return begun.with_choice(line, steps=steps, seconds=seconds)


def most_steps(begun: Plan) -> int:
    """Returns the steps after which the chosen model hardly becomes better."""
    from kgan import models

    points = begun.facts is not None and begun.facts.kind == "points"
    options = begun.options | ({"preset": "points"} if points else {})
    return models.find(begun.family).recipe(**options).training_steps


def with_expectation(done: Plan) -> Plan:
    """Returns the plan with a last line: what the samples will be like."""
    shown = done.steps * done.batch_size
    text = rules.expectation(done.facts, shown)
    return done.with_choice(Choice("expect", text, f"after {shown:,} pictures shown"))


def auto(
    data: Any,
    minutes: float = MINUTES,
    *,
    steps: int | None = None,
    seed: int | None = None,
    **given: Any,
) -> Any:
    """Returns a compiled model for a data set, with the attribute `plan`: what was chosen and why.

    ```python
    photos = kgan.data.load("photos/", size=32, batch_size=16)
    gan = kgan.models.auto(photos, minutes=30)
    print(gan.plan)
    gan.fit(photos, epochs=gan.plan.epochs(photos.info))
    ```

    The rules are the table in `kgan/models/rules.py`; `kgan train auto` goes by the same. Some
    steps are timed on a second model, so that the schedules of this one end with its minutes. The
    dataset stays as it was loaded: its batch size is kept, and whether to mirror its pictures is
    said by `plan.mirror`, for `kgan.data.load(mirror=True)`.

    Args:
        data: a dataset of `kgan.data`, or its `info` alone; then rules that look at the pictures
            do without.
        minutes: how long the training may take.
        steps: training steps in place of the minutes; nothing is timed then.
        seed: seed of the model.
        **given: what is kept instead of chosen: `family`, and the dictionaries `options` (of the
            family) and `compile` (arguments of `compile`).

    Raises:
        InputError: for data that no family takes, too few samples, or too little time.
    """
    info: DataInfo = data if isinstance(data, DataInfo) else data.info
    unknown = given.keys() - {"family", "options", "compile"}
    if unknown:
        raise InputError(
            f"auto takes family, options and compile; got {', '.join(sorted(unknown))}. Arguments "
            "of a family go into options={...}, those of compile into compile={...}."
        )
    made = plan(data, minutes, batch_size=info.batch_size, **given)
    if steps is None:
        trial = _model(made, info, seed, 10_000)
        timed = timing.measure(trial, _example(info) if data is info else data, made.minutes)
        made = fitted(made, timed)
    else:
        steps = arguments.integer("steps", steps)
        made = made.with_choice(Choice("steps", f"{steps:,}", GIVEN), steps=steps)
    gan = _model(made, info, seed, made.steps)
    gan.plan = with_expectation(made)
    return gan


def _model(made: Plan, info: DataInfo, seed: int | None, steps: int) -> Any:
    from kgan import models

    gan: Any = models.find(made.family).for_data(info, seed=seed, **made.options)
    gan.training_steps = steps
    gan.compile(**made.compile)
    return gan


def _example(info: DataInfo) -> Any:
    """Returns a dataset of noise that looks like the one of `info`."""
    if info.shapes:
        raise InputError(
            f"Steps on {info.name!r} can only be timed with the data itself: give the dataset in "
            "place of its info."
        )
    low, high = info.value_range or (-1.0, 1.0)
    samples = tf.random.stateless_uniform(
        (info.batch_size, *info.sample_shape), [0, 0], low, high
    ).numpy()
    labels = [place % info.classes for place in range(info.batch_size)] if info.classes else None
    return from_arrays(
        samples, labels, batch_size=info.batch_size,
        value_range=info.value_range, source_range=info.value_range,
    )  # fmt: skip


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
    return f"{facts.count:,} {kind} of {height}x{width}{of}"


def _remarks(facts: Facts) -> str:
    remarks = []
    if facts.alike is not None and facts.looked_at >= 20:
        much = "much" if facts.alike > 0.2 else "something" if facts.alike > 0.05 else "little"
        remarks.append(f"with {much} in common ({facts.alike:.0%} of their variance)")
    if facts.twins:
        remarks.append(f"{facts.twins:.0%} nearly the same as another")
    return "; ".join(remarks)
