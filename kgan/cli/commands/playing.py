"""`kgan play`: its options."""

import click

from kgan.runs import RunFolder


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="0.0.0.0 lets others in your network use the page, too.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    help="Default: the first free one from 7860 on.",
)
@click.option("--browser", is_flag=True, help="Open the page in the browser.")
def play(run, host, port, browser):
    """Explore the trained RUN on a page in the browser.

    New samples, directions of variation, truncation, classes, the way between two samples; for
    models that start from images, your own pictures. RUN may still be in training: a button loads
    its newest checkpoint. Needs "kgan[play]".
    """
    from kgan.playground.serving import check_installed
    from kgan.playground.serving import play as serve

    folder = RunFolder.find(run)
    folder.config()
    check_installed()
    serve(folder, host, port, browser)
