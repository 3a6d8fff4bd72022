"""`kgan evaluate A B`: prints what `kgan.compare` finds, and keeps it with a run."""

import json
from pathlib import Path

import click

from kgan.cli import reporting
from kgan.disk import locks
from kgan.runs import card, provenance


def compare(a: str, b: str, settings: dict, as_json: bool) -> None:
    """Measures A against B and prints the figures; those of a run join its `evaluations.json`.

    Args:
        a, b: what is measured, and the reference.
        settings: arguments of `kgan.compare`.
        as_json: whether to print the record as JSON, and nothing else.

    Raises:
        InputError: as `kgan.compare` does.
    """
    import kgan
    from kgan.evaluation.generators import Run
    from kgan.evaluation.sources import find

    source = find(a, reference=False)
    if isinstance(source, Run):
        # Measuring takes minutes: a file that cannot be added to is found before.
        source.run.evaluated()
    found = kgan.compare(source, b, **settings)
    environment = provenance()
    record = {
        "measured": environment["started"],
        **found.record(),
        "machine": environment["machine"],
        "versions": environment["versions"],
    }
    if as_json:
        click.echo(json.dumps(record, indent=2))
    else:
        click.echo(f"{_shown(record['a'])}\nagainst {_shown(record['b'])}:\n")
        click.echo(
            reporting.table(
                record["figures"], record["floor"], record["rests_on"], ("measured", "floor")
            )
        )
        if found.halves:
            click.echo(
                f"\nUnder 'floor': {found.halves[0]:,} samples of the reference against "
                f"{found.halves[1]:,} others of it."
            )
    if isinstance(source, Run):
        stored = {
            "measured": record["measured"],
            "step": source.gan.steps_taken,
            "data": found.b["name"],
            "split": found.b["split"],
            "trained_on_it": found.trained_on_it,
            "figures": record["figures"],
            "floor": record["floor"],
            **({"floor_of": "halves"} if found.halves else {}),
            "rests_on": record["rests_on"],
            "machine": record["machine"],
            "versions": record["versions"],
        }
        with locks.briefly(source.run.evaluations):
            source.run.add_evaluation(stored)
            card.refresh(source.run)
        if not as_json:
            click.echo(f"\nStored in {source.run.evaluations}")


def check_neighbours(a: str, training) -> None:
    """Checks that training samples are known, before minutes of work.

    Raises:
        InputError: if A is no run and they are not named.
    """
    from kgan.errors import InputError
    from kgan.evaluation.sources import is_run

    if training is None and not is_run(Path(a)):
        raise InputError(
            "--neighbours shows training images, which only a run of `kgan train` tells. Name "
            "them: --training SOURCE."
        )


def draw_neighbours(a: str, out: str, training, settings: dict, as_json: bool) -> None:
    """Writes a picture of the samples that lie nearest to training samples.

    Args:
        a: the samples, or what generates them.
        out: the PNG file.
        training: what it was trained on; None takes that of a run.
        settings: arguments of `kgan.compare`.
        as_json: whether standard output is to stay as it is.

    Raises:
        InputError: if the samples are no images, or there is no training data.
    """
    from kgan.errors import InputError
    from kgan.evaluation.neighbours import neighbours
    from kgan.evaluation.samples import Frame
    from kgan.pictures import neighbours as drawn
    from kgan.pictures.files import write_png

    names = ("size", "channels", "seed", "value_range", "latents", "classes")
    frame = Frame(**{name: settings[name] for name in names if name in settings})
    found = neighbours(a, training, extractor=settings["extractor"], frame=frame)
    if found.samples.ndim != 4:
        raise InputError(
            f"--neighbours draws images; these samples have shape {found.samples.shape[1:]}."
        )
    write_png(out, drawn(found.samples, found.nearest, found.value_range), command="evaluate")
    caveat = f"; {found.caveat}" if found.caveat else ""
    click.echo(
        f"\n{out}: of {found.searched:,} samples, the {len(found.samples)} that lie nearest to "
        f"training images, each with its nearest of {found.training:,} to its right. Distances: "
        f"{found.distances[0, 0]:.3g} to {found.distances[-1, 0]:.3g}. The {len(found.samples)} of "
        f"as many training images that lie nearest to another: {found.nearest_of_training[0]:.3g} "
        f"to {found.nearest_of_training[1]:.3g} ({found.extractor}{caveat}).",
        err=as_json,
    )


def _shown(facts: dict) -> str:
    split = f", split {facts['split']!r}" if facts["split"] else ""
    number = facts["samples"]
    count = "" if number is None else f", {number:,} samples"
    return f"{facts['name']} ({facts['kind']}{split}{count})"
