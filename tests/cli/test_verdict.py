"""The verdict at the end of a run."""

import json
import types

import pytest
from command_line import SHORT, command, config, done

import kgan
from kgan.cli import verdict


def test_a_run_ends_with_a_verdict_of_four_lines(tmp_path):
    out = done(*SHORT, "--out", tmp_path / "run")
    titles = ("How good:", "How varied:", "Memorised:", "Training longer:")
    said = [line for line in out.splitlines() if line.startswith(titles)]
    assert len(said) == 4
    # After 20 steps a generator draws noise.
    assert "not like real ones" in said[0]
    stored = json.loads((tmp_path / "run" / "config.json").read_text())["verdict"]
    assert stored["lines"] == said
    assert stored["step"] == 20
    assert stored["figures"]["precision"] < 0.2


@pytest.mark.slow
def test_a_failure_of_the_verdict_does_not_fail_the_run(tmp_path, monkeypatch):
    def broken(*args, **settings):
        raise RuntimeError("no room for it\nand more")

    monkeypatch.setattr("kgan.metrics.judgement.verdict", broken)
    result = command(*SHORT, "--out", tmp_path / "run")
    assert result.status == 0
    assert result.err.strip() == "Warning: there is no verdict on this run: no room for it"
    assert (tmp_path / "run" / "gan.keras").is_file()


def test_what_is_held_out():
    assert verdict.candidates("train") == ["test"]
    assert verdict.candidates("train[:90%]") == ["test", "train[90%:]"]
    assert verdict.candidates("train[100:900]") == ["test", "train[900:]", "train[:100]"]
    assert verdict.candidates("test") == []
    assert verdict.candidates("test[:50%]") == ["test[50%:]"]
    assert verdict.candidates("train+test") == []


def test_models_that_start_from_images_get_a_sentence(capsys):
    job = types.SimpleNamespace(gan=kgan.models.Pix2Pix)
    assert verdict.watchers(job) == []
    verdict.give(job)
    assert capsys.readouterr().out.startswith("No verdict: this model starts from images")


@pytest.mark.slow
def test_a_run_that_dies_at_its_verdict_gives_it_when_resumed(tmp_path, monkeypatch):
    def dies(*ignored, **also):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("kgan.metrics.judgement.verdict", dies)
        command(*SHORT, "--out", tmp_path / "run")
    assert (tmp_path / "run" / "gan.keras").is_file()
    done("train", "--resume", "--out", tmp_path / "run")
    assert config(tmp_path / "run").keys() >= {"verdict", "findings", "finished_steps"}
