"""A model card: what a trained model is, in the form that the Hugging Face hub reads.

The metadata follow Mitchell et al. 2019 ("Model cards for model reporting") as the hub has them: a
block of YAML, whose `model-index` lists the figures, and a text for people.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgan.disk import marks
from kgan.disk.writing import replace
from kgan.errors import InputError

if TYPE_CHECKING:
    from kgan.runs.folder import RunFolder

UNKNOWN = "unknown"
# What makes samples of images; all others draw from noise.
_FROM_IMAGES = {
    "pix2pix": "image-to-image",
    "cyclegan": "image-to-image",
    "srgan": "image-to-image",
}
_VERDICT = ("frechet_distance", "precision", "recall")


def card(run: "RunFolder", licence: str | None = None, name: str | None = None) -> str:
    """Returns the model card of a trained run: metadata in YAML, then Markdown.

    Args:
        run: the run.
        licence: of the model, as the hub names it, such as "apache-2.0"; None keeps that of the
            run's present card, and without one it is "unknown", which the card says.
        name: how the model is called; None means the name of the run's folder.

    Raises:
        InputError: if there is no run, or the licence is no single word.
    """
    licence = licence or _licence_of(run.card) or UNKNOWN
    if not licence.strip() or any(letter.isspace() or letter in "\"'{}[]#:" for letter in licence):
        raise InputError(
            f"A licence is named by one word, as the hub has it: apache-2.0, mit, cc-by-4.0, "
            f"other; got {licence!r}."
        )
    config = run.config()
    name = name or run.path.resolve().name
    results = _results(run, config)
    head = _metadata(config, name, licence, results)
    parts = [
        f"# {name}",
        _summary(config),
        *_data(config),
        *_training(config),
        *_figures(results, config),
        *_limits(config, results),
        *_licence(licence),
        *_loading(config, name),
        *_versions(config),
    ]
    return f"---\n{head}---\n\n" + "\n\n".join(parts) + "\n"


def write(text: str, folder: Path) -> Path | None:
    """Writes a card as `README.md` into a folder; returns its path.

    One that kgan did not write, or that was changed since, is left as it is: then None is returned.
    """
    place = folder / marks.CARD
    if place.exists() and not marks.is_own_card(place):
        return None
    signed = marks.signed_card(text)
    replace(place, lambda part: part.write_bytes(signed.encode()))
    return place


def refresh(run: "RunFolder", licence: str | None = None) -> None:
    """Writes the card of a run anew, in its folder and beside its SavedModel."""
    text = card(run, licence)
    write(text, run.path)
    if (run.saved_model / marks.LIST).is_file():
        write(text, run.saved_model)


def _licence_of(path: Path) -> str | None:
    """Returns the licence that a card names, or None."""
    import yaml

    try:
        metadata = yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1])
        found = metadata["license"]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return None
    return found if isinstance(found, str) else None


def _data_name(config: dict) -> str:
    """Returns how the data is called, without the folders above it on the trainer's machine."""
    data = str(config["settings"]["data"])
    return Path(data.replace("\\", "/")).name or data


def _task(config: dict) -> str:
    return _FROM_IMAGES.get(config["settings"]["model"], "unconditional-image-generation")


def _is_pictures(config: dict) -> bool:
    return len(config.get("data", {}).get("shape") or ()) == 3


def _results(run: "RunFolder", config: dict) -> list[dict[str, Any]]:
    """Returns each figure with its conditions: of the newest state that was evaluated.

    Without an evaluation they are those that training ends with.
    """
    records = run.evaluated()
    found: dict[str, dict[str, Any]] = {}
    newest = max((record.get("step", 0) for record in records), default=None)
    for record in records:
        if record.get("step", 0) != newest:
            continue
        for figure, value in record["figures"].items():
            if not _is_number(value):
                continue
            rests = record.get("rests_on", {}).get(figure, {})
            facts = {
                "extractor": rests.get("extractor"),
                "generated": rests.get("fake"),
                "real": rests.get("real"),
                "floor": record.get("floor", {}).get(figure),
                "floor_of": record.get("floor_of"),
                "caveat": rests.get("caveat"),
                "step": record.get("step"),
                "seen_in_training": record.get("trained_on_it") or None,
            }
            found[figure] = {
                "metric": figure,
                "value": value,
                "data": Path(str(record.get("data", "?"))).name,
                "split": record.get("split"),
                "facts": {name: fact for name, fact in facts.items() if fact is not None},
            }
    if found:
        return list(found.values())
    figures = (config.get("verdict") or {}).get("figures", {})
    facts = {"measured": "at the end of training, on few samples"}
    return [
        {
            "metric": name,
            "value": figures[name],
            "data": _data_name(config),
            "split": "held out",
            "facts": facts
            | {"step": config["verdict"]["step"]}
            | (
                {"floor": figures[f"{name}_of_training"]}
                if _is_number(figures.get(f"{name}_of_training"))
                else {}
            ),
        }
        for name in _VERDICT
        if _is_number(figures.get(name))
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _metadata(config: dict, name: str, licence: str, results: list[dict]) -> str:
    import yaml

    task = _task(config)
    found: dict[str, Any] = {
        "license": licence,
        "library_name": "kgan",
        "tags": ["kgan", "keras", "tensorflow", "gan", config["settings"]["model"]],
    }
    if _is_pictures(config):
        found["pipeline_tag"] = task
    if results:
        entries = []
        for places in dict.fromkeys((each["data"], each["split"]) for each in results):
            data, split = places
            dataset = {"name": data, "type": data} | ({"split": split} if split else {})
            metrics = [
                {"type": each["metric"], "value": each["value"], "name": each["metric"]}
                | {"args": each["facts"]}
                for each in results
                if (each["data"], each["split"]) == places
            ]
            entries.append({"task": {"type": task}, "dataset": dataset, "metrics": metrics})
        found["model-index"] = [{"name": name, "results": entries}]
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True)


