"""Checks the settings of a command line and turns them into arguments of the library."""

import inspect
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path

from kgan.errors import InputError, unknown

# The model of the main job. Its default preset is the recommended one.
MAIN_MODEL = "vanilla"

# What --resume may change: the length of a run, how often pictures and checkpoints are kept, and
# where else it is logged.
MAY_CHANGE = {"steps", "epochs", "snapshot_every", "checkpoint_every", "log_to"}


def completed(settings: dict) -> dict:
    """Returns the settings, with the model of the main job if none is named."""
    if settings["model"] is not None:
        return settings
    return settings | {"model": MAIN_MODEL}


def default_folder(settings: dict) -> Path:
    """Returns `runs/MODEL-DATA`."""
    data = Path(settings["data"])
    return (
        Path("runs")
        / f"{settings['model']}-{data.stem if data.suffix in ('.npz', '.npy') else data.name}"
    )


def located(data: str) -> str:
    """Returns an existing path as an absolute one, and the name of a data set unchanged.

    A run may be resumed from another working directory.
    """
    path = Path(data).expanduser()
    if not path.exists():
        return data
    if path.name == data and path.suffix not in (".npz", ".npy"):
        # The name of a data set takes precedence over a folder.
        from kgan.data import places, sources

        if data in dict(sources()) or places.knows(data):
            return data
    return os.path.abspath(path)


def check_start(settings: dict) -> None:
    """Checks that layers are only frozen in a run that starts from other weights.

    Raises:
        InputError: if --freeze is given without --warm-start.
    """
    if settings["freeze"] and not settings["warm_start"]:
        raise InputError(
            "--freeze keeps layers as another run has trained them; name that run by --warm-start."
        )


def continued(before: dict, now: dict, given: set[str]) -> dict:
    """Returns the settings of a resumed run: its own, with those of `MAY_CHANGE` that are given.

    Args:
        before: settings of the run, from its `config.json`.
        now: settings of this command line.
        given: the names in `now` that the user wrote out.

    Raises:
        InputError: if a setting is given that a resumed run cannot change.
    """
    for name in sorted(given - MAY_CHANGE):
        old, new = before.get(name), now[name]
        if name in ("options", "penalties"):
            old, new = (sorted(map(_renamed, pairs)) for pairs in (old or [], new))
        if old != new:
            option = {"model": "MODEL", "options": "-O", "penalties": "--penalty"}.get(
                name, f"--{name.replace('_', '-')}"
            )
            raise InputError(
                f"The run was started with {_shown(option, old)}; --resume cannot change it to "
                f"{_shown(option, new)}. Leave it out, or start another run."
            )
    changed = {name: now[name] for name in given & MAY_CHANGE}
    if changed.keys() & {"steps", "epochs"}:
        changed = {"steps": None, "epochs": None} | changed
    # An option that was added after the run was started has its default.
    return now | before | changed


def _renamed(option: str) -> str:
    """Returns an option under its present name: some families called their presets variants."""
    name, separator, value = option.partition("=")
    return f"preset{separator}{value}" if name == "variant" else option


def _shown(option, value) -> str:
    if value in (None, []):
        return f"{option} left at its default"
    if option == "--size" and isinstance(value, list):
        value = "x".join(map(str, value))
    return " ".join(f"{option} {one}" for one in (value if isinstance(value, list) else [value]))


def model_options(settings: dict, model_class) -> dict:
    """Returns the `NAME=VALUE` options as keyword arguments of a model.

    Raises:
        InputError: if the model has no argument of that name, or a value is malformed.
    """
    known = [
        parameter
        for parameter in inspect.signature(model_class.__init__).parameters
        # The others come from the data or have a command-line option of their own.
        if parameter not in ("self", "seed", "name", "image_shape", "kwargs")
    ]
    options = option_values(settings, known)
    if settings["discriminator_steps"] and "discriminator_steps" in known:
        # The schedules of a model with this argument count discriminator updates.
        options["discriminator_steps"] = settings["discriminator_steps"]
    return options


def option_values(settings: dict, known: Iterable[str]) -> dict:
    """Returns the `NAME=VALUE` options with their values as Python has them.

    Raises:
        InputError: for a name that is not among `known`, or a malformed value.
    """
    options = {}
    for pair in settings["options"]:
        key, separator, value = pair.partition("=")
        if not separator:
            raise InputError(f"-O takes NAME=VALUE; got {pair!r}.")
        if key not in known:
            raise unknown(f"option of model {settings['model']}:", key, known)
        try:
            options[key] = json.loads(value)
        except (ValueError, RecursionError):
            options[key] = value
        if not isinstance(options[key], (str, int, float, type(None))):
            raise InputError(f"-O takes a word or a number as VALUE; got {pair!r}.")
    return options


def compile_arguments(settings: dict) -> dict:
    """Returns the arguments of `compile` that the command line sets, except the optimizers.

    What is not set is left to the paper's defaults. For the optimizers, see `optimizers`.
    """
    from kgan import losses

    arguments = {
        "loss": settings["loss"] and losses.get(settings["loss"]),
        "ema": settings["ema"],
        "discriminator_steps": settings["discriminator_steps"],
        "accumulation_steps": settings["accumulation_steps"] or 1,
        # Runs of earlier releases do not have it.
        "augment": None if settings.get("augment") == "none" else settings.get("augment"),
    }
    if settings["penalties"]:
        arguments["penalties"] = [_penalty(text) for text in settings["penalties"]]
    return arguments


def optimizers(settings: dict, model) -> dict:
    """Returns the model's default optimizers by player, with the changes of the command line."""
    changes = {"learning_rate": settings["learning_rate"], "global_clipnorm": settings["clip_norm"]}
    changes = {name: value for name, value in changes.items() if value is not None}
    papers, players = model.defaults(), {}
    for player in model.make_players():
        optimizer = papers[f"{player.prefix}_optimizer"]
        # Rebuilt from its config: a schedule cannot be replaced by assigning a learning rate.
        players[player.name] = type(optimizer).from_config(optimizer.get_config() | changes)
    return players


def _penalty(text):
    from kgan import penalties

    name, separator, weight = text.partition("=")
    if name not in penalties.BUILT_IN:
        raise unknown("penalty", name, penalties.BUILT_IN)
    if not separator:
        return penalties.get(name)
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise InputError(f"A penalty is NAME or NAME=WEIGHT, a positive number; got {text!r}.")
    return penalties.BUILT_IN[name](number)
