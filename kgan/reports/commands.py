"""The commands that repeat a run, or go on with it."""

import shlex
from typing import Any

# They have a place of their own in the command, or were no option.
_LEFT_OUT = {"model", "variant"}
# Options that are repeated for each of their values.
_REPEATED = {"options": "-O", "penalties": "--penalty", "log_to": "--log-to"}
# What the command line sets itself where the user gives nothing.
_DEFAULTS = {"data": "digits", "split": "train", "seed": 0}


def to_repeat(settings: dict[str, Any]) -> str:
    """Returns the `kgan train` of these settings.

    >>> to_repeat({"model": "dcgan", "data": "my photos", "seed": 0, "options": ["a=1"]})
    "kgan train dcgan --data 'my photos' -O a=1"
    """
    words = ["kgan", "train", str(settings["model"])]
    # A run by the clock has recorded its steps too, and those can be repeated.
    left_out = _LEFT_OUT | ({"minutes"} if settings.get("steps") else set())
    for name, value in settings.items():
        # 0 is a setting, and equal to False.
        nothing = value is None or value is False or value == []
        if name in left_out or nothing or value == _DEFAULTS.get(name):
            continue
        option = _REPEATED.get(name, f"--{name.replace('_', '-')}")
        if value is True:
            words.append(option)
        elif name in _REPEATED:
            words += [word for one in value for word in (option, str(one))]
        elif isinstance(value, list):
            words += [option, "x".join(map(str, value))]
        else:
            words += [option, str(value)]
    return shlex.join(words)


def to_go_on(path: Any, settings: dict[str, Any], step: int, usage: str) -> list[str]:
    """Returns the commands that resume a run, measure it and apply it."""
    run = shlex.quote(str(path))
    applied = usage.partition(":")[2].strip().replace("RUN", run)
    longer = f"kgan train --resume --out {run} --steps {max(1, 2 * step)}"
    return [longer, applied, f"kgan evaluate {run}", f"kgan report {run}"]
