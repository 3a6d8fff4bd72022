"""What `kgan train` decides before it trains: the recipe, its length, what is held out."""

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kgan.errors import InputError
from kgan.reports import commands

# The name in place of a family's, for which the data decides.
AUTO = "auto"

# Of a folder this part is trained on, and the rest is held out, unless it is small.
_TRAINED, _LEAST_TO_HOLD_OUT = "train[:90%]", 20
# Seconds that are kept for what is written when training ends: the model, its SavedModel (which is
# traced anew), the last pictures and the plots.
_CLOSING = 20.0
# The length of the schedules while steps are timed.
_FOR_TIMING = 10_000
# What the printed command does not repeat.
_LEFT_OUT = {"model", "minutes", "epochs", "out", "index", "workers", "devices"}


def is_wanted(settings: dict, dry_run: bool) -> bool:
    """Returns whether steps are to be timed, or more decided, before the training."""
    return settings["model"] == AUTO or bool(settings.get("minutes")) or dry_run


def starts_from_images(settings: dict) -> bool:
    """Returns whether `auto` would choose a family that starts from images for this data."""
    source = Path(settings["data"]).expanduser()
    return bool(settings["data_b"]) or (source.is_dir() and _kind_of(source) != "samples")


def check_workers(strategy: Any) -> None:
    """Raises an `InputError` if several workers would each time steps of their own."""
    from kgan import replicas

    if strategy is not None and replicas.has_several_workers(strategy):
        raise InputError(
            "Several workers cannot time steps, as each would find another number: try auto, "
            "--minutes and --dry-run on one machine, and give what it prints, with --steps."
        )


def planned(
    settings: dict, given: set[str], build: Callable[[dict], tuple[Any, Any, dict]], begun: float
) -> tuple[dict, Any]:
    """Returns (the settings with everything that was left open, the `Plan`).

    Args:
        settings: settings of the command line; `model` may be "auto".
        given: the names in `settings` that the user wrote out, which are kept.
        build: returns (the compiled model, its dataset, the settings with a split).
        begun: when the command began, by `time.monotonic`.

    Raises:
        InputError: if the data or the settings do not do, or the time is too short.
    """
    from kgan.models.recipe import fitting, plans
    from kgan.training import timing

    minutes = settings["minutes"] or plans.MINUTES
    automatic = settings["model"] == AUTO
    if automatic:
        settings, plan = _chosen(settings, given, minutes)
    else:
        plan = plans.Plan(None, minutes, (), settings["model"])
    gan, dataset, tried = build(settings | {"steps": _FOR_TIMING, "epochs": None})
    settings = settings | {"split": tried["split"]}
    if hasattr(gan, "pretrain"):
        raise InputError(
            f"{settings['model']} first trains on pixels alone, and the time of that is not known "
            "before. Give --steps."
        )
    plan = replace(plan, batch_size=dataset.info.batch_size)
    timed = timing.measure(gan, dataset, fitting.seconds_to_time(minutes))
    if automatic:

        def again(name):
            other = _in_precision(settings, name) | {"steps": _FOR_TIMING, "epochs": None}
            return timing.measure(*build(other)[:2], fitting.seconds_to_time(minutes))

        plan, timed = fitting.precise(plan, gan, timed, again)
        if "precision" in plan.options and gan.precision is None:
            settings = _in_precision(settings, plan.options["precision"])
    spent = time.monotonic() - begun
    asked = settings["steps"] or (settings["epochs"] or 0) * dataset.info.steps_per_epoch
    if asked:
        plan = fitting.lasting(plan, timed, asked)
    elif not automatic and not settings["minutes"]:
        plan = fitting.lasting(plan, timed, tried["usual_steps"], "the family's own")
    else:
        # With a time given all of it is used.
        most = 0 if settings["minutes"] else tried["usual_steps"]
        plan = fitting.fitted(plan, timed, spent, _CLOSING, most)
        plan = replace(plan, clocked=bool(settings["minutes"]))
        settings = settings | {"steps": plan.steps}
    parts = (
        f"{spent:.0f} s until now, {plan.seconds:.0f} s to train, about {_CLOSING:.0f} s to write "
        "the model"
    )
    whole = (spent + plan.seconds + _CLOSING) / 60
    plan = plan.with_choice(plans.Choice("time", f"{whole:.1f} minutes", parts))
    return settings, fitting.with_expectation(plan) if automatic else plan


def _in_precision(settings: dict, name: str) -> dict:
    return settings | {"options": [*settings["options"], f"precision={name}"]}


def minutes_to_train(plan: Any) -> float | None:
    """Returns the minutes from the beginning of the command until training has to end.

    None if its steps end it. A training with a given time is ended by the clock: with more steps
    than planned if the machine has become faster (learning rates then stay at their last values),
    and with fewer if slower.
    """
    if plan is None or not plan.clocked:
        return None
    return plan.minutes - _CLOSING / 60