def _summary(config: dict) -> str:
    data = config.get("data", {})
    shape = " x ".join(map(str, data.get("shape") or ()))
    classes = data.get("classes") if config["model"].get("classes") else None
    of = f", of {classes} classes" if classes else ""
    return (
        f"A generative adversarial network of the family `{config['settings']['model']}`, trained "
        f"with [kgan](https://pypi.org/project/kgan/) on {_data_name(config)}. It makes samples "
        f"of {shape or 'an unrecorded shape'}{of}."
    )


def _data(config: dict) -> list[str]:
    data, settings = config.get("data", {}), config["settings"]
    lines = [f"- {_data_name(config)}, split `{settings['split']}`"]
    if data.get("size"):
        lines.append(f"- {data['size']} samples of {' x '.join(map(str, data['shape']))}")
    if data.get("class_names"):
        names = list(map(str, data["class_names"]))
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        lines.append(f"- {len(names)} classes: {shown}")
    lines += [
        f"- {name}: {settings[name]}"
        for name in ("size", "channels", "mirror", "balance", "background", "augment")
        if settings.get(name)
    ]
    lines.append("- The licence of the data is not recorded; ask where it came from.")
    return ["## Data", "\n".join(lines)]


def _training(config: dict) -> list[str]:
    settings = config["settings"]
    rows = {
        "steps": config.get("finished_steps", config.get("total_steps")),
        "batch": settings["batch_size"],
        "seed": settings["seed"],
        "options": ", ".join(settings["options"]),
        "loss": settings.get("loss"),
        "penalties": ", ".join(settings["penalties"]),
        **{
            name.replace("_", " "): settings.get(name)
            for name in ("learning_rate", "ema", "discriminator_steps", "clip_norm", "freeze")
        },
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value not in (None, "")]
    table = "\n".join(["| setting | value |", "| --- | --- |", *lines])
    return [
        "## Training",
        table,
        "What is not listed is the family's own, as its paper has it. `config.json` has all of it: "
        "`kgan train --config config.json --out NEW` repeats the run.",
    ]


def _figures(results: list[dict], config: dict) -> list[str]:
    if not results:
        return ["## Figures", "None were measured. `kgan evaluate RUN --floor` measures them."]
    lines = ["| figure | value | floor | samples | extractor | measured against |"]
    lines.append("| --- | ---: | ---: | --- | --- | --- |")
    for each in results:
        facts = each["facts"]
        floor = f"{facts['floor']:.4g}" if _is_number(facts.get("floor")) else "-"
        counts = [f"{facts[of]} {of}" for of in ("generated", "real") if facts.get(of) is not None]
        samples = ", ".join(counts) or facts.get("measured", "not recorded")
        against = f"{each['data']}, {each['split'] or 'split not recorded'}"
        against += ", seen in training" if facts.get("seen_in_training") else ""
        lines.append(
            f"| {each['metric']} | {each['value']:.4g} | {floor} | {samples} | "
            f"{facts.get('extractor', 'not recorded')} | {against} |"
        )
    return [
        "## Figures",
        "\n".join(lines),
        f"At step {results[0]['facts'].get('step', '?')}. The floor is the same figure of real "
        "samples in place of generated ones. Figures with another extractor or number of samples "
        "are not comparable.",
    ]


def _limits(config: dict, results: list[dict]) -> list[str]:
    lines = [
        "It knows nothing but its data: what is rare there is rarer here, or missing.",
        "What it makes is invented. It is no record of anything, nor evidence.",
        "Samples may resemble single training samples, the more so with few of these.",
    ]
    if any(each["facts"].get("seen_in_training") for each in results):
        lines.append("Figures measured against training data flatter it.")
    lines += [
        f"{each['metric']}: {each['facts']['caveat']}"
        for each in results
        if each["facts"].get("caveat")
    ]
    said = (config.get("verdict") or {}).get("lines", [])
    lines += [" ".join(str(line).split()) for line in said]
    return ["## Limits", "\n".join(f"- {line}" for line in lines)]


def _licence(licence: str) -> list[str]:
    if licence == UNKNOWN:
        said = (
            "The licence of this model is unknown: whoever trained it has not named one. Without a "
            "licence nobody else may use it; ask them."
        )
    else:
        said = f"The model: {licence}. The data has a licence of its own."
    return ["## Licence", said]


def _loading(config: dict, name: str) -> list[str]:
    kind = _task(config)
    call = "gan.generate(16, seed=0)" if kind.startswith("uncond") else "gan"
    return [
        "## Loading",
        "With kgan (`pip install kgan`), from this folder or a copy of it:",
        f'```python\nimport kgan\n\ngan = kgan.load("gan.keras")\nsamples = {call}\n```',
        "Without kgan, with TensorFlow alone, from the SavedModel where there is one:",
        "```python\nimport tensorflow as tf\n\n"
        'model = tf.saved_model.load("saved_model")\n'
        "print(model.signatures)\n```",
        'From the hub: `kgan.load("hf://OWNER/NAME")`, `kgan generate hf://OWNER/NAME`.',
    ]


def _versions(config: dict) -> list[str]:
    said = ", ".join(f"{name} {version}" for name, version in config["versions"].items())
    when = f"Trained {config['started']} with {said}." if "started" in config else said
    return ["## Versions", when]
