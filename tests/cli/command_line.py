"""Runs the command line in this process, and compares the results of two runs."""

import contextlib
import io
import json
from dataclasses import dataclass

import numpy as np
import pytest

import kgan
from kgan.cli.commands import main

# A small model: an epoch of 14 steps and the beginning of the next. Reports have their own tests.
TRAIN = ("train", "vanilla", "--variant", "relu", "--no-report")
SHORT = (*TRAIN, "--steps", 20)


@dataclass
class Result:
    """What a command did.

    Attributes:
        status: its exit status.
        out, err: what it printed.
    """

    status: int
    out: str
    err: str


def command(*words) -> Result:
    """Runs `kgan WORDS`."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as stop,
    ):
        main([str(word) for word in words])
    return Result(stop.value.code, out.getvalue(), err.getvalue())


def done(*words) -> str:
    """What a command prints that succeeds, and has nothing to complain of."""
    result = command(*words)
    assert result.status == 0, result.err
    assert result.err == ""
    return result.out


def refused(*words) -> str:
    """The one message of a command that is refused."""
    result = command(*words)
    assert result.status not in (0, None), result.out
    lines = result.err.strip().splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("Error: ")
    return lines[0]


def config(run) -> dict:
    """What `config.json` of a run says."""
    return json.loads((run / "config.json").read_text())


def assert_same_state(one, other) -> None:
    """Two runs ended with the same weights, averages, optimizers, seeds and steps, bit for bit."""
    first, second = kgan.load(one / "gan.keras"), kgan.load(other / "gan.keras")
    for of in (lambda gan: gan, lambda gan: gan.d_optimizer, lambda gan: gan.g_optimizer):
        ours, theirs = of(first).variables, of(second).variables
        assert len(ours) == len(theirs) > 0
        for mine, yours in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(yours), mine.path)
    assert int(first.iterations) == int(second.iterations)


def contents(folder) -> dict[str, bytes]:
    """Every file below a folder, with what is in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
