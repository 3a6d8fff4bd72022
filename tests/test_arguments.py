"""The checks of arguments: valid values are returned in their type, errors name the argument."""

import math

import numpy as np
import pytest

from kgan import arguments
from kgan.errors import InputError


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: arguments.integer("n", np.int64(3)), 3),
        (lambda: arguments.integer("n", 0, least=0), 0),
        (lambda: arguments.integer("n", -5, None), -5),
        (lambda: arguments.number("x", np.float32(0.5)), 0.5),
        (lambda: arguments.number("x", np.array(2)), 2.0),
        (lambda: arguments.number("x", 1, above=0, most=1), 1.0),
        (lambda: arguments.fraction("x", 0), 0.0),
        (lambda: arguments.choice("scale", 2.0, (2, 4)), 2),
        (lambda: arguments.boolean("b", False), False),
        (lambda: arguments.classes(None), 0),
        (lambda: arguments.classes(np.int32(10)), 10),
        (lambda: arguments.image_shape([8, np.int64(8), 1]), (8, 8, 1)),
        (lambda: arguments.image_shape((2,), points=True), (2,)),
        (lambda: arguments.interval("range", (0, 1)), (0.0, 1.0)),
        (lambda: arguments.seed(None), None),
        (lambda: arguments.seed(2**40), 2**40),
    ],
)
def test_what_passes(made, expected):
    found = made()
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: arguments.integer("n", True), "n must be a positive integer; got True."),
        (lambda: arguments.integer("n", "3"), "n must be a positive integer; got '3'."),
        (lambda: arguments.integer("n", 1, 2), "n must be an integer of at least 2; got 1."),
        (lambda: arguments.integer("n", 10**9, most=9), "n must be at most 9; got 1000000000."),
        (lambda: arguments.integer("n", 0, or_else="'auto'"), "integer or 'auto'; got 0."),
        (lambda: arguments.number("x", math.nan), "x must be a finite number; got nan."),
        (lambda: arguments.number("x", 10**400), "x must be a finite number; got 1000"),
        (lambda: arguments.number("x", np.array([1.0])), "x must be a finite number"),
        (lambda: arguments.number("x", 0, above=0), "x must be a positive number; got 0."),
        (lambda: arguments.number("x", 1, above=2), "x must be a number above 2; got 1."),
        (lambda: arguments.number("x", 3, most=2), "x must be a number of at most 2; got 3."),
        (lambda: arguments.number("x", 2, below=2), "x must be a number below 2; got 2."),
        (lambda: arguments.number("x", 0, above=0, most=1), "x must be a number in (0, 1]; got 0."),
        (lambda: arguments.fraction("x", 1), "x must be a number in [0, 1); got 1."),
        (lambda: arguments.choice("p", "papr", {"paper": 1}), "Unknown p 'papr'. Did you mean"),
        (lambda: arguments.choice("p", [1], ("a",), of="A"), "Unknown p of A [1]. Known: a."),
        (lambda: arguments.choice("c", True, (1, 3)), "c must be 1 or 3; got True."),
        (lambda: arguments.boolean("b", 1), "b must be True or False; got 1."),
        (lambda: arguments.classes(1), "One class tells nothing apart"),
        (lambda: arguments.classes(0, needed=True), "classes must be a positive integer; got 0."),
        (lambda: arguments.classes("x"), "classes must be a positive integer or 0 for none"),
        (lambda: arguments.image_shape("881"), "image_shape is (height, width, channels)"),
        (lambda: arguments.image_shape((2,)), "positive integers; got (2,)."),
        (lambda: arguments.interval("range", (1, 0)), "range must be two numbers (low, high)"),
        (lambda: arguments.interval("range", 3), "like (-1, 1); got 3."),
        (lambda: arguments.path("out", "a\0b"), "out must be a path; got 'a\\x00b'."),
        (lambda: arguments.utf8_path("out", 3), "out must be a path; got 3."),
        (lambda: arguments.utf8_path("out", "caf\udce9"), "out must be a path in UTF-8, because"),
        (lambda: arguments.seed(0.5), "seed must be an integer or None; got 0.5."),
        (lambda: arguments.seed_and_name(1, "a/b"), "name must be a word without"),
    ],
)
def test_what_does_not(made, message):
    with pytest.raises(InputError) as refused:
        made()
    assert message in str(refused.value)
