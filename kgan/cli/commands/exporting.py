"""`kgan export`: its options."""

import json
from pathlib import Path

import click

from kgan.cli.parameters import as_json
from kgan.cli.reports import spoken
from kgan.disk import marks
from kgan.errors import InputError
from kgan.runs import RunFolder, card


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--format",
    metavar="NAME",
    help="savedmodel, keras, onnx, litert or web. Default: what the end of -o tells (.keras, "
    ".onnx, .tflite, .html), else savedmodel.",
)
@click.option(
    "--precision",
    metavar="NAME",
    help="float32, float16 (of a savedmodel, onnx, litert or web) or int8 (of onnx or litert). "
    "Default: float32, of a web page float16.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    help="Default: RUN/saved_model; of other formats a file of the run's name, here.",
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
@click.option("--force", is_flag=True, help="Keep a file that ruins the samples.")
@click.option("--direction", type=click.Choice(["a2b", "b2a"]), help="Of CycleGAN.")
@click.option(
    "--measure",
    type=click.IntRange(min=0),
    metavar="N",
    default=2000,
    show_default=True,
    help="Samples for the change in Fréchet distance; 0 leaves it out.",
)
@click.option(
    "--extractor",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="Of the Fréchet distance, as in `kgan evaluate`.",
)
@click.option(
    "--licence",
    "--license",
    metavar="NAME",
    help="Of the model, for its card, such as apache-2.0. Default: unknown.",
)
@as_json
def export(
    run,
    format,
    precision,
    out,
    overwrite,
    force,
    direction,
    measure,
    extractor,
    licence,
    json_lines,
):
    """Write RUN's generator for other programs.

    A SavedModel has a model card beside it. What is written in another format or precision is run
    in its own runtime and compared with the model, and its price is said; a file that ruins the
    samples is not kept. A web page (--format web, -o page.html) draws samples in a browser, or
    changes a visitor's pictures, without a server.
    """
    from kgan.cli.exporting import chosen, export_file, target_of

    folder = RunFolder.find(run)
    kind, stored = chosen(out, format, precision)
    if kind == "savedmodel" and precision is None:
        _saved_model(folder, run, out, overwrite, licence, json_lines)
        return
    with spoken(json_lines):
        price = export_file(
            folder,
            target_of(folder, out, kind, stored),
            kind,
            stored,
            overwrite=overwrite,
            force=force,
            direction=direction,
            count=measure,
            extractor=extractor,
            licence=licence,
        )
    if json_lines:
        click.echo(json.dumps(price.record()))
        return
    click.echo(f"Wrote {price.path}. {price}.")
    if kind == "web":
        place = Path(price.path)
        page = place if place.suffix.lower() == ".html" else place / "index.html"
        click.echo(f"Open {page} in a browser; it needs no server and no network.")


def _saved_model(folder, run, out, overwrite, licence, json_lines):
    from kgan.arguments import utf8_path
    from kgan.cli.terminal import working
    from kgan.runs import trained
    from kgan.runs.files import write_saved_model

    folder.config()
    if folder.is_carried and out is None:
        raise InputError(f"{run} is a model that kgan carries; say where to write it: -o FOLDER.")
    target = Path(out) if out else folder.saved_model
    utf8_path("-o", target)
    if out is None and not overwrite and target.is_dir() and any(target.iterdir()):
        raise InputError(
            f"{target} is there already: training wrote it, and it is ready to serve. For another "
            "copy give -o FOLDER, or --overwrite to write it again."
        )
    marks.check_free(target, overwrite, marks.check_saved_model)
    text = card.card(folder, licence)
    with spoken(json_lines):
        with working("loading TensorFlow and the run"):
            gan = trained(folder)
        write_saved_model(gan, target)
        card.write(text, target)
    if json_lines:
        facts = {"format": "savedmodel", "precision": "float32", "path": str(target)}
        click.echo(json.dumps(facts | {"signatures": gan.signatures}))
        return
    click.echo(f"Exported to {target}: {gan.signatures}. It loads without kgan.")
