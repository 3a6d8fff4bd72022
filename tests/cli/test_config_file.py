"""`kgan train --config`: a file in YAML or JSON, and the schema that says what it may hold."""

import json
import pathlib

import jsonschema
import pytest
from command_line import command

from kgan.cli import schema

ROOT = pathlib.Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "run.schema.json"
SHORT = "settings: {model: vanilla, steps: 4, batch_size: 50, options: {latent_size: 8}}\n"


def test_the_published_schema_is_that_of_the_options():
    assert PUBLISHED.read_text(encoding="utf-8") == schema.text(), (
        "Write it anew: python -m kgan.cli.schema > docs/run.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(json.loads(PUBLISHED.read_text()))


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("tests/golden/*/run/config.json")), ids=lambda path: path.parts[-3]
)
def test_the_records_of_runs_fit_the_schema(path):
    # What a run of today writes as well.
    later = {"findings": [{"kind": "collapse", "step": 3}], "verdict": {"lines": []}}
    record = json.loads(path.read_text()) | later
    jsonschema.validate(record, json.loads(PUBLISHED.read_text()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("settings: {stepz: 4}", "unknown setting 'stepz'. Did you mean 'steps'?"),
        ("settings: {learning-rat: 1}", "Did you mean 'learning_rate'"),
        ("settings: {steps: many}", "'steps' is 'many'; it takes an integer of at least 1."),
        ("settings: {ema: 1.5}", "'ema' is 1.5; it takes a number of at least 0 below 1."),
        ("settings: {channels: 2}", "'channels' is 2; it takes 1 or 3 or 4."),
        ("settings: {penalties: [1]}", "'penalties.0' is 1; it takes a list of texts."),
        ("settings: {mirror: 'yes'}", "'mirror' is 'yes'; it takes true or false."),
        ("steps: 4", "'steps' is a setting; it belongs under `settings:`."),
        ("settings: {steps: 4, steps: 5}", "the key 'steps' is given twice"),
        ("settings: {steps: 4", "is no YAML"),
        ("- 4", "holds no settings"),
        ("settings: {steps: !!python/object/apply:os.getcwd []}", "is no YAML"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_made(tmp_path, text, said):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    result = command("train", "--config", path, "--out", tmp_path / "run")
    assert result.status == 1
    assert said in result.err and str(path) in result.err
    assert not (tmp_path / "run").exists()


def settings_of(run):
    return json.loads((run / "config.json").read_text())["settings"]


@pytest.mark.slow
def test_options_win_over_the_file_and_a_record_repeats_its_run(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(SHORT.replace("}}", "}, learning_rate: 1e-4, size: [8, 8], epochs: null}"))
    first, again, longer = (tmp_path / name for name in ("first", "again", "longer"))
    result = command("train", "--config", path, "--out", first, "--seed", 5)
    assert result.status == 0, result.err
    taken = settings_of(first)
    assert (taken["steps"], taken["learning_rate"], taken["seed"]) == (4, 1e-4, 5)
    assert taken["options"] == ["latent_size=8"]

    result = command("train", "--config", first / "config.json", "--out", again)
    assert result.status == 0, result.err
    assert settings_of(again) == taken
    assert (again / "history.csv").read_bytes() == (first / "history.csv").read_bytes()

    result = command(
        *("train", "--config", first / "config.json", "--out", longer),
        *("--epochs", 1, "-O", "preset=minimax"),
    )
    assert result.status == 0, result.err
    other = settings_of(longer)
    assert (other["steps"], other["epochs"], other["seed"]) == (None, 1, 5)
    assert other["options"] == ["latent_size=8", "preset=minimax"]
