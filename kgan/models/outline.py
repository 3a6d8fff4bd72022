"""What a family takes, read from its source: neither the family nor TensorFlow is loaded.

The source is read, not run: the signature and the docstring of the class, its attributes, and the
table of its presets.
"""

import ast
import functools
import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgan import arguments
from kgan.errors import InputError
from kgan.models import Family

# Arguments that the data or an option of the command line's own sets.
_NOT_OPTIONS = ("self", "seed", "name", "image_shape", "kwargs")
# What each family's `defaults` returns; written by `tests/models/family_settings.py`.
_SETTINGS = Path(__file__).with_name("settings.json")
_WORDS = {"int": "an integer", "float": "a number", "str": "a text", "bool": "true or false"}


@dataclass(frozen=True)
class Option:
    """An argument of a family's constructor, which `-O NAME=VALUE` sets.

    Attributes:
        name: its name.
        type: its annotation; empty if it has none.
        default: the default as Python writes it; empty if there is none.
        meaning: what the docstring says of it.
    """

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Outline:
    """What a family takes, and how it trains by default.

    Attributes:
        family: its entry in the catalogue.
        about: the docstring of the class, up to its arguments.
        options: its options, in the order of the constructor.
        presets: settings of each preset by name, as Python writes them, `batch_size` and
            `training_steps` first.
        preset: the default preset; empty if there are none.
        batch_size, training_steps: what it trains with by default.
        reads: name of the kind of data; see `kgan.data.kinds`.
        takes: what it takes in place of samples, in words; empty for samples.
        settings: what `compile` takes by default, by preset ("" without presets) and argument, in
            words; empty for a family of another package.
        checks: calls of `kgan.arguments` in its constructor, by the option that they check.
    """

    family: Family
    about: str
    options: tuple[Option, ...]
    presets: dict[str, dict[str, str]]
    preset: str
    batch_size: int | None
    training_steps: int | None
    reads: str
    takes: str
    settings: dict[str, dict[str, str]]
    checks: dict[str, list[Callable[[Any], Any]]] = field(default_factory=dict, repr=False)

    def side_check(self) -> Callable | None:
        """Returns the function that raises an `InputError` for sizes it cannot make, or None."""
        if not self.family.sides:
            return None
        module, _, name = self.family.sides.partition(":")
        return getattr(importlib.import_module(module), name)

    def squares(self, most: int = 256) -> list[int]:
        """Returns the sides of the square images that it makes, up to `most` pixels."""
        check = self.side_check()
        found = []
        for side in range(1, most + 1) if check else ():
            try:
                check((side, side, 3))
            except InputError:
                continue
            found.append(side)
        return found

    def check(self, options: dict[str, Any]) -> None:
        """Checks options as far as that is possible without the family itself.

        Raises:
            InputError: for an unknown preset, or a value of the wrong type or out of its range.
        """
        known = {option.name: option for option in self.options}
        for name, value in options.items():
            if name not in known or value is None:
                continue
            if name in ("preset", "variant") and self.presets:
                of = self.family.class_name
                arguments.choice("preset", value, self.presets, of=of)
            for check in self.checks.get(name, ()):
                check(value)
            _check_type(known[name], value)


def outline(family: Family) -> Outline | None:
    """Returns the outline of a family of kgan's own; None for one of another package.

    To read the latter's source, the package would have to be imported.
    """
    if not family.module.startswith("kgan."):
        return None
    lineage = list(_lineage(family.module, family.class_name))
    constructor = next(
        found
        for _, node in lineage
        for found in node.body
        if isinstance(found, ast.FunctionDef) and found.name == "__init__"
    )
    attributes: dict[str, ast.expr] = {}
    for _, node in reversed(lineage):
        attributes |= _attributes(node)
    tree = _tree(family.module)
    # A module may hold the presets of another family.
    presets = _presets(tree) if "usual" in attributes else {}
    usual = ast.literal_eval(attributes["usual"]) if presets else ""
    about, meanings = _described(ast.get_docstring(lineage[0][1]) or "")
    reads = attributes.get("reads")
    options = tuple(_options(constructor, meanings))
    counts = presets[usual] if presets else attributes
    return Outline(
        family,
        about,
        options,
        presets,
        usual,
        _count(counts["batch_size"]),
        _count(counts["training_steps"]),
        reads.attr.lower() if isinstance(reads, ast.Attribute) else "samples",
        ast.literal_eval(attributes["takes"]) if "takes" in attributes else "",
        _settings().get(family.name, {}),
        _checks(constructor, {option.name for option in options}),
    )


@functools.cache
def _settings() -> dict:
    return json.loads(_SETTINGS.read_text(encoding="utf-8"))


