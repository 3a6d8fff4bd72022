"""`kgan train --config`: the settings of a run from a file in YAML or JSON."""

import json
import re
from pathlib import Path
from typing import Any

import click

from kgan import records
from kgan.errors import InputError, unknown
from kgan.runs import configuration

_WAY_OUT = "--config takes a run's config.json, or a file in YAML or JSON with `settings:`."
_LENGTHS = ("steps", "epochs", "minutes")


def option(context: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """The callback of `--config`: what the file sets is the default of the other options.

    Raises:
        click.ClickException: if the file cannot be read, or a key or a value is wrong. Its message
            has the names as the file spells them, not as options.
    """
    if path is None:
        return
    from kgan.cli.schema import run_schema

    try:
        settings = read(Path(path).expanduser(), run_schema(context.command))
    except InputError as error:
        raise click.ClickException(str(error)) from error
    context.default_map = {**(context.default_map or {}), **_as_options(settings)}


def read(path: Path, schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings in a file, without those that are null.

    Args:
        path: a file in JSON (`.json`) or YAML.
        schema: what it may hold; see `kgan.cli.schema`.

    Raises:
        InputError: if it cannot be read, or does not fit; the message names the file, the key and
            the nearest known key.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder. {_WAY_OUT}")
    if path.suffix.lower() == ".json":
        content = records.read(path, _WAY_OUT)
        if isinstance(content, dict) and "checksum" in content:
            # A record of kgan's, whose other entries are kgan's affair.
            content = {"settings": configuration.read(path)["settings"]}
    else:
        content = _yaml(path)
    _check(path, content, schema)
    settings = {name: value for name, value in content["settings"].items() if value is not None}
    if "steps" in settings:
        # A run by the clock has recorded both. Its steps are what can be repeated.
        settings.pop("minutes", None)
    return settings


def merged(context: click.Context, settings: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Returns the settings, and the names of those that were given: here, or in a file.

    A length on the command line replaces any in the file, and `-O` adds to the file's options.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    here = {name for name, of in sources.items() if of is click.core.ParameterSource.COMMANDLINE}
    there = {name for name, of in sources.items() if of is click.core.ParameterSource.DEFAULT_MAP}
    if here & set(_LENGTHS):
        dropped = there & set(_LENGTHS)
        settings = settings | dict.fromkeys(dropped)
        there -= dropped
    file = context.default_map or {}
    if "options" in here:
        settings = settings | {"options": [*file.get("options", []), *settings["options"]]}
    return settings, here | there


def _as_options(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns settings as `click` takes the defaults of its options."""
    found = dict(settings)
    if isinstance(found.get("options"), dict):
        pairs = found["options"].items()
        found["options"] = [
            f"{name}={value if isinstance(value, str) else json.dumps(value)}"
            for name, value in pairs
        ]
    if isinstance(found.get("size"), list):
        found["size"] = "x".join(map(str, found["size"]))
    if "channels" in found:
        found["channels"] = str(found["channels"])
    return found


def _yaml(path: Path) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses a key that is given twice, and reads 1e-4 as a number, as YAML 1.2 does."""

        def construct_mapping(self, node, deep=False):
            names = [self.construct_object(key, deep=True) for key, _ in node.value]
            for name in names:
                if names.count(name) > 1:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {name!r} is given twice", node.start_mark
                    )
            return super().construct_mapping(node, deep)

    number = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789."))
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. {_WAY_OUT}") from error
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is no YAML: {said}. {_WAY_OUT}") from error


def _check(path: Path, content: Any, schema: dict[str, Any]) -> None:
    known = schema["properties"]
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no settings. {_WAY_OUT}")
    settings = content.get("settings")
    names = known["settings"]["properties"]
    loose = sorted(str(name) for name in content if name not in known)
    if loose and loose[0] in names:
        raise InputError(f"{path}: {loose[0]!r} is a setting; it belongs under `settings:`.")
    if loose:
        raise _unknown(path, "entry", loose[0], known)
    if not isinstance(settings, dict):
        raise InputError(f"{path} has no `settings:` with the options of `kgan train` under it.")
    for name in settings:
        if name not in names:
            raise _unknown(path, "setting", name, names)

    import jsonschema

    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(content)
    )
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path if part != "settings")
        expected = _expected(names.get(where.partition(".")[0], error.schema))
        raise InputError(f"{path}: {where!r} is {error.instance!r}; it takes {expected}.")


def _unknown(path: Path, kind: str, name: object, known: Any) -> InputError:
    error = unknown(kind, str(name).replace("-", "_"), known)
    return InputError(f"{path}: {str(error)[0].lower()}{str(error)[1:]}")


def _expected(kind: dict[str, Any]) -> str:
    """Returns in words what a setting takes."""
    if "anyOf" in kind:
        return " or ".join(_expected(each) for each in kind["anyOf"] if each != {"type": "null"})
    if "enum" in kind:
        return " or ".join(str(each) for each in kind["enum"] if each is not None)
    given = kind.get("type")
    types = [given] if isinstance(given, str) else list(given or [])
    words = {
        "integer": "an integer",
        "number": "a number",
        "string": "a text",
        "boolean": "true or false",
        "array": "a list of texts",
        "object": "names with values",
    }
    said = " or ".join(words[each] for each in types if each in words) or "another value"
    if kind.get("items", {}).get("type") == "integer":
        said = "a list of height and width"
    if "pattern" in kind:
        said = "a text such as 64x96"
    for bound, word in (
        ("minimum", "of at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "up to"),
        ("exclusiveMaximum", "below"),
    ):
        if bound in kind:
            said += f" {word} {kind[bound]}"
    return said