def command(settings: dict, given: set[str]) -> str:
    """Returns the command that trains the same without looking or timing."""
    named = (given | {"size", "batch_size", "augment", "mirror", "steps", "options"}) - _LEFT_OUT
    kept = {name: settings.get(name) for name in ("model", *sorted(named))}
    return commands.to_repeat(kept)


def _chosen(settings: dict, given: set[str], minutes: float) -> tuple[dict, Any]:
    """Returns (settings, plan) of the table of rules, without the number of steps."""
    from kgan import models
    from kgan.data import kinds
    from kgan.models.recipe import plans

    source = Path(settings["data"]).expanduser()
    kind = "domains" if settings["data_b"] else _kind_of(source) if source.is_dir() else "samples"
    families = {"pairs": models.Pix2Pix, "domains": models.CycleGAN, "samples": models.R3GAN}

    settings, said = held_out(settings, settings["batch_size"] or 1)

    def load(size):
        common = {"split": settings["split"], "batch_size": 1, "seed": settings["seed"]}
        return kinds.KINDS[kind].load(
            kinds.Wanted(
                family=families[kind],
                source=settings["data"],
                source_b=settings["data_b"],
                common=common | ({"batch_size": 50} if kind == "samples" else {}),
                size=size,
                channels=settings["channels"],
                data_dir=settings["data_dir"],
                scale=4,
                training=False,
            )
        )

    size, line = settings["size"], None
    if size is None and source.is_dir():
        size, line = plans.size(_sizes(source), minutes)
    dataset = load(size)
    if size is None and not source.is_dir() and len(dataset.info.sample_shape) == 3:
        size, line = plans.size([dataset.info.sample_shape[:2]], minutes)
        dataset = load(size) if size else dataset
    plan = plans.plan(
        dataset,
        minutes,
        options=dict(pair.partition("=")[::2] for pair in settings["options"]),
        compile={"augment": settings["augment"]} if "augment" in given else {},
        batch_size=settings["batch_size"],
        mirror=settings["mirror"] if "mirror" in given else None,
    )
    lines = [line] if line else []
    lines += [plans.Choice("split", settings["split"], said)] if said else []
    plan = replace(plan, choices=(plan.choices[0], *lines, *plan.choices[1:]))
    classes = plan.options.get("classes")
    named = any(pair.startswith("classes=") for pair in settings["options"])
    return settings | {
        "model": plan.family,
        "size": size,
        "batch_size": plan.batch_size or None,
        "augment": plan.compile.get("augment"),
        "mirror": plan.mirror,
        "options": settings["options"] + ([f"classes={classes}"] if classes and not named else []),
    }, plan


def _part(source: Path) -> Path:
    return source / "train" if (source / "train").is_dir() else source


def _kind_of(source: Path) -> str:
    """Returns the kind of data in a folder: "pairs", "domains" or "samples"."""
    from kgan.data import walking

    root = _part(source)
    present = {path.name for path in root.iterdir() if path.is_dir()} - {"test", "val"}
    if present == {"trainA", "trainB"} or {"trainA", "trainB", "testA", "testB"} == present:
        return "domains"
    for sides in ({"A", "B"}, {"input", "target"}):
        if present == sides:
            stems = [
                {
                    path.relative_to(root / side).with_suffix("")
                    for path in walking.find(root / side)
                }
                for side in sides
            ]
            # Two domains are called A and B too, but their files have names of their own.
            return "pairs" if stems[0] == stems[1] or "input" in sides else "domains"
    return "samples"


def _sizes(source: Path) -> list[tuple[int, int]]:
    """Returns (height, width) of the pictures in a folder."""
    from kgan.data import folder, images, walking

    root = _part(source)
    paths = walking.find(root)
    if not paths:
        raise InputError(
            f"No images in the folder {root} or below it. Expected files ending in "
            f"{', '.join(walking.SUFFIXES)}."
        )
    return [size for size, _ in folder.map_files(images.describe, paths, root)]


def held_out(settings: dict, batch_size: int) -> tuple[dict, str]:
    """Settles the split of a training, if none was given.

    A tenth of a folder is held out, unless it has a part to test with, or is small.

    Args:
        settings: settings of the run; `split` is None if the user gave none.
        batch_size: samples in a batch, which what is left has to fill.

    Returns:
        (the settings with a split, what there is to say about it).
    """
    if settings["split"] is not None:
        return settings, ""
    source = Path(settings["data"]).expanduser()
    count = _divisible(source) if source.is_dir() else 0
    held = count - round(0.9 * count)
    if count < _LEAST_TO_HOLD_OUT or count - held < batch_size:
        return settings | {"split": "train"}, ""
    return settings | {"split": _TRAINED}, (
        f"{held} of {count} pictures are held out, to measure against with `kgan evaluate`; "
        "--split train trains on all."
    )


def _divisible(source: Path) -> int:
    """Returns how many pictures a folder has to divide; 0 if it has a part to test with already."""
    from kgan.data import walking

    if any((source / name).is_dir() for name in ("test", "testA", "val")):
        return 0
    with warnings.catch_warnings():
        # The reader says it again.
        warnings.simplefilter("ignore")
        return len(walking.find(_part(source)))
