"""The public interface of a release as plain data: names, arguments with defaults, logs."""

import importlib
import inspect
import re

import click
import keras

import kgan
from kgan.cli.commands import cli

# Public without being in `kgan.__all__`; their modules hold other things too.
BESIDES = {
    "kgan.optimizers": ("ConstantThenLinear", "ScheduledAdam"),
    "kgan.runs": ("RunFolder", "trained"),
}
# Without an underscore, yet the engine's own: not documented, and no family's to override.
ENGINES_OWN = {"evaluation_seed", "phases", "reported", "state_kept", "xla_choice"}

# The smallest of each family, for the names of its logs.
SMALLEST = {
    "vanilla": {"image_shape": (8, 8, 1)},
    "conditional": {"image_shape": (8, 8, 1), "width": 2},
    "dcgan": {"image_shape": (8, 8, 1), "width": 2},
    "wgan": {"image_shape": (8, 8, 1), "width": 2},
    "wgangp": {"image_shape": (8, 8, 1), "width": 2},
    "began": {"image_shape": (8, 8, 1), "width": 2},
    "acgan": {"image_shape": (8, 8, 1), "width": 2},
    "infogan": {"image_shape": (8, 8, 1), "width": 2},
    "sngan": {"image_shape": (8, 8, 1), "width": 2},
    "sagan": {"image_shape": (8, 8, 1), "width": 2},
    "r3gan": {"image_shape": (8, 8, 1)},
    "lapgan": {"image_shape": (8, 8, 1), "width": 2, "units": 8},
    "srgan": {"width": 4, "blocks": 1, "content": "pixels"},
    "pix2pix": {"image_shape": (8, 8, 1), "width": 2},
    "cyclegan": {"image_shape": (8, 8, 1), "width": 2, "blocks": 1},
}


def face() -> dict:
    """Everything a user may rely on, ready for JSON.

    - `modules`: by module and name, what it is: see `described`;
    - `registered`: the names under which saved models find their classes;
    - `commands`: of the command line, with the options and their defaults;
    - `logs`: what each family logs as its paper has it.
    """
    found = {"kgan": kgan.__all__}
    for name in kgan.__all__:
        if inspect.ismodule(value := getattr(kgan, name)):
            found[f"kgan.{name}"] = public_names(value)
    found |= BESIDES
    modules = {
        module: {name: described(_get(module, name)) for name in sorted(names)}
        for module, names in found.items()
    }
    return {
        "modules": modules,
        "registered": registered(),
        "commands": commands(),
        "logs": {name: log_names(name) for name in kgan.models.CATALOGUE},
    }


def _get(module, name):
    return getattr(importlib.import_module(module), name)


def public_names(module) -> list[str]:
    """A module's `__all__`, or what it defines itself."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def described(value):
    """A class as its arguments and members, a function as its arguments, the rest as its kind."""
    if inspect.ismodule(value):
        return "module"
    if inspect.isclass(value):
        return {"is": bases(value), "arguments": arguments(value), **members(value)}
    if callable(value):
        return {"arguments": arguments(value)}
    return type(value).__name__


def arguments(function) -> list[str]:
    """The arguments in order, as Python writes them, without annotations.

    `*` stands before those that go by name only.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return []
    written, by_name = [], False
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            by_name = True
        if parameter.kind is parameter.KEYWORD_ONLY and not by_name:
            written.append("*")
            by_name = True
        plain = str(parameter.replace(annotation=parameter.empty))
        written.append(re.sub(r" at 0x[0-9a-f]+", "", plain))
    return written


def bases(value) -> list[str]:
    """The public classes of kgan's that a class is one of, itself left out."""
    return [base.__name__ for base in _public_bases(value)]


def _public_bases(value):
    return [base for base in value.__mro__[1:] if base.__name__ in _shown_at(base)]


def _shown_at(base):
    """The public names of the module through which a class of kgan's is reached."""
    parts = base.__module__.split(".")
    if parts[0] != "kgan" or base.__name__.startswith("_"):
        return ()
    if base.__name__ in kgan.__all__:
        return kgan.__all__
    if len(parts) > 1 and parts[1] in kgan.__all__:
        return public_names(importlib.import_module(".".join(parts[:2])))
    return ()


