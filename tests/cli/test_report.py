"""`kgan report`, `kgan compare`, and the report at the end of `kgan train`."""

import json

import pytest
from command_line import SHORT, command, config, done, refused


@pytest.mark.slow
def test_a_report_is_written_on_request_in_place_of_the_one_of_training(tmp_path):
    run = tmp_path / "own"
    done("train", "vanilla", "--preset", "relu", "--steps", 20, "--out", run)
    before = (run / "report.html").read_text()
    assert "Samples beside real data" in before
    assert "64 real samples of the training data" in before
    assert "Nearest real neighbours" in before
    assert f"{config(run)['verdict']['lines'][0].partition(':')[2].strip()[:20]}" in before
    (run / "report.html").unlink()
    said = json.loads(done("report", run, "--json"))
    assert said["bytes"] == (run / "report.html").stat().st_size
    assert "64 real samples" in (run / "report.html").read_text()


@pytest.mark.slow
def test_an_error_in_the_report_leaves_the_run_as_it_is(run, monkeypatch):
    from kgan.reports import page

    def fails(*_):
        raise ValueError("no\nroom")

    monkeypatch.setattr(page, "write", fails)
    result = command("train", "--resume", "--out", run, "--steps", 22)
    assert result.status == 0
    assert result.err.strip() == "Warning: there is no report on this run: no"
    assert config(run)["finished_steps"] == 22


def test_a_report_can_be_left_out(prepared):
    job = prepared(*SHORT, "--no-report", "--out", "run")
    assert not job.with_report
    assert "no_report" not in job.settings


def test_runs_are_put_side_by_side(run, finished, tmp_path):
    out = tmp_path / "both.html"
    done("compare", run, finished, "-o", out)
    assert "2 runs side by side" in out.read_text()
    assert "already exists" in refused("compare", run, finished, "-o", out)
    assert "holds no run" in refused("compare", run, tmp_path / "none", "-o", tmp_path / "x.html")
