"""`config.json` and `evaluations.json`: damage is named, and a change on purpose is let through."""

import json

import pytest

from kgan.errors import InputError
from kgan.runs import RunFolder

CONFIG = {
    "versions": {"kgan": "0.1.0"},
    "settings": {
        **{"model": "vanilla", "data": "digits", "split": "train", "seed": 3, "batch_size": 4},
        **{"options": ["latent_size=4"], "penalties": [], "size": None, "ema": 0.9},
    },
    "model": {"latent_size": 4},
    "compile": {"loss": "hinge"},
    "finished_steps": 6,
}


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path)
    run.write_config(CONFIG)
    return run


def test_it_has_the_number_of_its_format_and_a_checksum(run):
    assert run.config() == CONFIG | {"format": 1, "checksum": run.config()["checksum"]}
    # Written again, as by a run that is resumed.
    run.write_config(run.config() | {"finished_steps": 8})
    assert run.config()["finished_steps"] == 8
    # A configuration of before has neither.
    run.config_file.write_text(json.dumps(CONFIG, indent=2))
    assert run.config() == CONFIG


def test_each_bit_that_flips_is_noticed_or_says_the_same(run):
    whole, before = run.config_file.read_bytes(), run.config()
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        run.config_file.write_bytes(content)
        try:
            found = run.config()
        except InputError:
            continue
        # The place of the data may be edited, and a lost checksum loses nothing else.
        for each in (found, before):
            each["settings"]["data"] = "digits"
        known = before.keys() - {"checksum", "format"}
        assert {name: found[name] for name in known} == {name: before[name] for name in known}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"seed": 3', '"seed": 4', 'delete its entry "checksum"'),
        ('"seed": 3', '"seed": 3, "seed": 3', "two entries 'seed'"),
        ('"seed": 3', '"seed": ' + "[" * 100_000, "nested too deeply"),
        ('"seed": 3', '"seed": 3.\xff', "config.json"),
    ],
)
def test_damage_is_named(run, before, after, said):
    text = run.config_file.read_text()
    assert before in text
    run.config_file.write_text(text.replace(before, after), encoding="latin-1")
    with pytest.raises(InputError, match=said) as error:
        run.config()
    assert str(run.config_file) in str(error.value) and "copy" in str(error.value)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        *((("settings", name), value) for name, value in [
            ("seed", "3"), ("seed", None), ("seed", True), ("batch_size", 4.5), ("options", "x"),
            ("options", [1]), ("model", 3), ("data", None), ("size", [1, 2, 3]), ("size", "8x8"),
            ("ema", float("nan")), ("steps", -1), ("epochs", "many"), ("freeze", []),
        ]),
        (("settings",), []), (("model",), None), (("compile",), 3), (("versions",), "1"),
        (("finished_steps",), "6"), (("finished_steps",), -1), (("data",), []),
        (("data",), {"class_names": [1]}), (("resumed",), {}),
    ],
)  # fmt: skip
def test_wrong_types_are_named_without_a_checksum_too(run, where, value):
    config = json.loads(json.dumps(CONFIG))
    holder = config
    for name in where[:-1]:
        holder = holder[name]
    holder[where[-1]] = value
    run.config_file.write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"config\.json is damaged"):
        run.config()


def test_data_that_has_moved_may_be_written_in(run):
    text = run.config_file.read_text()
    run.config_file.write_text(text.replace('"digits"', '"elsewhere"'))
    assert run.config()["settings"]["data"] == "elsewhere"


def test_a_change_on_purpose_is_let_through(run):
    config = run.config()
    config["settings"]["seed"] = 4
    # By a program, in a layout of its own; by hand, without the checksum.
    run.config_file.write_text(json.dumps(config))
    assert run.config()["settings"]["seed"] == 4
    del config["checksum"]
    run.config_file.write_text(json.dumps(config, indent=2) + "\n")
    assert run.config()["settings"]["seed"] == 4


def test_a_newer_format_says_so(run):
    config = CONFIG | {"format": 2, "versions": {"kgan": "7.1"}}
    run.config_file.write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"written by kgan 7\.1 in format 2.*Update kgan"):
        run.config()


def test_evaluations_are_added_to_and_damage_is_named(run):
    run.add_evaluation({"step": 4, "figures": {"recall": 0.5}})
    run.add_evaluation({"step": 6, "figures": {"recall": 0.25}})
    assert [(each["step"], each["format"]) for each in run.evaluated()] == [(4, 1), (6, 1)]
    text = run.evaluations.read_text()
    for damaged in (text.replace("0.25", "0.75"), text[:-9], "{}", "[3]", "[" * 100_000):
        run.evaluations.write_text(damaged)
        with pytest.raises(InputError, match=r"evaluations\.json.*Move it away"):
            run.add_evaluation({"step": 8, "figures": {}})
        assert run.evaluations.read_text() == damaged
    # Records of before have no checksum.
    run.evaluations.write_text('[{"step": 4}]')
    assert run.evaluated() == [{"step": 4}]