def members(value) -> dict:
    """The methods with their arguments, and the other attributes, that kgan gives a class.

    What a public base class of it has as well stands there.
    """
    methods, attributes = {}, []
    names = {
        name
        for base in value.__mro__
        if base.__module__.split(".")[0] == "kgan"
        for name in vars(base)
        if not name.startswith("_") and name not in ENGINES_OWN
    }
    for name in sorted(names):
        static = inspect.getattr_static(value, name)
        if any(inspect.getattr_static(b, name, None) is static for b in _public_bases(value)):
            continue
        if isinstance(static, property):
            attributes.append(name)
        elif callable(getattr(value, name)):
            methods[name] = arguments(getattr(value, name))
        else:
            attributes.append(name)
    return {"methods": methods, "attributes": attributes}


def registered() -> list[str]:
    """The names under which Keras finds kgan's classes in saved models."""
    kgan.models.find("vanilla")
    for family in kgan.models.CATALOGUE:
        kgan.models.find(family)
    for module in kgan.__all__:
        getattr(kgan, module)
    for name in kgan.metrics.__all__:
        getattr(kgan.metrics, name)
    # As `kgan.load` does; the release that the files are of had registered them by then.
    if hasattr(kgan.metrics, "register_all"):
        kgan.metrics.register_all()
    return sorted(n for n in keras.saving.get_custom_objects() if n.startswith("kgan>"))


def commands() -> dict:
    """The commands, with their arguments and options."""
    return {name: {o.name: _option(o) for o in c.params} for name, c in cli.commands.items()}


def _option(option) -> dict:
    default = option.default
    known = isinstance(default, (str, int, float)) and not callable(default)
    return {
        "written": sorted(option.opts) if isinstance(option, click.Option) else "argument",
        "default": default if known else None,
        "multiple": bool(option.multiple) if isinstance(option, click.Option) else False,
    }


def log_names(family: str) -> list[str]:
    """What a family logs in training, compiled without arguments."""
    gan = kgan.models.find(family)(**SMALLEST[family])
    gan.compile()
    return list(gan.get_metrics_result())


# What became of an earlier face.


def lost(before: dict):
    """What an earlier face had and today's has not, a sentence each; more is welcome."""
    for module, names in before["modules"].items():
        for name, was in names.items():
            place = f"{module}.{name}"
            try:
                value = _get(module, name)
            except (ImportError, AttributeError):
                yield f"{place} is gone."
            else:
                yield from _lost_of(place, was, value)
    for name in sorted({*before["registered"]} - {*registered()}):
        yield f"Saved models look for a class {name}, which is not registered."
    now = commands()
    for command, options in before["commands"].items():
        for option, was in options.items():
            today = now.get(command, {}).get(option)
            if today != was:
                yield f"kgan {command}: {option} was {was}, and is {today}."
    for family, logs in before["logs"].items():
        if missing := {*logs} - {*log_names(family)}:
            yield f"{family} does not log {sorted(missing)}."


def _lost_of(place, was, value):
    if isinstance(was, str):
        if described(value) != was:
            yield f"{place} was {was}, and is {described(value)}."
        return
    yield from _lost_arguments(place, was["arguments"], value)
    if "is" not in was:
        return
    for base in {*was["is"]} - {*bases(value)}:
        yield f"{place} is no {base} any more."
    for name in was["attributes"]:
        if not hasattr(value, name):
            yield f"{place}.{name} is gone."
    for name, written in was["methods"].items():
        if not callable(getattr(value, name, None)):
            yield f"{place}.{name}() is gone."
        else:
            yield from _lost_arguments(f"{place}.{name}", written, getattr(value, name))


def _lost_arguments(place, was, function):
    now = arguments(function)
    order = _by_place(was)
    added = [one for one in now if one not in was and one[0] != "*" and "=" not in one]
    if _by_place(now)[: len(order)] != order or {*was} - {*now, "*"} or added:
        yield f"{place} took ({', '.join(was)}), and takes ({', '.join(now)})."


def _by_place(written):
    """Those of the arguments that may be given without their name."""
    end = next((i for i, one in enumerate(written) if one.startswith("*")), len(written))
    return written[:end]
