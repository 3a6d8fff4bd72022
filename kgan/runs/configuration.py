"""`config.json`: the record of a run, with its checksum and the type of every entry checked."""

import json
import math
from pathlib import Path
from typing import Any

from kgan import records
from kgan.errors import InputError

# Places in the settings. They may be edited, for data that has moved, and have no checksum.
PLACES = ("data", "data_b", "data_dir", "warm_start")

_ENTRIES = {"settings": dict, "model": dict, "compile": dict, "versions": dict}
_OPTIONAL = {"data": dict, "resumed": list, "warm_start": dict}
_COUNTS = ("finished_steps", "total_steps")
# The types of settings; all but the first three may also be null.
_WORDS = ("model", "data", "split", "data_b", "data_dir", "warm_start", "loss", "augment")
_INTEGERS = (
    *("epochs", "steps", "batch_size", "freeze", "discriminator_steps", "accumulation_steps"),
    *("channels", "snapshot_every", "checkpoint_every"),
)
_NUMBERS = ("learning_rate", "clip_norm", "ema")
_LISTS = ("options", "penalties")
# Runs of earlier releases do not have it.
_LATER_LISTS = ("log_to",)


def signed(config: dict) -> dict:
    """Returns a configuration with the number of its format and its checksum."""
    return records.signed(config, PLACES)


def read(path: Path) -> dict:
    """Returns the configuration of a run.

    Raises:
        InputError: if it cannot be read, is damaged, or was written by a newer version.
    """
    way_out = _way_out(path)
    config = records.read(path, way_out)
    if not isinstance(config, dict):
        raise InputError(f"{path} is not the configuration of a run. {way_out}")
    _check_checksum(path, config, way_out)
    lacking = _ENTRIES.keys() - config.keys()
    if lacking:
        raise InputError(
            f"{path} is not the configuration of a run, or is damaged: it lacks "
            f"{', '.join(sorted(lacking))}. {way_out}"
        )
    wrong = _wrong(config)
    if wrong:
        raise InputError(f"{path} is damaged: {wrong}. {way_out}")
    return config


def _check_checksum(path, config, way_out):
    versions = config.get("versions")
    stated = config.get("format")
    version = versions.get("kgan") if isinstance(versions, dict) else None
    if "checksum" not in config or config["checksum"] == records.checksum(config, PLACES):
        records.check_format(path, stated, version)
        return
    # A program that wrote the file anew, in another layout, has changed it on purpose.
    ours = json.dumps(config, indent=2).count("\n") + 1
    if path.read_bytes().count(b"\n") == ours:
        raise InputError(
            f"{path} has changed since kgan wrote it (other checksum). If you changed it, delete "
            f'its entry "checksum"; if not, it is damaged. {way_out}'
        )
    records.check_format(path, stated, version)


def _way_out(path) -> str:
    if (path.parent / "gan.keras").is_file():
        return f"The model itself is in {path.parent / 'gan.keras'}; kgan.load reads it."
    return "Take a copy of it, or start another run in another folder."


def _wrong(config) -> str:
    """Returns what has a wrong type, or an empty string."""
    for name, kind in (_ENTRIES | _OPTIONAL).items():
        if name in config and not isinstance(config[name], kind):
            return f"its {name!r} is {config[name]!r}"
    for name in _COUNTS:
        if name in config and not records.is_count(config[name]):
            return f"its {name!r} is {config[name]!r}"
    settings: dict[str, Any] = config["settings"]
    for name, value in settings.items():
        if not _fits(name, value):
            return f"its setting {name!r} is {value!r}"
    lacking = {"model", "data", "split", "seed", "batch_size", *_LISTS} - settings.keys()
    if lacking:
        return f"its settings lack {', '.join(sorted(lacking))}"
    names = config.get("data", {}).get("class_names", [])
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        return f"its class_names are {names!r}"
    return ""


def _fits(name, value) -> bool:
    if name in (*_LISTS, *_LATER_LISTS):
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if value is None:
        return name not in ("model", "data", "split", "seed")
    if name in _WORDS:
        return isinstance(value, str)
    if name == "seed":
        return isinstance(value, int) and not isinstance(value, bool)
    if name in _INTEGERS:
        return records.is_count(value) and value > 0
    if name in _NUMBERS:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and math.isfinite(value) and value >= 0
    if name == "size":
        sides = value if isinstance(value, list) else [value]
        return len(sides) in (1, 2) and all(records.is_count(side) and side > 0 for side in sides)
    return True