@functools.cache
def _tree(module: str) -> ast.Module:
    """Returns the syntax tree of a module of kgan's."""
    place = Path(__file__).parents[1].joinpath(*module.split(".")[1:])
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _lineage(module: str, name: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yields a class and its bases, as far as they are kgan's, each with its module."""
    tree = _tree(module)
    node = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if node is None:
        return
    yield module, node
    imported = {
        alias.asname or alias.name: (found.module, alias.name)
        for found in tree.body
        if isinstance(found, ast.ImportFrom) and (found.module or "").split(".")[0] == "kgan"
        for alias in found.names
    }
    for base in node.bases:
        if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name):
            package, inside = imported.get(base.value.id, ("", ""))
            origin, wanted = f"{package}.{inside}", base.attr
        elif isinstance(base, ast.Name):
            origin, wanted = imported.get(base.id, (module, base.id))
        else:
            continue
        if origin.startswith("kgan."):
            yield from _lineage(origin, wanted)


def _attributes(node: ast.ClassDef) -> dict[str, ast.expr]:
    """Returns the values that a class gives its attributes, also several in one line."""
    found: dict[str, ast.expr] = {}
    for each in node.body:
        if not isinstance(each, ast.Assign):
            continue
        target, value = each.targets[0], each.value
        if isinstance(target, ast.Name):
            found[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            names = [name.id for name in target.elts if isinstance(name, ast.Name)]
            found |= zip(names, value.elts, strict=True)
    return found


def _count(found: ast.expr | str) -> int | None:
    return ast.literal_eval(found)


def _presets(tree: ast.Module) -> dict[str, dict[str, str]]:
    """Returns the module's table `PRESETS`, with the name of each setting."""
    tables = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PRESETS"
    ]
    if not tables or not isinstance(tables[0], ast.Dict):
        return {}
    found = {}
    for key, call in zip(tables[0].keys, tables[0].values, strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(call, ast.Call)):
            continue
        recipe, *rest = call.args
        values = dict(zip(_fields(tree, ast.unparse(call.func)), rest, strict=False))
        values |= {each.arg: each.value for each in call.keywords if each.arg}
        assert isinstance(recipe, ast.Call)
        counts = zip(("batch_size", "training_steps"), recipe.args, strict=True)
        found[str(key.value)] = {
            name: _written(value) for name, value in [*counts, *values.items()]
        }
    return found


def _fields(tree: ast.Module, name: str) -> list[str]:
    """Returns the fields that a module's preset class has beside the recipe."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return [
                ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)
            ]
    return []


def _written(value: ast.expr) -> str:
    """Returns an expression as its source has it; names of classes without their module."""
    return re.sub(r"\b(latents|losses)\.", "", ast.unparse(value))


def _described(docstring: str) -> tuple[str, dict[str, str]]:
    """Returns what a docstring says up to its arguments, and of each argument."""
    about, _, rest = docstring.partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", rest)[0]
    meanings = {}
    for entry in re.split(r"\n(?= {4}\S)", f"\n{section}"):
        names, _, meaning = entry.strip().partition(":")
        for name in names.split(","):
            meanings[name.strip()] = " ".join(meaning.split())
    return about.strip(), meanings


def _options(constructor: ast.FunctionDef, meanings: dict[str, str]) -> Iterator[Option]:
    given = constructor.args
    places = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(places) - len(given.defaults)) + given.defaults
    for argument, default in [
        *zip(places, defaults, strict=True),
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]:
        if argument.arg not in _NOT_OPTIONS:
            yield Option(
                argument.arg,
                ast.unparse(argument.annotation) if argument.annotation else "",
                "" if default is None else ast.unparse(default),
                meanings.get(argument.arg, ""),
            )


def _checks(constructor: ast.FunctionDef, options: set[str]) -> dict:
    """Returns the checks of single options, as `arguments.integer("width", width)`."""
    found: dict[str, list] = {}
    for node in ast.walk(constructor):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("arguments.")):
            continue
        check = getattr(arguments, ast.unparse(node.func).removeprefix("arguments."))
        parameters = list(inspect.signature(check).parameters)
        place = parameters.index("value") if "value" in parameters else len(node.args)
        given = node.args[place] if place < len(node.args) else None
        if not isinstance(given, ast.Name):
            continue
        name = given.id
        try:
            others = [ast.literal_eval(a) for i, a in enumerate(node.args) if i != place]
            named = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
        except ValueError:
            # What it compares with is known when the family is made.
            continue
        if name in options:
            parts = others[:place], others[place:]
            found.setdefault(name, []).append(
                lambda value, c=check, p=parts, n=named: c(*p[0], value, *p[1], **n)
            )
    return found


def _check_type(option: Option, value: Any) -> None:
    """Raises an `InputError` if the annotation of an option excludes a value."""
    kinds = [kind.strip() for kind in option.type.split("|")]
    kinds = [kind for kind in kinds if kind != "None"]
    if not kinds or not set(kinds) <= _WORDS.keys():
        return
    kind = type(value).__name__
    if kind not in kinds and not (kind == "int" and "float" in kinds):
        words = " or ".join(_WORDS[each] for each in kinds)
        raise InputError(f"{option.name} must be {words}; got {value!r}.")
