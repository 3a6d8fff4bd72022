"""`kgan export --format`: a run's generator as a file of another program, and its price."""

from pathlib import Path
from typing import Any

import click

from kgan.cli.evaluation import real_samples
from kgan.cli.terminal import working
from kgan.data import kinds
from kgan.disk import marks
from kgan.errors import InputError
from kgan.inference.formats import names
from kgan.runs import RunFolder, card, trained


def chosen(out: str | None, format: str | None, precision: str | None) -> tuple[str, str]:
    """Returns the format and the precision that options name; TensorFlow is not loaded.

    Raises:
        InputError: if they name none, or do not go together.
    """
    told = names.by_suffix(out) if out else None
    kind = names.format_of(format) if format else told or names.SAVED_MODEL
    if told and told != kind:
        raise InputError(
            f"-o {out} is a name of the format {told}, and --format is {format}; leave one out."
        )
    return kind, names.precision_of(precision, kind)


def target_of(run: RunFolder, out: str | None, format: str, precision: str) -> Path:
    """Returns where to write: `-o`, or a name of the run's in the current folder."""
    if out is not None:
        return Path(out)
    added = "" if precision == names.POSSIBLE[format][0] else f"-{precision}"
    ending = names.SUFFIXES[format] or f"-{format}"
    return Path(f"{run.path.resolve().name}{added}{ending}")


def export_file(
    run: RunFolder,
    target: Path,
    format: str,
    precision: str,
    *,
    overwrite: bool,
    force: bool,
    direction: str | None,
    count: int,
    extractor: str,
    licence: str | None,
) -> Any:
    """Writes a run's generator, and returns its price.

    Args:
        run: a trained run.
        target: the file or folder.
        format, precision: as `chosen` returns them.
        overwrite: whether an existing one is replaced.
        force: whether a file that ruins the samples is kept.
        direction: of CycleGAN, "a2b" or "b2a".
        count: samples for the Fréchet distance; 0 leaves it out.
        extractor: of the Fréchet distance.
        licence: of the model, for the card of a SavedModel.

    Raises:
        InputError: if the target is taken, a package is missing, or the file would ruin the
            samples.
    """
    config = run.config()
    names.check_installed(format)
    folder = {names.SAVED_MODEL: marks.check_saved_model}.get(format)
    if format == names.WEB and target.suffix.lower() != ".html":
        folder = marks.check_page
    marks.check_free(target, overwrite, folder)
    text = card.card(run, licence) if format == names.SAVED_MODEL else None
    with working("loading TensorFlow and the run"):
        gan = trained(run)
    options: dict[str, Any] = {}
    if direction is not None:
        options["endpoint"] = direction
    kind = kinds.of(gan)
    with working("looking for the run's data"):
        real, why = _data(config["settings"], gan, count)
    if kind.from_images:
        options["representative"] = _images(real, direction) if real is not None else None
    elif real is not None:
        from kgan.evaluation.prices import with_distance

        options["judge"] = lambda price, run: with_distance(
            price, run, gan, real, extractor=extractor, count=count, force=force
        )
    if format == names.WEB:
        options["title"] = run.path.resolve().name
        options["class_names"] = config.get("data", {}).get("class_names", ())
    with working(f"writing {target.name}, and running it"):
        price = gan.export(target, format=format, precision=precision, force=force, **options)
    if text is not None:
        card.write(text, target)
    if why and not kind.from_images:
        click.echo(f"Without the Fréchet distance: {why}", err=True)
    return price


def _data(settings, gan, count) -> tuple[Any, str]:
    """Returns the run's real samples, or None and why there are none."""
    if not count:
        return None, ""
    try:
        return real_samples(settings, None, None, gan)[0], ""
    except InputError as error:
        return None, str(error)


def _images(real, direction):
    from kgan.models.blocks.image_to_image import first_samples

    return first_samples(real)[1 if direction == "b2a" else 0]
