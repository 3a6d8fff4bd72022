"""Types of option values, and options that several commands have."""

import math

import click


class Number(click.FloatRange):
    """A finite number. `click.FloatRange` alone would accept NaN."""

    # Click's messages say "is not a valid ..." of it.
    name = "number"

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


class Size(click.ParamType):
    """A size of images: `64` for a square, or `64x96` for height and width."""

    name = "size"

    def convert(self, value, param, ctx):
        sides = str(value).lower().split("x")
        if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
            self.fail(f"{value!r} is no size; write 64, or 64x96 for height x width.", param, ctx)
        return int(sides[0]) if len(sides) == 1 else [int(side) for side in sides]


COUNT = click.IntRange(min=1)
POSITIVE = Number(min=0, min_open=True)
# The seeds that NumPy accepts.
SEED = click.IntRange(0, 2**32 - 1)

truncation = click.option(
    "--truncation",
    type=POSITIVE,
    metavar="X",
    help="Keep latents near the centre: better samples, less variety.",
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")


def on_several(command):
    """Adds the options of a command that runs on several devices or in several workers."""
    for option in (
        click.option(
            "--index", type=click.IntRange(min=0), metavar="I", help="Which of --workers this is."
        ),
        click.option(
            "--workers",
            metavar="HOST:PORT,...",
            help="Run on several machines: all of them, the same on each. See also `kgan launch`.",
        ),
        click.option(
            "--devices",
            metavar="N|all",
            help="Run on several GPUs of this machine. Without a GPU: on N logical devices, as a "
            "trial.",
        ),
    ):
        command = option(command)
    return command


as_json = click.option(
    "--json",
    "json_lines",
    is_flag=True,
    help="Print JSON and nothing else on standard output.",
)
