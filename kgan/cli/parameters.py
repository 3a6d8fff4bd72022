"""Kinds of values that options take."""

import math

import click


class Number(click.FloatRange):
    """A finite number; NaN would slip through any range."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


class Size(click.ParamType):
    """`64`, a square, or `64x96`, height and width."""

    name = "size"

    def convert(self, value, param, ctx):
        sides = str(value).lower().split("x")
        if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
            self.fail(f"{value!r} is no size; write 64, or 64x96 for height x width.", param, ctx)
        return int(sides[0]) if len(sides) == 1 else [int(side) for side in sides]


COUNT = click.IntRange(min=1)
POSITIVE = Number(min=0, min_open=True)
# What NumPy takes.
SEED = click.IntRange(0, 2**32 - 1)
