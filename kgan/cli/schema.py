"""The JSON Schema of a run's settings, from the options of `kgan train`.

`python -m kgan.cli.schema` prints it; docs/run.schema.json holds what it prints.
"""

import json
from typing import Any

import click

from kgan.cli.parameters import Size

# Options of `kgan train` that say how the command runs, and not what the run is.
_NO_SETTINGS = {
    *("out", "resume", "overwrite", "quiet", "json_lines", "log_file", "dry_run", "preset"),
    *("precision", "no_report", "config", "devices", "workers", "index"),
}
# Settings that are numbers where the option takes one of a few words.
_NUMBERED = {"channels"}
_OBJECT: dict[str, Any] = {"type": "object"}
_RECORD: dict[str, dict[str, Any]] = {
    "format": {"type": "integer", "minimum": 1},
    "started": {"type": "string"},
    "versions": _OBJECT,
    "machine": {"type": "string"},
    "plan": {},
    "warm_start": _OBJECT,
    "total_steps": {"type": "integer", "minimum": 0},
    "finished_steps": {"type": "integer", "minimum": 0},
    "model": _OBJECT,
    "compile": _OBJECT,
    "data": _OBJECT,
    "verdict": {},
    "findings": {"type": "array", "items": _OBJECT},
    "resumed": {"type": "array", "items": _OBJECT},
    "checksum": {"type": "string"},
}


def run_schema(command: click.Command) -> dict[str, Any]:
    """Returns the JSON Schema of what `--config` takes and of a run's `config.json`.

    Args:
        command: `kgan train`.
    """
    settings = {
        parameter.name: _setting(parameter)
        for parameter in command.params
        if parameter.name not in _NO_SETTINGS
    }
    record = {
        name: {"description": "Written by kgan; --config does not read it."} | kind
        for name, kind in _RECORD.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run of kgan",
        "description": "What `kgan train --config FILE` takes, and the config.json of a run.",
        "type": "object",
        "required": ["settings"],
        "additionalProperties": False,
        "properties": {
            "settings": {
                "description": "The options of `kgan train`, with underscores.",
                "type": "object",
                "additionalProperties": False,
                "properties": settings,
            },
            **record,
        },
    }


def _setting(parameter: click.Parameter) -> dict[str, Any]:
    """Returns the schema of one option's value; null is that it is not given."""
    kind: dict[str, Any]
    if getattr(parameter, "multiple", False):
        text: dict[str, Any] = _type(parameter)
        kind = {"type": "array", "items": text}
        if parameter.name == "options":
            value = {"type": ["string", "number", "null"]}
            kind = {"anyOf": [kind, {"type": "object", "additionalProperties": value}]}
    else:
        kind = _type(parameter)
    if isinstance(parameter, click.Option):
        kind = {"description": parameter.help} | kind
    else:
        kind = {"description": "A name from `kgan models`, or auto."} | kind
    if "type" in kind:
        kind["type"] = [kind["type"], "null"]
        if "enum" in kind:
            kind["enum"] = [*kind["enum"], None]
    else:
        kind["anyOf"] = [*kind["anyOf"], {"type": "null"}]
    return kind


def _type(parameter: click.Parameter) -> dict[str, Any]:
    if getattr(parameter, "is_flag", False):
        return {"type": "boolean"}
    given = parameter.type
    if isinstance(given, Size):
        side = {"type": "integer", "minimum": 1}
        return {
            "anyOf": [
                side,
                {"type": "array", "items": side, "minItems": 1, "maxItems": 2},
                {"type": "string", "pattern": r"^[1-9]\d*(x[1-9]\d*)?$"},
            ]
        }
    if isinstance(given, (click.IntRange, click.FloatRange)):
        whole = isinstance(given, click.IntRange)
        found: dict[str, Any] = {"type": "integer" if whole else "number"}
        for bound, value, is_open in (
            ("minimum", given.min, given.min_open),
            ("maximum", given.max, given.max_open),
        ):
            if value is not None:
                found[f"exclusive{bound.capitalize()}" if is_open else bound] = value
        return found
    if isinstance(given, click.Choice):
        choices = [str(choice) for choice in given.choices]
        if parameter.name in _NUMBERED:
            return {"type": "integer", "enum": [int(choice) for choice in choices]}
        return {"type": "string", "enum": choices}
    return {"type": "string"}


def text() -> str:
    """Returns the schema of `kgan train` as JSON."""
    from kgan.cli.commands.training import train

    return json.dumps(run_schema(train), indent=2) + "\n"


if __name__ == "__main__":
    click.echo(text(), nl=False)
