"""What a report shows of a trained model: its samples, beside real ones where those are at hand."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from kgan import latents as spaces
from kgan import pictures
from kgan.data import kinds
from kgan.evaluation.generators import Run
from kgan.evaluation.neighbours import neighbours
from kgan.evaluation.samples import Frame
from kgan.inference.seeds import seed_pair
from kgan.models.blocks.image_to_image import first_samples
from kgan.reports.embedding import Picture, of_array
from kgan.reports.facts import Facts

# A sheet, as `kgan train` draws it; so many classes, and samples of each.
_SHEET, _POINTS = 64, 1000
_MOST_CLASSES, _OF_EACH = 20, 8
# Between how many pairs of samples, in how many steps.
_PATHS, _STEPS = 4, 8
# Samples searched for neighbours, training samples that they are compared with, rows, neighbours.
_SEARCHED, _TRAINING, _ROWS, _NEAREST = 200, 3000, 6, 4
_EXAMPLES = 4
# What the columns of a preview of a translator show.
_COLUMNS = {
    "translate": ("input", "translated", "target"),
    "upscale": ("enlarged bicubically", "enlarged by the model", "original"),
    "both": ("A", "A to B", "back to A", "B", "B to A", "back to B"),
}


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page: its heading, what is to be said, and its pictures.

    Attributes:
        title: the heading.
        text: a paragraph below it.
        pictures: the pictures.
        layout: "sheets" for large ones, "rows" for wide ones, "columns" for ones that stay side by
            side.
    """

    title: str
    text: str
    pictures: list[Picture]
    layout: str = "sheets"


def of_model(facts: Facts, gan: Any) -> tuple[list[Section], list[str]]:
    """Returns the sections that take the model, and why others are missing, a sentence each."""
    settings = facts.settings
    if kinds.of(gan).from_images:
        makers = [lambda: _before_and_after(gan, settings)]
    else:
        source = Run(facts.run.path, gan)
        image = len(gan.sample_shape) == 3
        names = facts.config.get("data", {}).get("class_names") or []
        makers = [lambda: _sheets(source)]
        if image and gan.classes:
            makers.append(lambda: _by_class(source, names))
        if image:
            makers += [lambda: _neighbours(source), lambda: _interpolations(gan)]
    found, said = [], []
    with warnings.catch_warnings():
        # What they warn of was said in the training.
        warnings.simplefilter("ignore")
        for make in makers:
            section, problem = _tried(make)
            found += [section] if section is not None else []
            said += [problem] if problem else []
    return found, list(dict.fromkeys(said))


def _tried(make: Callable[[], Section | None]) -> tuple[Section | None, str]:
    """Returns a section, or what is wrong: one of them must not cost the others."""
    try:
        return make(), ""
    except Exception as error:
        return None, str(error).strip().split("\n")[0] or type(error).__name__


def _sheets(source: Run) -> Section:
    gan: Any = source.gan
    points = len(gan.sample_shape) == 1 and gan.sample_shape[0] <= 2
    count = _POINTS if points else _SHEET
    columns = getattr(gan, "preview_columns", None)
    labels = None
    if gan.classes:
        # As in the strip: full rows of all classes.
        count -= count % gan.classes if gan.classes < count else 0
        labels = np.arange(count) % gan.classes
    try:
        samples = source.training().open(Frame())
        real = np.concatenate([batch for batch, _ in samples.batches(count)])
        missing = ""
    except Exception as error:
        real, missing = None, str(error).strip().split("\n")[0]
    made = np.concatenate([batch for batch, _ in source.open(Frame()).batches(count, labels)])
    value_range = (-1.0, 1.0) if gan.data_range is not None else None

    def drawn(values, alt, caption):
        reference = real if points else None
        pixels = pictures.draw(
            values, value_range=value_range, columns=columns, reference=reference
        )
        return of_array(pixels, alt, caption)

    shown = [drawn(made, f"{len(made)} generated samples", "generated")]
    if real is not None and not points:
        shown.append(drawn(real, f"{len(real)} real samples of the training data", "real"))
    text = "None is picked: these are the first samples of one seed."
    if missing:
        text += f" Real pictures are not shown, because the data is not at hand: {missing}"
    elif points:
        text += " The training data is drawn in grey."
    return Section("Samples beside real data", text, shown)


