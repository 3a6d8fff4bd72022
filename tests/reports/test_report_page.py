"""`kgan.report`: what stands on the page, by value."""

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from reading_pages import Page, decoded
from stored_runs import history, pixels

import kgan
from kgan import InputError
from kgan.reports import writing
from kgan.runs import RunFolder


def changed(run, **entries):
    """Changes entries of a run's config.json, as another version or an attacker might."""
    config = json.loads((run / "config.json").read_text()) | entries
    RunFolder(run).write_config(config)


def test_curves_are_those_of_the_history_and_frames_those_of_the_run(golden):
    run = golden()
    page = Page(kgan.report(run))
    rows = history(run)
    assert page.curves.keys() == {"d_loss", "g_loss", "d_real"}
    for name, [(steps, values)] in page.curves.items():
        assert steps == [int(row["step"]) for row in rows]
        assert values == [float(row[name]) for row in rows]
    assert [frame["step"] for frame in page.frames] == [0, 10, 20]
    for frame in page.frames:
        stored = run / "samples" / f"step-{frame['step']:07d}.png"
        np.testing.assert_array_equal(decoded(frame["source"]), pixels(stored))
    # The networks make them: the sheet, its neighbour of real data is not at hand.
    assert "64 generated samples" in page.images
    assert "the data is not at hand" in page.text
    assert "Interpolation between samples" in page.text
    assert all(alt for alt in page.images)
    assert "kgan train vanilla" in page.text


def test_names_from_outside_are_text_and_no_markup(golden):
    evil = "</script><script>alert(1)</script>"
    run = golden("conditional", into="<i>run<b>")
    names = [evil, "<img src=x onerror=alert(1)>", "'\"&amp;"]
    changed(
        run,
        data={"shape": [4, 4, 1], "size": 9, "classes": 3, "class_names": names},
        verdict={"lines": [f"How good:  {evil}"], "figures": {}, "step": 6},
        findings=[{"kind": "x", "message": evil}],
    )
    RunFolder(run).add_to_history(9, 90, {"d_loss": 1.0, evil: 2.0})
    page = Page(kgan.report(run))
    scripts = [tag for name, tag in page.tags if name == "script"]
    assert len(scripts) == 2 + len(page.data)
    assert not any(name in ("i", "b") or tag.get("src") == "x" for name, tag in page.tags)
    assert page.text.count(evil) >= 3
    assert "<i>run<b>" in page.text
    assert evil in page.curves
    classes = [alt for alt in page.images if alt.startswith("8 generated samples of class")]
    assert len(classes) == 10
    assert f"8 generated samples of class {evil}" in classes
    assert "60 generated samples" in page.images


def test_losses_that_are_not_finite_are_gaps_and_said(golden):
    run = golden()
    RunFolder(run).add_to_history(5, 9, {"d_loss": float("nan"), "g_loss": float("inf")})
    page = Page(kgan.report(run))
    [(_, values)] = page.curves["d_loss"]
    assert values[-1] == {"type": "number", "value": "nan"}
    assert "In 1 of 6 epochs a loss was not finite" in page.text


def test_a_run_without_history_model_or_pictures_has_a_page_that_says_so(golden):
    run = golden("began", rows=0, pictures=0)
    for saved in run.glob("checkpoints/*/state.weights.h5"):
        saved.write_bytes(b"damaged")
    page = Page(kgan.report(run))
    assert page.curves == {}
    assert "There is no history of this run" in page.text
    assert "No pictures of samples" in page.text
    assert "damaged" in page.text
    assert "not finished" in page.text


def test_a_damaged_picture_costs_no_other(golden):
    run = golden()
    (run / "samples" / "step-0000010.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    page = Page(kgan.report(run))
    assert [frame["step"] for frame in page.frames] == [0, 20]
    assert "1 of the pictures in samples/ could not be read" in page.text


def test_another_file_is_only_replaced_on_request(golden, tmp_path):
    run, out = golden(), tmp_path / "page.html"
    out.write_text("mine")
    with pytest.raises(InputError, match="already exists"):
        kgan.report(run, out)
    assert out.read_text() == "mine"
    with pytest.raises(InputError, match="FILE.html"):
        kgan.report(run, tmp_path / "page.pdf")
    assert "<!doctype html>" in kgan.report(run, out, overwrite=True).read_text()


def test_runs_side_by_side_show_what_differs(golden, tmp_path):
    one, other = golden(into="one"), golden("conditional", rows=3, into="other")
    page = Page(kgan.compare_runs([one, other], tmp_path / "both.html"))
    assert page.curves.keys() == {"one", "other"}
    first = [float(row["d_loss"]) for row in history(one)]
    second = [float(row["d_loss"]) for row in history(other)]
    assert page.curves["one"][0][1] == first
    assert page.curves["other"][0][1] == second
    assert "conditional" in page.text
    with pytest.raises(InputError, match="Two to"):
        kgan.compare_runs([one])


@pytest.mark.parametrize(
    ("planned", "told"), [(300, "120 of 300"), (100, "120, 100 planned"), (None, "120 of 120")]
)
def test_the_clock_may_end_a_run_after_more_steps_than_planned(planned, told):
    config = {"versions": {}} | ({} if planned is None else {"total_steps": planned})
    assert writing.times(types.SimpleNamespace(config=config, step=120))["steps"] == told
