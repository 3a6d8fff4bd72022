"""How long to train: steps that fit a time, and the model of a plan."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tensorflow as tf

from kgan import arguments, bridge, precision
from kgan.data.info import DataInfo
from kgan.data.loading import from_arrays
from kgan.errors import InputError
from kgan.models.recipe import facts, rules
from kgan.models.recipe.plans import GIVEN, MINUTES, Choice, Plan, plan
from kgan.training import making, timing

# The schedules end a little before the time does, as callbacks take some of it.
_SHARE = 0.95
_LEAST_STEPS = 20
# Seconds of steps that `auto` times: a share of the time, within bounds.
_TIMED_SHARE, _TIMED_LEAST, _TIMED_MOST = 0.03, 3.0, 30.0
# A smaller gain of another precision is within the noise of the steps that are timed.
_LEAST_GAIN = 1.1


def seconds_to_time(minutes: float) -> float:
    """Returns for how many seconds steps are timed before a training of so many minutes."""
    return min(_TIMED_MOST, max(_TIMED_LEAST, _TIMED_SHARE * 60 * minutes))


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
            f"{timed.step:.2g} s. Give at least {math.ceil(2 * least)} minutes."
        )
    reason = f"what {begun.minutes:g} minutes hold"
    if most and steps > most:
        steps, reason = most, "those of the quality board; more hardly help"
    return lasting(begun, timed, steps, reason)


def precise(
    begun: Plan, model: Any, timed: timing.Timing, again: Callable[[str], timing.Timing]
) -> tuple[Plan, timing.Timing]:
    """Returns the plan in the faster precision, and how long its steps took.

    bfloat16 is timed only where the processor has matrix units for it, and not if a precision was
    given.

    Args:
        begun: the plan.
        model: the model whose steps were timed, made by the plan.
        timed: how long they took.
        again: times steps of a model of the plan in another precision.
    """
    if bridge.has_gpu() or not precision.has_bfloat16_units():
        return begun, timed
    if "precision" in begun.options or model.precision or not making.takes_precision(model):
        return begun, timed
    half = again("bfloat16")
    seconds = f"{half.step:.2g} s a step, in float32 {timed.step:.2g} (timed now)"
    if half.step * _LEAST_GAIN > timed.step:
        return begun.with_choice(Choice("precision", "float32", f"bfloat16 {seconds}")), timed
    options = begun.options | {"precision": "bfloat16"}
    return begun.with_choice(Choice("precision", "bfloat16", seconds), options=options), half


def lasting(begun: Plan, timed: timing.Timing, steps: int, reason: str = GIVEN) -> Plan:
    """Returns the plan with a number of steps, and the time that they take."""
    speed = f"{1 / timed.step:.3g} steps a second" if timed.step < 1 else f"{timed.step:.3g} s each"
    line = Choice("steps", f"{steps:,}", f"{reason}, {speed} (timed now, {timed.steps} of them)")
    # Callbacks take what the schedules leave.
    seconds = timed.start + steps * timed.step / _SHARE
    return begun.with_choice(line, steps=steps, seconds=seconds)


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

    The rules are the table in `kgan/models/recipe/rules.py`; `kgan train auto` goes by the same.
    Some steps are timed on a second model, so that the schedules of this one end with its minutes.
    The dataset stays as it was loaded: its batch size is kept, and whether to mirror its pictures
    is said by `plan.mirror`, for `kgan.data.load(mirror=True)`.

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
    info = facts.info_of(data)
    unknown = given.keys() - {"family", "options", "compile"}
    if unknown:
        raise InputError(
            f"auto takes family, options and compile; got {', '.join(sorted(unknown))}. Arguments "
            "of a family go into options={...}, those of compile into compile={...}."
        )
    made = plan(data, minutes, batch_size=info.batch_size, **given)
    if steps is None:
        samples = _example(info) if data is info else data

        def measured(model):
            return timing.measure(model, samples, seconds_to_time(made.minutes))

        def again(name):
            other = replace(made, options=made.options | {"precision": name})
            return measured(_model(other, info, seed, 10_000))

        trial = _model(made, info, seed, 10_000)
        found, timed = precise(made, trial, measured(trial), again)
        made = fitted(found, timed)
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