def _by_class(source: Run, names: list[str]) -> Section:
    gan: Any = source.gan
    shown, real = [], {}
    try:
        for batch, labels in source.training(labels=True).open(Frame()).batches(1000):
            for image, label in zip(batch, labels, strict=True):
                kept = real.setdefault(int(label), [])
                if len(kept) < _OF_EACH:
                    kept.append(image)
    except Exception:
        # The section before has said so.
        real = {}
    for each in range(min(gan.classes, _MOST_CLASSES)):
        name = names[each] if each < len(names) else str(each)
        made = gan.generate(_OF_EACH, labels=each, seed=each)
        pixels = pictures.draw(made, value_range=gan.data_range, columns=_OF_EACH, size=480)
        shown.append(of_array(pixels, f"{_OF_EACH} generated samples of class {name}", name))
        if real.get(each):
            images = np.stack(real[each])
            pixels = pictures.draw(images, value_range=(-1, 1), columns=_OF_EACH, size=480)
            alt = f"{len(images)} real samples of class {name}"
            shown.append(of_array(pixels, alt, f"{name}, real"))
    left_out = gan.classes - _MOST_CLASSES
    text = f"{_OF_EACH} samples of each class, with one seed a class."
    text += f" {left_out} further classes are left out." if left_out > 0 else ""
    return Section("Class by class", text, shown, "rows")


def _neighbours(source: Run) -> Section | None:
    try:
        size = source.training().open(Frame()).size
    except Exception:
        # The sheet says that the data is not at hand.
        return None
    found = neighbours(
        source, rows=_ROWS, k=_NEAREST, count=_SEARCHED, most_training=_TRAINING, frame=Frame()
    )
    pixels = pictures.neighbours(found.samples, found.nearest, found.value_range, size=560)
    alt = (
        f"{len(found.samples)} generated samples, each beside the {_NEAREST} training samples that "
        "are most like it"
    )
    low, high = found.nearest_of_training
    of = f"{found.training:,}" + (f" of {size:,}" if size and size > found.training else "")
    text = (
        f"Left of the bar the {len(found.samples)} of {found.searched:,} generated samples that "
        f"are most like training samples, right of it the nearest of {of} training samples. A "
        "sample that equals its neighbour was memorised. Their distances are "
        f"{found.distances[0, 0]:.3g} to {found.distances[-1, 0]:.3g}; training samples in their "
        f"place have {low:.3g} to {high:.3g} ({found.extractor})."
    )
    if found.caveat:
        text += f" {found.caveat[0].upper()}{found.caveat[1:]}."
    return Section("Nearest real neighbours: is it memorising?", text, [of_array(pixels, alt)])


def _interpolations(gan: Any) -> Section | None:
    drawn = gan.draw(2 * _PATHS, seed_pair(1))
    if not hasattr(drawn, "shape"):
        # Several latents for a sample, as in pyramids.
        return None
    ends = np.asarray(drawn)
    spherical = isinstance(gan.latents, spaces.Normal)
    paths = [
        spaces.interpolate(start, end, _STEPS, spherical)
        for start, end in zip(ends[:_PATHS], ends[_PATHS:], strict=True)
    ]
    labels = np.repeat(np.arange(_PATHS) % gan.classes, _STEPS) if gan.classes else None
    made = gan.generate(latents=np.concatenate(paths), labels=labels, seed=0)
    pixels = pictures.draw(made, value_range=gan.data_range, columns=_STEPS, size=640)
    alt = f"{_PATHS} rows of {_STEPS} samples, each changing gradually from the first to the last"
    text = "Each row goes from one latent to another in equal steps" + (
        ", along a great circle." if spherical else "."
    )
    if gan.classes:
        text += " Its class stays the same."
    return Section("Interpolation between samples", text, [of_array(pixels, alt)])


def _before_and_after(gan: Any, settings: dict[str, Any]) -> Section:
    title = "Before and after"
    kind = kinds.of(gan)
    if gan.examples is None:
        try:
            gan.examples = first_samples(_loaded(gan, kind, settings))
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            text = f"Not shown, because the data is not at hand: {reason} See the growth above."
            return Section(title, text, [])
    columns = gan.preview_columns
    names = _COLUMNS["both" if kind.directions else kind.command]
    made = gan.preview(columns * _EXAMPLES)["samples"]
    value_range = gan.data_range
    shown = []
    for place, name in zip(range(columns), names, strict=False):
        images = made[place::columns]
        pixels = pictures.draw(images, value_range=value_range, columns=1, size=260)
        shown.append(of_array(pixels, f"{len(images)} images: {name}", name))
    text = f"{len(made) // columns} images of the run's data, one a row."
    return Section(title, text, shown, "columns")


def _loaded(gan, kind, settings):
    common = {"split": settings["split"], "batch_size": _EXAMPLES, "seed": settings["seed"]}
    if gan.data_range is not None:
        common["value_range"] = gan.data_range
    return kind.load(
        kinds.Wanted(
            family=type(gan),
            source=settings["data"],
            source_b=settings.get("data_b"),
            common=common,
            size=settings["size"],
            channels=settings["channels"],
            data_dir=settings["data_dir"],
            scale=getattr(gan, "scale", 4),
            training=True,
        )
    )
