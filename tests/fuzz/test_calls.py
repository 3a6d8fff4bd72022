"""Calls with values that do not belong there work, or are answered; see `calls`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import calls


@pytest.fixture(scope="module")
def made():
    return calls.targets()


@pytest.mark.slow
def test_some_calls(made):
    light = {k: v for k, v in made.items() if k.split(".")[0] not in ("models", "functions")}
    assert calls.run(range(150), light) == {}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 4000, 1000))
def test_four_thousand_calls(first, made):
    assert calls.run(range(first, first + 1000), made) == {}


def test_an_error_from_the_depths_is_found():
    """An error of Python's own is an answer; one of a line inside a call is none."""
    made = {
        "deep": (lambda text="a": [len(part) for part in [text]], {}),
        "checked": (lambda text="a": calls.kgan.arguments.text("text", text), {}),
        "strict": (lambda *, number=1: calls.kgan.arguments.integer("number", number), {}),
    }
    found = calls.run(range(60), {"deep": made["deep"]})
    assert found and all("deep: TypeError" in where for where in found)
    assert calls.run(range(60), {k: v for k, v in made.items() if k != "deep"}) == {}
