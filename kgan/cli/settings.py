"""What the command line says, checked and turned into arguments."""

import inspect
import json
import math
import os
from pathlib import Path

from kgan.errors import InputError, unknown

# The main job's, whose default variant is the one to train today.
MAIN_MODEL = "vanilla"

# A resumed run may be longer, and be watched more or less closely; it stays the same run.
MAY_CHANGE = {"steps", "epochs", "snapshot_every", "checkpoint_every"}


def completed(settings: dict) -> dict:
    """The settings with the main job's model where none is named."""
    if settings["model"] is not None:
        return settings
    return settings | {"model": MAIN_MODEL}


def default_folder(settings: dict) -> Path:
    """`runs/MODEL-DATA`."""
    data = Path(settings["data"])
    return (
        Path("runs")
        / f"{settings['model']}-{data.stem if data.suffix in ('.npz', '.npy') else data.name}"
    )


def located(data: str) -> str:
    """A path in full, for a run may be resumed from elsewhere; a name as it is."""
    path = Path(data).expanduser()
    if not path.exists():
        return data
    if path.name == data and path.suffix not in (".npz", ".npy"):
        # A data set of that name comes before a folder.
        from kgan.data import sources, tfds

        if data in dict(sources()) or tfds.knows(data):
            return data
    return os.path.abspath(path)


def check_start(settings: dict) -> None:
    """Refuses to freeze what nothing was loaded into.

    Raises:
        InputError: for --freeze without --warm-start.
    """
    if settings["freeze"] and not settings["warm_start"]:
        raise InputError(
            "--freeze keeps layers as another run has trained them; name that run by --warm-start."
        )


def continued(before: dict, now: dict, given: set[str]) -> dict:
    """The settings of a run to go on with: those it had, with what may change changed.

    Args:
        before: of the run, from its `config.json`.
        now: of this command line.
        given: the names in `now` that the user wrote out.

    Raises:
        InputError: for a setting that a resumed run cannot change.
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
    # An option that is younger than the run has its default.
    return now | before | changed


def _renamed(option: str) -> str:
    """An option by its name of today: presets were variants in some families."""
    name, separator, value = option.partition("=")
    return f"preset{separator}{value}" if name == "variant" else option


def _shown(option, value) -> str:
    if value in (None, []):
        return f"{option} left at its default"
    if option == "--size" and isinstance(value, list):
        value = "x".join(map(str, value))
    return " ".join(f"{option} {one}" for one in (value if isinstance(value, list) else [value]))


def model_options(settings: dict, model_class) -> dict:
    """The `NAME=VALUE` options as keyword arguments of a model, checked against its signature."""
    known = [
        parameter
        for parameter in inspect.signature(model_class.__init__).parameters
        # The rest is the data's to say, or has an option of its own.
        if parameter not in ("self", "seed", "name", "image_shape", "kwargs")
    ]
    options = {}
    for pair in settings["options"]:
        key, separator, value = pair.partition("=")
        if not separator:
            raise InputError(f"-O takes NAME=VALUE; got {pair!r}.")
        if key not in known:
            raise unknown(f"option of model {settings['model']}:", key, known)
        try:
            options[key] = json.loads(value)
        except json.JSONDecodeError:
            options[key] = value
        if not isinstance(options[key], (str, int, float, type(None))):
            raise InputError(f"-O takes a word or a number as VALUE; got {pair!r}.")
    if settings["discriminator_steps"] and "discriminator_steps" in known:
        # Schedules of such a model count its discriminator's updates.
        options["discriminator_steps"] = settings["discriminator_steps"]
    return options


def game(settings: dict) -> dict:
    """Arguments of `compile` that the command line gives; the rest is the paper's.

    The optimizers are not among them; see `optimizers`.
    """
    from kgan import losses

    arguments = {
        "loss": settings["loss"] and losses.get(settings["loss"]),
        "ema": settings["ema"],
        "discriminator_steps": settings["discriminator_steps"],
        "accumulation_steps": settings["accumulation_steps"] or 1,
    }
    if settings["penalties"]:
        arguments["penalties"] = [_penalty(text) for text in settings["penalties"]]
    return arguments


def optimizers(settings: dict, model) -> dict:
    """A model's own optimizers by player, with what the command line changes of them."""
    changes = {"learning_rate": settings["learning_rate"], "global_clipnorm": settings["clip_norm"]}
    changes = {name: value for name, value in changes.items() if value is not None}
    papers, players = model.defaults(), {}
    for player in model.make_players():
        optimizer = papers[f"{player.prefix}_optimizer"]
        # Made anew, for a schedule in place of a rate cannot be set.
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
