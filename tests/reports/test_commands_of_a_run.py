"""The command that repeats a run is one that `kgan train` takes, and sets what the run had."""

import shlex

import pytest

from kgan.cli.commands.training import train
from kgan.reports.commands import to_repeat

SETTINGS = {"model": "r3gan", "data": "my photos", "split": "train", "seed": 0}


def parsed(command):
    words = shlex.split(command)
    assert words[:2] == ["kgan", "train"]
    return train.make_context("train", words[2:]).params


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"options": ["width=8", "classes=3"]}, {"options": ("width=8", "classes=3")}),
        ({"log_to": ["wandb", "mlflow"]}, {"log_to": ("wandb", "mlflow")}),
        ({"size": [32, 48], "mirror": True}, {"size": [32, 48], "mirror": True}),
        ({"seed": 7, "ema": 0}, {"seed": 7, "ema": 0}),
        # Of a run by the clock both are on record, and a command takes one of them.
        ({"steps": 5702, "minutes": 30.0}, {"steps": 5702, "minutes": None}),
    ],
)
def test_it_sets_what_the_run_had(more, expected):
    found = parsed(to_repeat(SETTINGS | more))
    assert found["data"] == "my photos" and found["model"] == "r3gan"
    assert {name: found[name] for name in expected} == expected
