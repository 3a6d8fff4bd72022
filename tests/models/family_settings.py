"""What the families' `defaults` return, in words: writes `kgan/models/settings.json`.

After a change of a family's defaults, run it from the checkout:

    python tests/models/family_settings.py
"""

import inspect
import json
from pathlib import Path

import keras

import kgan
from kgan.models.outline import outline

# The smallest networks: nothing here depends on their size, except where `width` is put back.
SMALL = {"width": 2, "units": 8, "blocks": 1, "content": "pixels"}


def described() -> dict:
    """The default settings of `compile` by family, preset ("" without presets) and argument."""
    return {
        family.name: of_family(family)
        for family in kgan.models.CATALOGUE.values()
        if family.module.startswith("kgan.")
    }


def of_family(family) -> dict:
    made = family.load()
    known = inspect.signature(made.__init__).parameters
    options = {name: value for name, value in SMALL.items() if name in known}
    if "image_shape" in known:
        options["image_shape"] = (8, 8, 1)
    gan = made(**options)
    if known.get("width") and known["width"].default:
        gan.width = known["width"].default
    presets = outline(family).presets
    found = {}
    for name in presets or [""]:
        if presets:
            gan.preset = name
            gan.train_as(made.presets[name])
        found[name] = of(gan)
    return found


def of(gan) -> dict:
    """The default settings of a model, in words; those that say nothing are left out."""
    found = {}
    for name, value in gan.defaults().items():
        if isinstance(value, keras.optimizers.Optimizer):
            found[name] = optimizer(value)
        elif name == "loss":
            found[name] = value if isinstance(value, str) else settings(value)
        elif name == "penalties":
            found[name] = ", ".join(map(settings, value)) or "none"
        elif value not in (None, False) and (name, value) != ("discriminator_steps", 1):
            found[name] = str(value) if isinstance(value, (bool, int, float)) else settings(value)
    return found


def optimizer(value) -> str:
    config = value.get_config()
    parts = [number(config["learning_rate"])]
    for name in ("beta_1", "beta_2", "rho", "momentum"):
        if name in config and config[name] is not None:
            parts.append(f"{name} {number(config[name])}")
    return f"{type(value).__name__} {', '.join(parts)}"


def number(value) -> str:
    """A number, or a schedule by its first and its last value."""
    if isinstance(value, dict):
        schedule = keras.saving.deserialize_keras_object(value)
        config = schedule.get_config()
        steps = config.get("decay_steps") or config.get("steps") or max(config["boundaries"])
        first, last = (number(float(schedule(step))) for step in (0, int(steps) + 1))
        return f"{first} to {last}"
    return f"{int(value):,}" if value == int(value) else f"{value:.4g}"


def settings(value) -> str:
    """An object with its strength, and the settings that differ from its class's defaults."""
    parts = []
    known = inspect.signature(type(value).__init__).parameters
    for name, given in value.get_config().items():
        usual = known[name].default if name in known else None
        if given == usual and name not in ("gamma", "weight"):
            continue
        if name in ("name", "player", "augment", "label"):
            continue
        if isinstance(given, (dict, int, float, str)) and not isinstance(given, bool):
            words = given if isinstance(given, str) else number(given)
            parts.append(f"{name} {words}")
    return f"{type(value).__name__}({', '.join(parts)})" if parts else type(value).__name__


def main() -> None:
    text = json.dumps(described(), indent=2) + "\n"
    Path(kgan.models.__file__).with_name("settings.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
